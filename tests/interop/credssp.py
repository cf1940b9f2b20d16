"""CredSSP against a host and a client that are not ours.

credssp.py BINARY: once pyspnego takes the login, and behind it stands the simulated host; once pyspnego logs in to the simulated host.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import secrets
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import spnego
from pypsrp.encryption import WinRMEncryption

USER, PASSWORD, VM = "operator", secrets.token_urlsafe(12), "web01"
HERE = Path(__file__).parent
BINARY = Path(sys.argv[1]).resolve()
COMMAND = ["resync", VM, "--yes", "--poll-interval", "50ms"]
LONG = "x" * 40_000


@contextlib.contextmanager
def running(command: list[str | Path], **options: object) -> Iterator[subprocess.Popen]:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


def certificate(folder: Path) -> list[str]:
    """A self-signed one for 127.0.0.1: certificate, key. pyspnego knows RSA alone inside of CredSSP."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*make, *names, "-out", cert, "-keyout", key], check=True, capture_output=True)
    return [str(cert), str(key)]


@contextlib.contextmanager
def host(folder: Path, *options: str, tls: list[str] | None = None) -> Iterator[tuple[str, Path]]:
    """The listener in front of a fresh simulated host: its URL and its log."""
    simulate = [BINARY, "simulate", "--danger-basic", "--speed", "600", "--user", USER]
    env = os.environ | {"HVREPLICA_PASSWORD": PASSWORD}
    with running(simulate, env=env, stdout=subprocess.PIPE) as simulated, tempfile.TemporaryDirectory(dir=folder) as own:
        port, log = Path(own) / "port", Path(own) / "log"
        log.touch()
        command = [sys.executable, HERE / "credssp_host.py", "--listen-port-file", port, "--log", log, "--user", USER, "--password", PASSWORD]
        command += ["--backend", json.loads(simulated.stdout.readline())["url"], *options, *(["--tls", *tls] if tls else [])]
        with running(command) as listener:
            deadline = time.monotonic() + 60
            while not port.exists():
                assert listener.poll() is None and time.monotonic() < deadline, "the listener does not come up"
                time.sleep(0.05)
            yield f"{'https' if tls else 'http'}://127.0.0.1:{port.read_text().strip()}/wsman", log


