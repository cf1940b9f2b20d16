"""Hosts that are started for one check each, a relay that listens in, and the client that is run against them.

Everything lies in the folder that the script's first argument names; HVREPLICA_BIN, HVREPLICA_PASSWORD and, for the referee,
HVREPLICA_SHARED come from the environment.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import acceptors
import front

WORK = Path(sys.argv[1])
BIN = os.environ["HVREPLICA_BIN"]
SHARED = Path(os.environ["HVREPLICA_SHARED"]) / "referee" if os.environ.get("HVREPLICA_SHARED") else None
USER, PASSWORD = "operator", os.environ["HVREPLICA_PASSWORD"]
KDC, TLS, ACCOUNTS = WORK / "kdc", WORK / "tls", WORK / "accounts"
REALM = os.environ.get("REALM", "")
NUMBERS = itertools.count()


class Wrong(Exception):
    """A cell that is not as it has to be."""


def demand(holds: bool, text: object) -> None:
    if not holds:
        raise Wrong(str(text))


def fresh(name: str) -> Path:
    """A file or folder of nobody else's."""
    return WORK / f"{name}-{next(NUMBERS)}"


# --- hosts ----------------------------------------------------------------------------------------------------------


class Process:
    """A server of its own process, which says in its first line where it listens."""

    def __init__(self, command: list[object], **options) -> None:
        self.complaints = fresh("complaints")
        with open(self.complaints, "wb") as complaints:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=complaints, text=True, **options)  # fmt: skip
        try:
            self.ready = json.loads(self.process.stdout.readline())
        except ValueError as error:
            self.process.kill()
            self.process.wait()
            raise Wrong(f"a server does not start: {self.complaints.read_text()[-500:]}") from error

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> str:
        """What it has said since it was ready."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.communicate()[0]

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)/", self.ready["url"])[1])


class Referee(Process):
    """The independent host; it counts what it executes."""

    vm = "target"

    def __init__(self, *options: object, duration: float = 5, speed: float = 20) -> None:
        self.summary_file = fresh("summary")
        super().__init__([sys.executable, "-m", "referee", "--scenario", "healthy", "--set", f"resync.duration={duration}", "--speed", speed,
                          "--user", USER, "--password", PASSWORD, "--summary", self.summary_file, *options], cwd=SHARED)  # fmt: skip

    def judge(self, executed: int) -> None:
        self.end()
        summary = json.loads(self.summary_file.read_text())
        demand(summary["verdict"] == "pass" or not executed, summary)
        demand(summary["invocations"] == ({self.vm: executed} if executed else {}), summary["invocations"])


class Simulator(Process):
    """The project's own host, which says at its end what it has executed."""

    vm = "web01"

    def __init__(self, *options: object, duration: float = 5, speed: float = 20) -> None:
        times = max(1, round(ITS_DURATION * speed / duration))
        super().__init__([BIN, "simulate", "--listen", "127.0.0.1:0", "--user", USER, "--danger-basic", "--speed", times, "-o", "json",
                          *options])  # fmt: skip

    def judge(self, executed: int) -> None:
        account = json.loads(self.end())
        demand(len(account["calls"]) == len(account["succeeded"]) == executed and not account["open_enumerations"], account)
        complaints = self.complaints.read_text()
        demand(not executed or "broke a rule" not in complaints, complaints)


class Backend:
    """What stands behind the acceptors of others."""

    def __new__(cls, **options) -> Process:
        return Referee("--auth", "basic", "--allow-unencrypted", **options) if SHARED else Simulator(**options)


class CredsspHost:
    """CredSSP of others, in front of a backend."""

    def __init__(self, backend: Process, has_tls: bool) -> None:
        port_file = fresh("port")
        command = [sys.executable, Path(front.__file__).with_name("credssp_host.py"), "--listen-port-file", port_file,
                   "--backend", backend.ready["url"], "--user", USER, "--password", PASSWORD]  # fmt: skip
        command += ["--tls", TLS / "server.pem", TLS / "server.key"] if has_tls else []
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Wrong("the host of CredSSP does not start")
            time.sleep(0.05)
        self.port = int(port_file.read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)


