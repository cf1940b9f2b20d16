"""A WinRM listener that takes CredSSP alone, by pyspnego, in front of one that takes Basic.

credssp_host.py --listen-port-file FILE --backend URL --user NAME --password WORD [--tls CERT KEY] [--inner-tls 1.2|1.3]
[--version N] [--tamper] [--offer SCHEME] [--log FILE]: writes its port into FILE once it listens, and one line of JSON into the log
for each login that ended and each body that was large.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import signal
import ssl
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import spnego
from pypsrp.encryption import WinRMEncryption
from spnego import _credssp
from spnego.exceptions import SpnegoError

SCHEME = "CredSSP"
PIECE = 16384
INNER = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen-port-file", type=Path, required=True)
    parser.add_argument("--backend", required=True, help="URL of a listener on loopback that takes Basic")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--inner-tls", choices=INNER, help="only this version inside of CredSSP")
    parser.add_argument("--version", type=int, default=6, help="of CredSSP")
    parser.add_argument("--tamper", action="store_true", help="prove another key than that of the tunnel")
    parser.add_argument("--offer", default=SCHEME, help="the scheme that is offered; with another, no login comes about")
    parser.add_argument("--log", type=Path)
    return parser.parse_args()


class Connection(BaseHTTPRequestHandler):
    """One connection: a login, then messages sealed by it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.context = self.encryption = self.behind = None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme:
            assert not body, "a leg of the login carries a body"
            self.leg(scheme, token)
        elif self.encryption is None:
            self.reply(401, self.offer())
        else:
            self.relay(body)

    def offer(self) -> dict[str, str]:
        return {"WWW-Authenticate": self.server.settings.offer}

    def leg(self, scheme: str, token: str) -> None:
        if scheme != SCHEME or self.server.settings.offer != SCHEME:
            return self.reply(401, self.offer())
        self.context = self.context or self.server.login()
        try:
            answer = self.context.step(base64.b64decode(token))
        except (SpnegoError, ValueError) as error:
            self.note(refused=str(error))
            return self.reply(401, self.offer())
        if not self.context.complete:
            return self.reply(401, {"WWW-Authenticate": f"{SCHEME} {base64.b64encode(answer or b'').decode()}"})
        given = self.context.get_extra_info("client_credential")
        name = f"{given.domain_name}\\{given.username}".removeprefix("\\")
        settings = self.server.settings
        tunnel = self.context.get_extra_info("ssl_object").version()
        self.note(user=name, handed_over=given.password == settings.password, tls=tunnel)
        self.encryption = WinRMEncryption(self.context, WinRMEncryption.CREDSSP)
        return self.reply(200)

    def relay(self, body: bytes) -> None:
        sealed = self.headers["Content-Type"].startswith("multipart/")
        if not sealed and not self.server.settings.tls:
            return self.reply(500)
        if sealed:
            is_large = self.headers["Content-Type"].startswith("multipart/x-multi-encrypted")
            body = self.encryption.unwrap_message(body, "Encrypted Boundary")
            assert is_large == (len(body) > PIECE), f"{len(body)} bytes as {self.headers['Content-Type']}"
            if is_large:
                self.note(large_request=len(body))
        status, headers, answer = self.ask(body)
        if sealed and answer:
            media_type, answer_sealed = self.encryption.wrap_message(answer)
            if len(answer) > PIECE:
                self.note(large_reply=len(answer))
            headers["Content-Type"] = f'{media_type};protocol="{WinRMEncryption.CREDSSP}";boundary="Encrypted Boundary"'
            answer = answer_sealed
        return self.reply(status, headers, answer)

    def ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """What the listener behind says; its sessions are as long as ours."""
        settings, url = self.server.settings, urlsplit(self.server.settings.backend)
        self.behind = self.behind or http.client.HTTPConnection(url.hostname, url.port, timeout=120)
        basic = base64.b64encode(f"{settings.user}:{settings.password}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/soap+xml;charset=UTF-8"}
        self.behind.request("POST", url.path, body, headers)
        reply = self.behind.getresponse()
        passed = ("Content-Type", "Date", "Server", "Retry-After")
        return reply.status, {name: reply.headers[name] for name in passed if name in reply.headers}, reply.read()

    def reply(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response_only(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def note(self, **facts: object) -> None:
        if self.server.settings.log:
            with self.server.settings.log.open("a") as log:
                log.write(json.dumps(facts) + "\n")

    def finish(self) -> None:
        super().finish()
        if self.behind:
            self.behind.close()


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, settings: argparse.Namespace) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.settings = settings
        self.outer = None
        if settings.tls:
            self.outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.outer.load_cert_chain(*settings.tls)

    def finish_request(self, request: object, client_address: object) -> None:
        # In the connection's own thread, so that nobody waits for a handshake of others.
        request = self.outer.wrap_socket(request, server_side=True) if self.outer else request
        super().finish_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)

    def login(self) -> spnego.ContextProxy:
        """A login by NTLM inside a tunnel."""
        tunnel = _credssp._create_tls_context("accept")
        if self.settings.inner_tls:
            tunnel.context.minimum_version = tunnel.context.maximum_version = INNER[self.settings.inner_tls]
        return spnego.server(protocol="credssp", credssp_tls_context=tunnel, options=spnego.NegotiateOptions.use_ntlm)


def tamper() -> None:
    honest = _credssp._get_pub_key_auth

    def dishonest(key: bytes, usage: str, nonce: bytes | None = None) -> bytes:
        return honest(key[:-1] + b"!", usage, nonce) if usage == "accept" else honest(key, usage, nonce)

    _credssp._get_pub_key_auth = dishonest


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    settings = arguments()
    _credssp._CREDSSP_VERSION = settings.version
    if settings.tamper:
        tamper()
    domain, _, user = settings.user.rpartition("\\")
    with tempfile.TemporaryDirectory() as folder:
        users = Path(folder) / "users"
        users.touch(0o600)
        users.write_text(f"{domain}:{user}:{settings.password}\n")
        os.environ["NTLM_USER_FILE"] = str(users)
        with Listener(settings) as listener:
            fresh = settings.listen_port_file.with_suffix(".new")
            fresh.write_text(f"{listener.server_port}\n")
            fresh.rename(settings.listen_port_file)
            listener.serve_forever()


if __name__ == "__main__":
    main()
