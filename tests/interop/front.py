"""A WinRM listener whose authentication and sealing are done by an acceptor of others; the messages go to a backend.

front.py --acceptor NAME --backend URL --user NAME --password-env VARIABLE [OPTION…]: listens on 127.0.0.1 and prints one JSON line
when it is ready. Each connection is a session. What it opens goes to the backend over plain http with Basic, and the
reply comes back sealed. `--mangle` damages what it sends, in one point.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import re
import signal
import ssl
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from acceptors import ACCEPTORS, Refused, Settings, end_point_binding, write_accounts
from damage import REPLIES, TOKENS, damaged_seal, mangled_from_client, mangled_to_client

PROTOCOLS = {"Negotiate": "application/HTTP-SPNEGO-session-encrypted", "Kerberos": "application/HTTP-Kerberos-session-encrypted"}
SOAP = "application/soap+xml;charset=UTF-8"
BOUNDARY = b"--Encrypted Boundary"
@dataclass
class Truth:
    """What went through a listener."""

    sessions: int = 0
    refusals: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    forgotten: int = 0
    messages: int = 0
    invocations: int = 0
    in_clear: int = 0
    principals: set[str] = field(default_factory=set)


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, settings: Settings) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.settings, self.truth, self.lock, self.tls = settings, Truth(), threading.Lock(), None
        if settings.tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*settings.tls)
            if settings.binding_level != "none":
                settings.binding = end_point_binding(settings.binding_of or settings.tls[0])
        self.port = self.server_address[1]

    def url(self, host: str = "localhost") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/wsman"

    def handle_error(self, request, address) -> None:
        error = sys.exception()
        if not isinstance(error, (ConnectionError, ssl.SSLError)):
            with self.lock:
                self.truth.faults.append(repr(error))


class Connection(BaseHTTPRequestHandler):
    """One connection, which is one session."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Listener

    def setup(self) -> None:
        self.acceptor = self.session = None
        self.scheme, self.sealed_before, self.until = "", b"", None
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            # With TLS it is another socket than the one that the server closes.
            self.request.close()

    def log_message(self, *_: object) -> None:
        pass

    def version_string(self) -> str:
        return "Microsoft-HTTPAPI/2.0"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.until is not None and time.monotonic() >= self.until:
            self.session = self.until = None
            self.count("forgotten")
        authorization = self.headers.get("Authorization")
        if authorization:
            self.authenticate(authorization)
        elif self.session is None:
            self.challenge()
        else:
            self.serve(body)

    def count(self, what: str) -> None:
        with self.server.lock:
            setattr(self.server.truth, what, getattr(self.server.truth, what) + 1)

    def challenge(self) -> None:
        self.answer(401, offers=self.server.settings.schemes)

    def authenticate(self, authorization: str) -> None:
        settings, truth = self.server.settings, self.server.truth
        scheme, _, text = authorization.partition(" ")
        if scheme not in settings.schemes:
            self.challenge()
            return
        try:
            if self.acceptor is None or scheme != self.scheme:
                self.acceptor, self.scheme, self.session = ACCEPTORS[settings.acceptor](settings), scheme, None
            token = mangled_from_client(base64.b64decode(text, validate=True), settings.mangle)
            reply = self.acceptor.step(token)
            if self.acceptor.complete:
                principal = self.acceptor.principal()
                if settings.allowed and settings.allowed not in principal:
                    raise Refused(f"{principal} may not")
        except Refused as error:
            with self.server.lock:
                truth.refusals.append(str(error))
            self.acceptor = None
            self.answer(401, offers=settings.schemes, token=(scheme, error.token))
            return
        complete = self.acceptor.complete
        if reply:
            reply = mangled_to_client(reply, complete, settings.mangle)
        if complete:
            self.session, self.acceptor = self.acceptor, None
            lifetime = self.session.lifetime() if settings.forgets else None
            self.until = None if lifetime is None else time.monotonic() + lifetime
            with self.server.lock:
                truth.sessions += 1
                truth.principals.add(principal)
        self.answer(200 if complete else 401, token=(scheme, reply))

    def serve(self, body: bytes) -> None:
        content_type = self.headers.get("Content-Type", "")
        sealed = content_type.startswith("multipart/encrypted")
        if not sealed and not self.server.tls:
            self.count("in_clear")
            self.answer(500)
            return
        if sealed:
            content_type, body = self.opened(body)
        self.count("messages")
        if b"/Msvm_ReplicationService/Resynchronize<" in body:
            self.count("invocations")
        status, reply_type, reply = relay(self.server.settings, content_type, body)
        if sealed and reply and self.server.settings.mangle != "clear":
            reply = self.sealed(reply_type, reply)
            reply_type = f'multipart/encrypted;protocol="{PROTOCOLS[self.scheme]}";boundary="{BOUNDARY[2:].decode()}"'
        self.answer(status, content_type=reply_type, body=reply)

    def opened(self, body: bytes) -> tuple[str, bytes]:
        head = re.match(
            BOUNDARY + rb"\r\n\tContent-Type: (?P<protocol>[^\r\n]+)\r\n\tOriginalContent: type=(?P<type>[^\r\n]+);Length=(?P<length>\d+)\r\n"
            + BOUNDARY + rb"\r\n\tContent-Type: application/octet-stream\r\n",
            body,
        )  # fmt: skip
        tail = BOUNDARY + b"--\r\n"
        if not head or head["protocol"].decode() != PROTOCOLS[self.scheme] or not body.endswith(tail):
            raise ValueError(f"the client frames otherwise: {body[:200]!r}")
        payload = body[head.end() : -len(tail)]
        (size,) = struct.unpack_from("<I", payload)
        message = self.session.open(payload[4 : 4 + size], payload[4 + size :])
        if len(message) != int(head["length"]):
            raise ValueError(f"Length={head['length']!r}, and the message has {len(message)} bytes")
        return head["type"].decode(), message

    def sealed(self, content_type: str, message: bytes) -> bytes:
        kind = self.server.settings.mangle
        signature, data, padding = self.session.seal(message)
        signature, data, more_signature, more_message = damaged_seal(kind, signature, data)
        length, size = len(message) + padding + more_message, len(signature) + more_signature
        head = f"\r\n\tContent-Type: {PROTOCOLS[self.scheme]}\r\n\tOriginalContent: type={content_type};Length={length}\r\n"
        framed = (BOUNDARY + head.encode() + BOUNDARY + b"\r\n\tContent-Type: application/octet-stream\r\n"
                  + struct.pack("<I", size) + signature + data + BOUNDARY + b"--\r\n")  # fmt: skip
        if kind == "replay":
            framed, self.sealed_before = self.sealed_before or framed, framed
        return framed

    def answer(self, status: int, *, offers: tuple[str, ...] = (), token: tuple[str, bytes | None] = ("", None),
               content_type: str = "", body: bytes = b"") -> None:  # fmt: skip
        self.send_response(status)
        for scheme in offers:
            if scheme != token[0] or not token[1]:
                self.send_header("WWW-Authenticate", scheme)
        if token[1]:
            self.send_header("WWW-Authenticate", f"{token[0]} {base64.b64encode(token[1]).decode()}")
        if content_type:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def relay(settings: Settings, content_type: str, body: bytes) -> tuple[int, str, bytes]:
    """Status, content type and body of the backend's answer."""
    backend = urlsplit(settings.backend)
    connection = http.client.HTTPConnection(backend.hostname, backend.port, timeout=60)
    basic = base64.b64encode(f"{settings.user}:{settings.password}".encode()).decode()
    connection.request("POST", backend.path, body, {"Content-Type": content_type, "Authorization": f"Basic {basic}"})
    answer = connection.getresponse()
    reply = answer.read()
    connection.close()
    return answer.status, answer.headers.get("Content-Type", ""), reply


