"""A WinRM listener whose authentication and sealing are done by an acceptor of others; the messages go to a backend.

front.py --acceptor NAME --backend URL --user NAME --password-env VARIABLE [OPTION…]: listens on 127.0.0.1 and prints one JSON line
when it is ready. Each connection is a session. What it opens goes to the backend over plain http with Basic, and the
reply comes back sealed. `--mangle` damages what it sends, in one point.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
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

import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from spnego.channel_bindings import GssChannelBindings

PROTOCOLS = {"Negotiate": "application/HTTP-SPNEGO-session-encrypted", "Kerberos": "application/HTTP-Kerberos-session-encrypted"}
SOAP = "application/soap+xml;charset=UTF-8"
BOUNDARY = b"--Encrypted Boundary"
NTLM, KERBEROS, SPNEGO = "1.3.6.1.4.1.311.2.2.10", "1.2.840.113554.1.2.2", "1.3.6.1.5.5.2"
CLOCK_SKEW = 300  # seconds; the library's default
CHANNEL_BOUND = 0x800  # GSS_C_CHANNEL_BOUND_FLAG
AV_CHANNEL_BINDINGS = 10
AUTHENTICATE, CHALLENGE = b"NTLMSSP\0\x03\0\0\0", b"NTLMSSP\0\x02\0\0\0"

TOKENS = {
    "flags": "the challenge no longer offers to sign, to seal, 128 bits and their key",
    "challenge-cut": "the challenge ends within its target information",
    "mic": "one bit of the client's MIC is another",
    "mic-none": "the client's MIC is taken out, and the mark that there is one",
    "last-token": "one bit of the last token, in which the host proves who it is, is another",
    "no-last-token": "there is no last token",
}
REPLIES = {
    "cipher": "one bit of the cipher text is another",
    "signature": "one bit of the signature is another",
    "cut": "the last 20 bytes of the cipher text are not there",
    "prefix": "the signature is said to be longer than the body",
    "length": "the message is said to be longer than the body",
    "replay": "the sealed reply before comes once more",
    "clear": "the reply is not sealed",
}


class Refused(Exception):
    """The acceptor lets nobody in; it may have a token that says why."""

    def __init__(self, reason: str, token: bytes | None = None) -> None:
        super().__init__(reason)
        self.token = token


class OfPyspnego:
    """NTLM in Python, raw or, with `negotiate`, in SPNEGO as well."""

    schemes = ("Negotiate",)

    def __init__(self, settings: Settings, protocol: str) -> None:
        options = spnego.NegotiateOptions.use_ntlm if protocol == "ntlm" else spnego.NegotiateOptions.use_negotiate
        self.settings = settings
        self.context = spnego.server(protocol=protocol, options=options)
        if protocol == "negotiate":
            self.context._preferred_mech_list = lambda: [spnego._context.GSSMech.ntlm]

    def step(self, token: bytes) -> bytes | None:
        at = token.find(AUTHENTICATE)
        if at >= 0:
            demand_binding(channel_binding(token[at:]), self.settings)
        try:
            return self.context.step(token)
        except spnego.exceptions.SpnegoError as error:
            raise Refused(str(error)) from error

    @property
    def complete(self) -> bool:
        return self.context.complete

    def lifetime(self) -> float | None:
        return None

    def principal(self) -> str:
        return str(self.context.client_principal or "")

    def seal(self, message: bytes) -> tuple[bytes, bytes, int]:
        sealed = self.context.wrap_winrm(message)
        return sealed.header, sealed.data, sealed.padding_length

    def open(self, signature: bytes, data: bytes) -> bytes:
        return self.context.unwrap_winrm(signature, data)


class OfGssapi:
    """MIT's library: Kerberos of its own, or NTLM by the module gss-ntlmssp; raw or in its SPNEGO."""

    def __init__(self, settings: Settings, mechanism: str) -> None:
        import gssapi  # where this acceptor is not asked for it need not be installed

        self.gssapi, self.settings, self.mechanism = gssapi, settings, mechanism
        self.schemes = ("Negotiate", "Kerberos") if mechanism == KERBEROS else ("Negotiate",)
        credential = self.credential()
        bindings = None
        # Without bindings of the client's the library lets anybody in, and says so.
        if settings.binding and (mechanism == KERBEROS or settings.binding_level == "strict"):
            bindings = gssapi.raw.ChannelBindings(application_data=settings.binding)
        self.context = gssapi.SecurityContext(creds=credential, usage="accept", channel_bindings=bindings)

    def credential(self):
        gssapi, settings = self.gssapi, self.settings
        store = {"keytab": settings.keytab} if self.mechanism == KERBEROS else {"keyfile": settings.accounts}
        inner, outer = (gssapi.OID.from_int_seq(text) for text in (self.mechanism, SPNEGO))
        name = None if self.mechanism == KERBEROS else gssapi.Name("HTTP@localhost", gssapi.NameType.hostbased_service)
        return gssapi.Credentials(name=name, usage="accept", mechs=[inner, outer], store=store)

    def step(self, token: bytes) -> bytes | None:
        at = token.find(AUTHENTICATE)
        if at >= 0:
            demand_binding(channel_binding(token[at:]), self.settings)
        reply = None
        try:
            reply = self.context.step(token)
            # With a token that says why, the library keeps its error for the next question.
            complete = self.context.complete
        except self.gssapi.exceptions.GSSError as error:
            raise Refused(str(error), reply) from error
        if complete and self.mechanism == KERBEROS and self.settings.binding_level == "strict":
            if not int(self.context.actual_flags) & CHANNEL_BOUND:
                raise Refused("the ticket is not bound to the channel")
        return reply

    @property
    def complete(self) -> bool:
        return self.context.complete

    def lifetime(self) -> float | None:
        # The library adds what it tolerates between clocks.
        return self.context.lifetime - CLOCK_SKEW if self.mechanism == KERBEROS else None

    def principal(self) -> str:
        return str(self.context.initiator_name).rstrip("\0")

    def seal(self, message: bytes) -> tuple[bytes, bytes, int]:
        if self.mechanism == NTLM:
            sealed = self.gssapi.raw.wrap(self.context, message).message
            return sealed[:16], sealed[16:], 0
        kind = self.gssapi.raw.IOVBufferType
        buffers = self.gssapi.raw.IOV(kind.header, message, kind.padding, std_layout=False)
        self.gssapi.raw.wrap_iov(self.context, buffers, confidential=True)
        header, data, padding = (buffer.value or b"" for buffer in buffers)
        return header, data + padding, len(padding)

    def open(self, signature: bytes, data: bytes) -> bytes:
        if self.mechanism == NTLM:
            return self.gssapi.raw.unwrap(self.context, signature + data).message
        kind = self.gssapi.raw.IOVBufferType
        parts = ((kind.header, signature), (kind.data, data), (kind.data, b""))  # the last one is the padding, as far as there is any
        buffers = self.gssapi.raw.IOV(*(self.gssapi.raw.IOVBuffer(part, False, value) for part, value in parts), std_layout=False)
        self.gssapi.raw.unwrap_iov(self.context, buffers)
        return buffers[1].value or b""


