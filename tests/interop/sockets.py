"""Every single fault at every exchange, over real sockets: a simulated host, a proxy that breaks one exchange, and the command.

sockets.py BINARY [--jobs 32] [--only FLOW[:EXCHANGE:FAULT]]: each run has a host and a proxy of its own. What the command says is
held against what the host knows: executions, what succeeded, exit codes. A fault that can be waited out must change nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

USER, PASSWORD = "operator", secrets.token_urlsafe(12)
ENV = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")} | {"HVREPLICA_PASSWORD": PASSWORD}
LOOPBACK = "127.0.0.1"
# What an operation may take is a second, and five more on the way; so a reply that never comes costs six.
PATIENCE = ["--connect-timeout", "2s", "--operation-timeout", "1s"]
DEADLINE = 120.0  # seconds; a run that takes longer hangs. A state request whose reply is lost is waited for for a minute
OUTAGE = 0.3  # seconds; a read is tried again after half a second
TARGET = "web01"


@dataclass(frozen=True)
class Flow:
    """A command and the host that it meets."""

    scenario: str
    arguments: list[str]
    speed: int  # host seconds per second
    machines: list[str] = field(default_factory=lambda: [TARGET])
    is_steady: bool = True  # a fault that can be waited out changes nothing
    pause: str = "100ms"  # between two looks


RESYNC = ["resync", "--yes", "--timeout", "30s"]
JOB = "JOB"  # stands for the job of the target
FLOWS = {
    "fresh": Flow("healthy", [*RESYNC, TARGET], 600),
    "fresh-paused": Flow("paused-start", [*RESYNC, TARGET], 600),
    "no-job": Flow("no-job", [*RESYNC, TARGET], 600),
    "attached": Flow("already-resyncing", [*RESYNC, TARGET], 40, is_steady=False, pause="250ms"),
    "scheduled": Flow("scheduled", [*RESYNC, TARGET, "--in", "600s"], 20),
    "suspend-first": Flow("healthy-vm", [*RESYNC, TARGET, "--suspend-first"], 100, is_steady=False),
    "several": Flow("healthy", [*RESYNC, TARGET, "off", "critical", "--parallel", "3"], 600, [TARGET, "off", "critical"], False),
    "job-follow": Flow("already-resyncing", ["job", "follow", JOB], 40, is_steady=False, pause="250ms"),
    "job-cancel": Flow("already-resyncing", ["job", "cancel", JOB], 10, is_steady=False),
}
FAULTS = {
    "refused": "no connection can be made any more, for a while",
    "cut": "the connection ends before the request",
    "half-request": "the connection ends after half the request",
    "no-reply": "the connection ends between the request and its reply",
    "half-reply": "the connection ends in the middle of the reply",
    "after-reply": "the connection ends with the reply",
    "idle": "the connection ends a little after the reply",
    "late": "the reply comes after the timeout",
    "twice": "the reply comes twice",
    "bad-reply": "a byte of the sealed reply is damaged",
    "bad-request": "a byte of the sealed request is damaged",
}
WAITED_OUT = set(FAULTS) - {"bad-reply", "bad-request"}
EXITS = {"succeeded": 0, "scheduled": 0, "started": 0, "unreachable": 3, "unauthorized": 4, "refused": 5, "failed": 6,
         "superseded": 6, "still_running": 7, "suspended": 7, "unknown": 8, "not_found": 9}  # fmt: skip


@dataclass
class Exchange:
    connection: int
    is_leg: bool
    is_sealed: bool


class Proxy:
    """Carries exchanges, breaks one."""

    def __init__(self, upstream: int, point: int | None, fault: str) -> None:
        self.upstream, self.point, self.fault = upstream, point, fault
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.server: asyncio.Server | None = None
        self.socket = self.bind(0)
        self.port = self.socket.getsockname()[1]

    @staticmethod
    def bind(port: int) -> socket.socket:
        """A socket that refuses connections until it listens."""
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind((LOOPBACK, port))
        return own

    async def start(self) -> None:
        if self.point == 0 and self.fault == "refused":
            self.spawn(self.listen_after(OUTAGE))
        else:
            await self.listen_after(0)

    def spawn(self, work) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def listen_after(self, pause: float) -> None:
        await asyncio.sleep(pause)
        self.server = await asyncio.start_server(self.serve, sock=self.socket)

    def refuse(self) -> None:
        self.server.close()
        self.socket = self.bind(self.port)
        self.spawn(self.listen_after(OUTAGE))

    async def stop(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        if self.server:
            self.server.close()
        self.socket.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self.connections
        self.connections += 1
        host = None
        try:
            host = await asyncio.open_connection(LOOPBACK, self.upstream, limit=2**24)
            while await self.exchange(number, (reader, writer), host):
                pass
        except (OSError, EOFError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            if host:
                host[1].close()

    async def exchange(self, number: int, client, host) -> bool:
        """Carries one exchange; whether there may be another."""
        (reader, writer), (from_host, to_host) = client, host
        request = await message(reader)
        is_leg = b"\r\nauthorization:" in request.split(b"\r\n\r\n")[0].lower()
        at = len(self.exchanges)
        self.exchanges.append(Exchange(number, is_leg, b"multipart/encrypted" in request))
        fault = self.fault if at == self.point else ""
        if fault in ("refused", "cut"):
            writer.transport.abort()
            return False
        if fault == "half-request":
            to_host.write(request[: len(request) // 2])
            await to_host.drain()
            return False
        to_host.write(damaged(request) if fault == "bad-request" else request)
        reply = await message(from_host)
        if self.fault == "refused" and at + 1 == self.point:
            self.refuse()
        if fault == "no-reply":
            return False
        if fault == "late":
            # Until the client has had enough of it.
            await asyncio.wait_for(reader.read(1), DEADLINE)
            return False
        if fault == "half-reply":
            reply = reply[: len(reply) // 2]
        elif fault == "twice":
            reply = reply * 2
        elif fault == "bad-reply":
            reply = damaged(reply)
        writer.write(reply)
        await writer.drain()
        if fault == "idle":
            await asyncio.sleep(0.02)
        return fault not in ("half-reply", "after-reply", "idle")


async def message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))


def damaged(sealed: bytes) -> bytes:
    """With one byte changed, in the middle of the cipher text; a leg of a handshake has none."""
    begins = sealed.find(b"application/octet-stream")
    if begins < 0:
        return sealed
    at = (begins + len(sealed)) // 2
    return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]


@dataclass
class Ran:
    """A run that is over."""

    code: int | None
    said: dict
    truth: dict
    exchanges: list[Exchange]
    errors: str

    def words(self) -> tuple:
        return self.code, tuple(result["outcome"] for result in self.said.get("results", []))


class Stand:
    def __init__(self, binary: Path) -> None:
        self.binary = binary
        self.job = ""

    async def run(self, flow: Flow, point: int | None = None, fault: str = "") -> Ran:
        command = [self.binary, "simulate", "--scenario", flow.scenario, "--speed", str(flow.speed), "--user", USER, "-o", "json"]
        pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        host = await asyncio.create_subprocess_exec(*command, env=ENV, stdin=none, stdout=pipe, stderr=none, limit=2**24)
        try:
            url = json.loads(await host.stdout.readline())["url"]
            proxy = Proxy(int(url.split(":")[2].split("/")[0]), point, fault)
            await proxy.start()
            try:
                ended, said, errors = await self.client(flow, proxy.port)
            finally:
                await proxy.stop()
        finally:
            host.send_signal(signal.SIGINT)
            truth, _ = await host.communicate()
        return Ran(ended, said, json.loads(truth), proxy.exchanges, errors)

    async def client(self, flow: Flow, port: int) -> tuple[int | None, dict, str]:
        arguments = [self.job if argument == JOB else argument for argument in flow.arguments]
        command = [self.binary, *arguments, "--host", f"http://{LOOPBACK}:{port}/wsman", "--auth", "ntlm", "--user", USER, "-o", "json",
                   *PATIENCE, "--poll-interval", flow.pause]  # fmt: skip
        pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        client = await asyncio.create_subprocess_exec(*command, env=ENV, stdin=none, stdout=pipe, stderr=pipe)
        try:
            said, errors = await asyncio.wait_for(client.communicate(), DEADLINE)
        except TimeoutError:
            client.kill()
            await client.communicate()
            return None, {}, "killed"
        return client.returncode, json.loads(said or b"{}"), errors.decode(errors="replace")

    async def find_job(self) -> None:
        """The same seed gives the same identifiers."""
        listed = await self.run(Flow("already-resyncing", ["job", "list"], 1))
        self.job = listed.said["jobs"][0]["instance_id"]


class Judge:
    """What is wrong with a run."""

    def __init__(self, flow: Flow, ran: Ran) -> None:
        self.flow, self.ran, self.wrong, self.twice = flow, ran, [], []
        own = [call for call in ran.truth["calls"] if call["user"] == USER]
        self.calls = Counter(call["vm"] for call in own)
        self.accepted = {call["vm"] for call in own if call["return_value"] in (0, 4096)}
        self.returned = {call["return_value"] for call in own}
        self.succeeded = {one["vm"] for one in ran.truth["succeeded"]}
        self.states = {one["id"]: (one["states"] or [None])[0] for one in ran.truth["machines"]}
        self.jobs = {job["id"]: job["state"] for job in ran.truth["jobs"]}
        self.changes = Counter(
            (call["method"], call["subject"]) for call in ran.truth["requests"] if call["user"] == USER
        )  # fmt: skip

    def judge(self) -> None:
        self.twice += [f"Resynchronize of {vm} was executed {count} times" for vm, count in self.calls.items() if count > 1]
        self.twice += [f"{what} was executed {count} times" for what, count in self.changes.items() if count > 1]
        if self.ran.code is None:
            self.wrong.append("it did not come to an end")
        elif self.ran.code in (1, 101) or "panicked" in self.ran.errors:
            self.wrong.append(f"exit {self.ran.code}: {self.ran.errors.strip()[:200]}")
        elif self.flow.arguments[0] == "resync":
            self.resync(self.ran.said.get("results"))
        elif self.flow.arguments[1] == "follow":
            self.follow()
        else:
            self.cancel()

    def resync(self, results: list[dict] | None) -> None:
        if not results or len(results) != len(self.flow.machines):
            self.wrong.append(f"results for {len(results or [])} of {len(self.flow.machines)} machines")
            return
        codes = {self.documented(result) for result in results}
        wanted = codes.pop() if len(codes) == 1 else 10
        if self.ran.code != wanted:
            self.wrong.append(f"exit {self.ran.code} instead of {wanted}")
        for result in results:
            for text in self.result(result):
                self.wrong.append(f"{result['outcome']}: {text}")

    @staticmethod
    def documented(result: dict) -> int:
        if result["outcome"] == "cancelled":
            return 6 if result["invoked"] or result["attached"] else 130
        return EXITS[result["outcome"]]

    def result(self, result: dict):
        outcome, error = result["outcome"], result["error"] or {}
        vm = (result["vm"] or {}).get("id")
        asked = result["invoked"] or result["attached"]
        if self.calls[vm] and not result["invoked"]:
            yield "it was executed, but nothing was invoked, it says"
        if outcome == "succeeded" and (vm not in self.succeeded or self.states.get(vm) != 3):
            yield f"nothing succeeded; state {self.states.get(vm)}"
        if outcome in ("failed", "cancelled", "superseded", "suspended"):
            yield "nothing of the kind happened on the host"
        if outcome in ("refused", "unreachable", "unauthorized", "not_found"):
            if vm in self.accepted or result["attached"]:
                yield "the host has accepted it"
            if error.get("may_have_run"):
                yield "it may have run, it says"
        if outcome in ("scheduled", "started") and vm not in self.accepted and not result["attached"]:
            yield "nothing was accepted"
        if outcome in ("unknown", "still_running") and not asked:
            yield "nothing was asked for"
        if outcome in ("unknown", "still_running", "suspended") and "`hvreplica " not in (error.get("hint") or ""):
            yield "no command settles it"
        if outcome == "unknown" and not error.get("may_have_run"):
            yield "it has not run, it says"
        value = (result["return_value"] or {}).get("code")
        if value is not None and value not in self.returned:
            yield f"nobody returned {value}"

    def job(self) -> int | None:
        return (self.ran.said.get("state") or {}).get("code")

    def follow(self) -> None:
        if self.ran.code == 0 and not self.succeeded:
            self.wrong.append("a good end, it says")
        if self.ran.code == 6:
            self.wrong.append("a bad end, it says")
        if self.ran.code in (0, 6) and self.jobs.get(self.ran.said.get("instance_id"), 7) != self.job():
            self.wrong.append(f"job state {self.job()}, but it is {self.jobs}")

    def cancel(self) -> None:
        asked = bool(self.changes)
        if self.ran.code == 0 and (not asked or self.states_of_target() != 9):
            self.wrong.append(f"cancelled, it says; state {self.states_of_target()}")
        if self.ran.code in (2, 3, 4, 5, 9) and asked and self.states_of_target() == 9:
            self.wrong.append(f"exit {self.ran.code}, but it was cancelled")

    def states_of_target(self) -> int | None:
        return next(one["states"][0] for one in self.ran.truth["machines"] if one["name"] == TARGET)


def is_harmless(flow: Flow, usual: Ran, point: int, fault: str) -> bool:
    """Whether a fault changes nothing: it hits a read, which goes again."""
    if not flow.is_steady:
        return False
    hit = usual.exchanges[point]
    # A call goes over a connection of its own, first.
    call = next((at for at, one in enumerate(usual.exchanges) if one.connection > 0 and not one.is_leg), len(usual.exchanges))
    if point == call or (hit.connection > 0 and hit.is_leg):
        return False
    # What ends a connection with the reply before the call's own hits nothing.
    return fault in WAITED_OUT or point > call


async def sweep(stand: Stand, args: argparse.Namespace) -> int:
    begun = time.monotonic()
    await stand.find_job()
    wanted = args.only.split(":") if args.only else []
    flows = {name: flow for name, flow in FLOWS.items() if not wanted or name == wanted[0]}
    usual = {name: await stand.run(flow) for name, flow in flows.items()}
    for name, ran in usual.items():
        judge = Judge(flows[name], ran)
        judge.judge()
        if judge.wrong or judge.twice or ran.code != 0:
            print(f"{name} undisturbed: {ran.words()} {judge.wrong} {judge.twice} {ran.errors}", file=sys.stderr)
            return 1
    runs = [(name, point, fault) for name, ran in usual.items() for point, hit in enumerate(ran.exchanges) for fault in FAULTS
            if hit.is_sealed or not fault.startswith("bad-")]  # fmt: skip
    if len(wanted) == 3:
        runs = [(wanted[0], int(wanted[1]), wanted[2])]
    # Those that may take long first.
    runs.sort(key=lambda run: (run[0] not in ("suspend-first", "job-cancel"), run[2] != "late"))
    counts: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    queue = iter(runs)

    async def work() -> None:
        for name, point, fault in queue:
            ran = await stand.run(flows[name], point, fault)
            judge = Judge(flows[name], ran)
            judge.judge()
            if is_harmless(flows[name], usual[name], point, fault) and ran.words() != usual[name].words():
                judge.wrong.append(f"a fault that can be waited out leads to {ran.words()}")
            counts["done"] += 1
            counts["hit"] += len(ran.exchanges) > point or fault == "refused"
            counts["wrong"] += bool(judge.wrong)
            counts["twice"] += bool(judge.twice)
            outcomes[f"exit {ran.code}"] += 1
            for text in judge.twice + judge.wrong:
                print(f"WRONG {name}, exchange {point}, {fault}: {text}\n  tests/run sockets --only {name}:{point}:{fault}", flush=True)
            if len(wanted) == 3:
                print(json.dumps({"code": ran.code, "said": ran.said, "truth": ran.truth}, indent=1, ensure_ascii=False), ran.errors)

    async def progress() -> None:
        while True:
            await asyncio.sleep(30)
            print(f"sockets: {counts['done']} of {len(runs)} runs", flush=True)

    watching = asyncio.ensure_future(progress())
    await asyncio.gather(*(work() for _ in range(args.jobs)))
    watching.cancel()
    exits = ", ".join(f"{exit} {count}" for exit, count in sorted(outcomes.items()))
    print(f"sockets: {len(flows)} flows, {len(FAULTS)} faults, {len(runs)} runs, {counts['hit']} hit ({exits}), "
          f"{counts['wrong']} wrong verdicts, {counts['twice']} double invocations, {time.monotonic() - begun:.0f} s")  # fmt: skip
    return 1 if counts["wrong"] or counts["twice"] else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--jobs", type=int, default=32)
    parser.add_argument("--only", help="FLOW or FLOW:EXCHANGE:FAULT")
    args = parser.parse_args()
    return asyncio.run(sweep(Stand(args.binary.resolve()), args))


if __name__ == "__main__":
    sys.exit(main())