class Wiretap:
    """A relay that keeps every byte of both directions."""

    def __init__(self, port: int) -> None:
        self.target, self.heard, self.lock = port, bytearray(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    def accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.join(near, far)

    def join(self, near: socket.socket, far: socket.socket) -> None:
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                with self.lock:
                    self.heard += data
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class Middle(Wiretap):
    """Somebody in between with a trusted certificate of its own, who ends TLS and reads along."""

    def __init__(self, port: int) -> None:
        self.near = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.near.load_cert_chain(TLS / "other.pem", TLS / "other.key")
        self.far = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.far.check_hostname, self.far.verify_mode = False, ssl.CERT_NONE
        super().__init__(port)

    def join(self, near: socket.socket, far: socket.socket) -> None:
        threading.Thread(target=self.shuttle, args=(near, far), daemon=True).start()

    def shuttle(self, near: socket.socket, far: socket.socket) -> None:
        try:
            with self.near.wrap_socket(near, server_side=True) as client, self.far.wrap_socket(far) as host:
                others = {client: host, host: client}
                while True:
                    for source in [end for end in others if end.pending()] or select.select(list(others), [], [])[0]:
                        data = source.recv(65536)
                        if not data:
                            return
                        self.heard += data
                        others[source].sendall(data)
        except OSError:
            pass


def disguises(text: str) -> list[bytes]:
    """A text as it may show up: as it is, in UTF-16, and in base64 at each of its beginnings."""
    forms = [text.encode(), text.encode("utf-16-le")]
    for plain in list(forms):
        for shift in range(3):
            coded = base64.b64encode(bytes(shift) + plain).rstrip(b"=")
            # Characters that depend on what stands beside the text are left off.
            forms.append(coded[-(-shift * 8 // 6) : -1])
    return forms


def holds(heard: bytes, text: str) -> bool:
    return any(form in heard for form in disguises(text))


def found(heard: bytes, vm: str) -> list[str]:
    """What is to be read of the messages and the password in what went over the wire."""
    texts = (PASSWORD, "Envelope", "Resynchronize", "Msvm_", "MessageID", "schemas.xmlsoap.org", vm)
    return [text for text in texts if holds(heard, text)]


def demand_silence(heard: bytes, vm: str) -> None:
    demand(len(heard) > 10_000 and holds(heard, "session-encrypted"), f"{len(heard)} bytes were heard, nothing of them sealed")
    demand(not found(heard, vm), f"it went over the wire in clear: {found(heard, vm)}")


# --- the client -----------------------------------------------------------------------------------------------------


@dataclass
class Client:
    """How a client is called."""

    arguments: list[object]
    environment: dict[str, str] = field(default_factory=dict)

    def trusting(self, authority: Path) -> Client:
        return Client([*self.arguments, "--ca-cert", authority], self.environment)


@dataclass
class Said:
    """What it said."""

    code: int
    document: dict
    errors: str

    @property
    def result(self) -> dict:
        demand(self.document.get("results"), f"exit {self.code}: {self.document} {self.errors}")
        return self.document["results"][0]

    def __str__(self) -> str:
        return f"exit {self.code}: {json.dumps(self.document, ensure_ascii=False)} {self.errors}"


def run(client: Client, url: str, command: list[str]) -> Said:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HVREPLICA_", "KRB5", "XDG_", "NTLM_"))}
    environment |= {"HOME": str(WORK / "home"), "XDG_CONFIG_HOME": str(WORK / "home"), "HVREPLICA_PASSWORD": PASSWORD,
                    "KRB5_CONFIG": str(KDC / "krb5.conf"), "KRB5CCNAME": f"FILE:{WORK / 'absent'}"}  # fmt: skip
    environment |= client.environment
    if not environment["HVREPLICA_PASSWORD"]:
        del environment["HVREPLICA_PASSWORD"]
    words = [BIN, "--host", url, "-v", "--poll-interval", "200ms", *client.arguments, *command, "-o", "json"]
    done = subprocess.run([str(word) for word in words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    for stream in (done.stdout, done.stderr):
        demand(PASSWORD not in stream and "panicked" not in stream, f"a leak or a panic: {stream[-500:]}")
    try:
        document = json.loads(done.stdout)
    except ValueError as error:
        raise Wrong(f"exit {done.returncode}, no JSON: {done.stdout}{done.stderr}") from error
    return Said(done.returncode, document, done.stderr)


def listener(backend: Process, acceptor: str, **options) -> front.Listener:
    """A listener that runs in this process; with a level of binding it has TLS."""
    if options.get("binding_level", "none") != "none":
        options["tls"] = (TLS / "server.pem", TLS / "server.key")
    schemes = ("Negotiate", "Kerberos") if acceptor == "mit-krb5" else ("Negotiate",)
    settings = acceptors.Settings(acceptor, backend.ready["url"], USER, PASSWORD, schemes, str(KDC / "service.keytab"), str(ACCOUNTS), **options)
    server = front.Listener(settings)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def attempt(name: str, work, *arguments) -> str:
    """The fault of one piece of work, if it has one."""
    try:
        work(*arguments)
        return ""
    except Exception as error:  # whatever it is, the others go on, and the command fails
        return f"{name}: {type(error).__name__}: {error}"


NO_PASSWORD = {"HVREPLICA_PASSWORD": ""}
BY_TICKET = NO_PASSWORD | {"KRB5CCNAME": f"FILE:{WORK / 'ccache'}"}
KEYTAB = KDC / "operator.keytab"
ITS_DURATION = 60  # host seconds of a resynchronization of the simulator's