ACCEPTORS = {
    "pyspnego-ntlm": lambda settings: OfPyspnego(settings, "ntlm"),
    "pyspnego-negotiate": lambda settings: OfPyspnego(settings, "negotiate"),
    "gss-ntlmssp": lambda settings: OfGssapi(settings, NTLM),
    "mit-krb5": lambda settings: OfGssapi(settings, KERBEROS),
}


@dataclass
class Settings:
    """What a listener is told."""

    acceptor: str
    backend: str
    user: str
    password: str
    schemes: tuple[str, ...] = ("Negotiate", "Kerberos")
    keytab: str = ""
    accounts: str = ""
    tls: tuple[Path, Path] | None = None
    binding_level: str = "none"
    binding_of: Path | None = None
    allowed: str = ""
    forgets: bool = False
    mangle: str = ""
    binding: bytes = b""


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


def end_point_binding(certificate: Path) -> bytes:
    """RFC 5929, `tls-server-end-point`."""
    parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    algorithm = parsed.signature_hash_algorithm
    if algorithm is None or algorithm.name in ("md5", "sha1"):
        algorithm = hashes.SHA256()
    return b"tls-server-end-point:" + parsed.fingerprint(algorithm)


def pairs(message: bytes) -> tuple[int, int]:
    """Where the AV pairs of an AUTHENTICATE_MESSAGE begin and end."""
    size, _, at = struct.unpack_from("<HHI", message, 20)
    return at + 44, at + size


