"""Tickets that run out while a resynchronization is followed: it is followed on, or left with the word how to go on."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hosts import KDC, NO_PASSWORD, PASSWORD, REALM, Backend, Client, Said, demand, fresh, listener, run

USER = "fleeting"
LIFE = 8  # seconds, as the KDC has it
LIVES = 3
SPEED = 20


@dataclass
class Cell:
    """A source of tickets, and whether it gives another one once the first has expired."""

    source: str
    goes_on: bool
    outcome: str = ""

    @property
    def name(self) -> str:
        return f"tickets of {LIFE} s, {self.source}"

    def play(self) -> None:
        with ExitStack() as stack:
            host = stack.enter_context(Backend(duration=(LIVES + 0.5) * LIFE * SPEED, speed=SPEED))
            through = listener(host, "mit-krb5", forgets=True)
            stack.callback(through.server_close)
            stack.callback(through.shutdown)
            cache = fresh("expiring")
            client = Client(["--auth", "kerberos"], NO_PASSWORD | {"KRB5CCNAME": f"FILE:{cache}"})
            match self.source:
                case "by keytab":
                    client = Client(["--auth", "kerberos", "--keytab", KDC / "fleeting.keytab"], NO_PASSWORD)
                case "by password":
                    client = Client(["--auth", "kerberos", "-u", USER])
                case "by kinit, renewed by another":
                    stack.enter_context(renewed(cache))
                case _:
                    kinit(cache)
            begun = time.monotonic()
            said = run(client, through.url(), ["resync", host.vm])
            seconds = time.monotonic() - begun
            demand(through.truth.principals == {f"{USER}@{REALM}"}, through.truth)
            if self.goes_on:
                self.demand_success(said, through.truth, seconds)
            else:
                self.demand_farewell(said, through.truth)
                kinit(cache)
                job = said.result["job"]["instance_id"]
                with renewed(cache):
                    demand(run(client, through.url(), ["job", "follow", job]).code == 0, "the job cannot be followed to its end")
            demand(through.truth.invocations == 1, through.truth)
            host.judge(1)

    def demand_success(self, said: Said, truth, seconds: float) -> None:
        demand(said.code == 0 and said.result["outcome"] == "succeeded", said)
        demand(truth.forgotten >= LIVES - 1 and seconds > (LIVES - 1) * LIFE, f"{seconds} s, {truth}")
        self.outcome = f"exit 0 after {seconds:.0f} s; authenticated again {truth.forgotten} times in mid-session"

    def demand_farewell(self, said: Said, truth) -> None:
        demand(said.code == 7 and said.result["outcome"] == "still_running" and truth.forgotten, f"{said} {truth}")
        error = said.result["error"]
        demand("the ticket has expired" in error["message"] and "goes on" in error["message"], said)
        demand("kinit" in error["hint"] and f"hvreplica job follow {said.result['job']['instance_id']}" in error["hint"], said)
        self.outcome = f"exit 7: {error['message']}; then followed to its end"


def kinit(cache: Path) -> None:
    """A new ticket, in place of the old one at one stroke."""
    draft = fresh("draft")
    environment = os.environ | {"KRB5_CONFIG": str(KDC / "krb5.conf")}
    subprocess.run(["kinit", "-c", f"FILE:{draft}", USER], input=PASSWORD + "\n", text=True, env=environment, check=True, stdout=subprocess.DEVNULL)
    draft.replace(cache)


@contextmanager
def renewed(cache: Path):
    """Somebody renews the ticket in time, as k5start does."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(LIFE / 3):
            kinit(cache)

    kinit(cache)
    other = threading.Thread(target=renew, daemon=True)
    other.start()
    try:
        yield
    finally:
        done.set()
        other.join()


def cells(lacking: dict[str, str]) -> list[Cell]:
    if "MIT acceptor" in lacking:
        return []
    return [Cell("by keytab", True), Cell("by password", True), Cell("by kinit, renewed by another", True), Cell("by kinit, not renewed", False)]