def arguments() -> argparse.Namespace:
    damages = "\n".join(f"  {name}: {text}" for name, text in (TOKENS | REPLIES).items())
    parser = argparse.ArgumentParser(description=f"{__doc__}\nDamages:\n{damages}", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--acceptor", required=True, choices=ACCEPTORS)
    parser.add_argument("--backend", required=True, metavar="URL")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-env", required=True, metavar="VARIABLE")
    parser.add_argument("--accounts", type=Path, metavar="FILE", help="where the account is written for NTLM")
    parser.add_argument("--keytab", default="", help="keys of the service")
    parser.add_argument("--schemes", default="Negotiate,Kerberos")
    parser.add_argument("--tls", nargs=2, type=Path, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--cbt", choices=["none", "relaxed", "strict"], default="none")
    parser.add_argument("--cbt-of", type=Path, metavar="CERTIFICATE", help="bind to this certificate in place of the one shown")
    parser.add_argument("--forgets", action="store_true", help="forget a session once its ticket has expired")
    parser.add_argument("--mangle", choices=[*TOKENS, *REPLIES], default="")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    password = os.environ[args.password_env]
    if args.accounts:
        write_accounts(args.accounts, args.user, password)
    listener = Listener(Settings(
        args.acceptor, args.backend, args.user, password, tuple(args.schemes.split(",")), args.keytab, str(args.accounts or ""),
        args.tls and tuple(args.tls), args.cbt, args.cbt_of, forgets=args.forgets, mangle=args.mangle,
    ))  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print(json.dumps({"url": listener.url()}), flush=True)
    try:
        listener.serve_forever()
    finally:
        print(json.dumps(vars(listener.truth) | {"principals": sorted(listener.truth.principals)}), flush=True)


if __name__ == "__main__":
    main()