def channel_binding(message: bytes) -> bytes | None:
    """MsvAvChannelBindings of an AUTHENTICATE_MESSAGE."""
    at, end = pairs(message)
    while at + 4 <= end:
        kind, size = struct.unpack_from("<HH", message, at)
        if kind == AV_CHANNEL_BINDINGS:
            return message[at + 4 : at + 4 + size]
        if kind == 0:
            return None
        at += 4 + size
    return None


def demand_binding(given: bytes | None, settings: Settings) -> None:
    """What Windows demands of NTLM; the libraries are each laxer in another point."""
    if not settings.binding:
        return
    right = hashlib.md5(GssChannelBindings(application_data=settings.binding).pack()).digest()
    if given is None and settings.binding_level == "strict":
        raise Refused("NTLM is not bound to the channel")
    if given is not None and given != right:
        raise Refused("NTLM is bound to another channel")


def mangled_from_client(token: bytes, kind: str) -> bytes:
    at = token.find(AUTHENTICATE)
    if at < 0 or kind not in ("mic", "mic-none"):
        return token
    changed = bytearray(token)
    if kind == "mic":
        changed[at + 72] ^= 1
        return bytes(changed)
    changed[at + 72 : at + 88] = bytes(16)
    mark = changed.find(struct.pack("<HHI", 6, 4, 2), at)
    if mark < 0:
        raise ValueError("the client says that it sends no MIC")
    changed[mark + 4] = 0
    return bytes(changed)


def mangled_to_client(token: bytes, complete: bool, kind: str) -> bytes | None:
    changed = bytearray(token)
    at = token.find(CHALLENGE)
    if kind == "flags" and at >= 0:
        flags = struct.unpack_from("<I", token, at + 20)[0] & ~(0x10 | 0x20 | 0x80000 | 0x20000000 | 0x40000000)
        struct.pack_into("<I", changed, at + 20, flags)
    elif kind == "challenge-cut" and at >= 0:
        changed = changed[: len(changed) - 7]
    elif kind == "last-token" and complete:
        changed[-1] ^= 1
    elif kind == "no-last-token" and complete:
        return None
    return bytes(changed)


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
        length, size = len(message) + padding, len(signature)
        if kind == "cipher":
            data = data[:40] + bytes([data[40] ^ 1]) + data[41:]
        elif kind == "signature":
            signature = signature[:-5] + bytes([signature[-5] ^ 1]) + signature[-4:]
        elif kind == "cut":
            data = data[:-20]
        elif kind == "prefix":
            size += len(data) + 1000
        elif kind == "length":
            length += 4000
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


def write_accounts(path: Path, user: str, password: str) -> None:
    """The account as both implementations of NTLM read it, which find the file by the environment."""
    path.write_text("".join(f"{domain}:{user}:{password}\n" for domain in ("", "EXAMPLE")), encoding="utf-8")
    path.chmod(0o600)
    os.environ["NTLM_USER_FILE"] = str(path)
    os.environ["LM_COMPAT_LEVEL"] = "5"  # NTLMv2 and nothing older


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