def client(url: str, *command: str, password: str = PASSWORD, more: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    line = [BINARY, "--host", url, "--auth", "credssp", "--user", USER, *more, *command]
    return subprocess.run(line, env=os.environ | {"HVREPLICA_PASSWORD": password}, capture_output=True, text=True, timeout=180)


def facts(log: Path) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def passes(folder: Path, tls: list[str] | None, inner: str) -> str:
    trust = ("--ca-cert", tls[0]) if tls else ()
    with host(folder, "--inner-tls", inner, tls=tls) as (url, log):
        done = client(url, *COMMAND, "-o", "json", more=trust)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["results"][0]["outcome"] == "succeeded", done.stdout
        assert done.stderr.count("--auth credssp hands the password over to 127.0.0.1") == 1, done.stderr
        logins = [fact for fact in facts(log) if "user" in fact]
        assert logins and all(fact == {"user": USER, "handed_over": True, "tls": f"TLSv{inner}"} for fact in logins), logins
        query = f"SELECT * FROM Msvm_ComputerSystem WHERE ElementName <> '{LONG}'"
        done = client(url, "wsman", "enumerate", "*", "--wql", query, "--max-elements", "1000", "-o", "ndjson", "-q", more=trust)
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert len(done.stdout.splitlines()) > 10
        large = {name: size for fact in facts(log) for name, size in fact.items() if name.startswith("large_")}
        # Over https the messages are not sealed a second time.
        assert (large.keys() == {"large_request", "large_reply"}) == (tls is None), large
        return f"{len(logins)} logins, {large or 'not sealed again'}"


def refused(folder: Path, code: int, said: str, *options: str, password: str = PASSWORD) -> str:
    with host(folder, *options) as (url, log):
        done = client(url, *COMMAND, password=password)
        assert done.returncode == code, f"exit {done.returncode}: {done.stderr}"
        lines = (done.stdout + done.stderr).splitlines()
        (line,) = (line for line in lines if said in line)
        assert not any("user" in fact for fact in facts(log)), "the password was handed over"
        return line.strip()


IDENTIFY = """<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>%s</s:Header><s:Body>
<i:Identify xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/></s:Body></s:Envelope>"""


def logs_in(url: str, word: str, options: spnego.NegotiateOptions) -> str:
    """pyspnego logs in and asks once with a small and once with a large message; the version of TLS inside."""
    line = http.client.HTTPSConnection(urlsplit(url).netloc, timeout=60, context=ssl._create_unverified_context())
    context = spnego.client(USER, word, hostname="127.0.0.1", service="WSMAN", protocol="credssp", options=options)
    token, status = context.step(), 401
    while token is not None and status == 401:
        line.request("POST", "/wsman", headers={"Authorization": f"CredSSP {base64.b64encode(token).decode()}"})
        reply = line.getresponse()
        reply.read()
        status, offer = reply.status, reply.headers.get("WWW-Authenticate", "")
        token = context.step(base64.b64decode(offer.removeprefix("CredSSP").strip())) if status == 401 else None
    assert status == 200, f"HTTP {status}"
    sealing = WinRMEncryption(context, WinRMEncryption.CREDSSP)
    for size in (0, 40_000):
        media_type, body = sealing.wrap_message((IDENTIFY % f"<!--{'x' * size}-->").encode())
        content_type = f'{media_type};protocol="{WinRMEncryption.CREDSSP}";boundary="Encrypted Boundary"'
        line.request("POST", "/wsman", body, {"Content-Type": content_type})
        reply = line.getresponse()
        answer = sealing.unwrap_message(reply.read(), "Encrypted Boundary")
        assert reply.status == 200 and b"IdentifyResponse" in answer, answer
    return context.get_extra_info("ssl_object").version()


def from_outside(tls: list[str]) -> None:
    cert, key = tls
    simulate = [BINARY, "simulate", "--offer", "credssp", "--user", USER, "--tls-cert", cert, "--tls-key", key]
    env = os.environ | {"HVREPLICA_PASSWORD": PASSWORD}
    with running(simulate, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as simulated:
        url = json.loads(simulated.stdout.readline())["url"]
        for name, options in (("NTLM", spnego.NegotiateOptions.use_ntlm), ("SPNEGO", spnego.NegotiateOptions.use_negotiate)):
            print(f"pyspnego with {name}: {logs_in(url, PASSWORD, options)}", flush=True)
            try:
                logs_in(url, "not the password", options)
            except spnego.exceptions.SpnegoError as error:
                print(f"pyspnego with {name} and a wrong password: {error}", flush=True)
            else:
                raise AssertionError("a wrong password was let in")
        simulated.terminate()
        assert not (said := simulated.communicate()[1]), said


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tls = certificate(folder)
        from_outside(tls)
        for outer in (None, tls):
            for inner in ("1.2", "1.3"):
                print(f"{'https' if outer else 'http'}, TLS {inner} inside: {passes(folder, outer, inner)}", flush=True)
        for inner in ("1.2", "1.3"):
            wrong = refused(folder, 4, "SEC_E_LOGON_DENIED", "--inner-tls", inner, password="not the password")
            print(f"wrong password, TLS {inner} inside: {wrong}", flush=True)
        print("another key:", refused(folder, 4, "proves another key than that of the CredSSP session", "--tamper"))
        print("version 4:", refused(folder, 4, "CVE-2018-0886", "--version", "4"))
        print("not offered:", refused(folder, 4, "does not offer credssp (it offers Negotiate)", "--offer", "Negotiate"))


if __name__ == "__main__":
    main()
