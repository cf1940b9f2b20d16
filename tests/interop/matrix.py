"""Every way in against every acceptor, the whole resynchronization through each; and what has to be refused.

matrix.py WORK: run by matrix.sh, which has put keys, tickets and certificates into the folder WORK. HVREPLICA_BIN, HVREPLICA_PASSWORD and,
for the referee, HVREPLICA_SHARED come from the environment.
"""

from __future__ import annotations

import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import acceptors
import bad_input
import expiry
from hosts import (
    ACCOUNTS, BY_TICKET, KDC, KEYTAB, NO_PASSWORD, PASSWORD, REALM, SHARED, TLS, USER, Backend, Client, CredsspHost, Middle, Referee, Said, Simulator, Wiretap,
    Wrong, attempt, demand, demand_silence, found, fresh, holds, listener, run,
)  # fmt: skip

TRANSPORTS = ("http, sealed", "https", "https, strict binding")
SERVERS = ("pyspnego", "gss-ntlmssp", "MIT acceptor", "referee", "simulator")
AT_ONCE = int(os.environ.get("HVREPLICA_JOBS", "6"))
PASSED, REFUSED = "passed", "refused as it must be"

METHODS = {
    "ntlm": Client(["--auth", "ntlm", "-u", USER]),
    "negotiate, NTLM": Client(["--auth", "negotiate", "-u", USER]),
    "negotiate, Kerberos": Client(["--auth", "negotiate"], BY_TICKET),
    "kerberos, password": Client(["--auth", "kerberos", "-u", USER]),
    "kerberos, keytab": Client(["--auth", "kerberos", "--keytab", KEYTAB], NO_PASSWORD),
    "kerberos, kinit": Client(["--auth", "kerberos"], BY_TICKET),
    "basic": Client(["--auth", "basic", "-u", USER]),
    "credssp": Client(["--auth", "credssp", "-u", USER]),
    "certificate": Client(["--auth", "certificate", "--cert", TLS / "client.pem", "--key", TLS / "client.key"]),
}
OF_KERBEROS = {name for name in METHODS if "erberos" in name}
OF_NTLM = {"ntlm", "negotiate, NTLM"}


# --- the matrix -----------------------------------------------------------------------------------------------------


@dataclass
class Cell:
    method: str
    transport: str
    server: str
    outcome: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} × {self.transport} × {self.server}"

    @property
    def is_http(self) -> bool:
        return self.transport.startswith("http,")

    @property
    def is_strict(self) -> bool:
        return self.transport.endswith("strict binding")

    def url(self, port: int) -> str:
        # A host that is given by its address has no name in Kerberos.
        host = "127.0.0.1" if self.method == "negotiate, NTLM" else "localhost"
        return f"{'http' if self.is_http else 'https'}://{host}:{port}/wsman"

    def refusal(self) -> tuple[int, str] | None:
        """Exit code and words of a cell in which nobody gets in."""
        if self.is_http and self.method == "basic":
            return 2, "sends the password itself"
        if self.is_http and self.method == "certificate":
            return 2, "inside TLS"
        return None


def speaks(server: str, method: str, transport: str) -> bool:
    """Whether that server knows that method at all."""
    match server:
        case "pyspnego":
            # Its CredSSP has no binding to the channel outside.
            return method in OF_NTLM or method == "credssp" and transport != TRANSPORTS[-1]
        case "gss-ntlmssp":
            return method in OF_NTLM
        case "MIT acceptor":
            return method in OF_KERBEROS
        case "referee":
            return method != "credssp"
        case _:
            return True


def absent() -> dict[str, str]:
    """What cannot be had here, by server or method, and why."""
    lacking = {}
    if not SHARED:
        lacking["referee"] = "no ../shared"
    if not REALM:
        lacking |= dict.fromkeys([*OF_KERBEROS, "MIT acceptor"], "no MIT Kerberos")
    if not os.environ.get("GSS_NTLMSSP"):
        lacking["gss-ntlmssp"] = "no gss-ntlmssp"
    return lacking


def level(cell: Cell) -> str:
    return "none" if cell.is_http else "strict" if cell.is_strict else "relaxed"


def acceptor_of(cell: Cell) -> str:
    if cell.server == "pyspnego":
        return "pyspnego-ntlm" if cell.method == "ntlm" else "pyspnego-negotiate"
    return {"gss-ntlmssp": "gss-ntlmssp", "MIT acceptor": "mit-krb5"}[cell.server]


def referee_of(cell: Cell) -> Referee:
    """A referee that speaks the cell's method alone."""
    scheme = "ntlm" if cell.method in OF_NTLM else "kerberos" if cell.method in OF_KERBEROS else cell.method
    options: list[object] = ["--auth", scheme]
    if scheme == "kerberos":
        options += ["--keytab", KDC / "service.keytab"]
    if not cell.is_http:
        options += ["--tls", "--tls-dir", fresh("tls"), "--cbt", level(cell)]
    return Referee(*options)


def simulator_of(cell: Cell) -> Simulator:
    """One that offers the cell's method alone."""
    scheme = "kerberos" if cell.method in OF_KERBEROS else cell.method
    options: list[object] = ["--offer", "negotiate" if cell.method.startswith("n") else scheme]
    if scheme == "kerberos":
        options += ["--keytab", KDC / "service.keytab"]
    if not cell.is_http:
        options += ["--tls-cert", TLS / "server.pem", "--tls-key", TLS / "server.key", "--cbt", level(cell)]
        options += ["--client-ca", TLS / "ca.pem"] if cell.method == "certificate" else []
    return Simulator(*(options if not cell.is_http or scheme != "certificate" else []))


def play(cell: Cell) -> None:
    """Starts the cell's server, runs the client, compares."""
    client, authority = METHODS[cell.method], TLS / "ca.pem"
    with ExitStack() as stack:
        through = None
        if cell.server == "referee":
            host = stack.enter_context(referee_of(cell))
            port = host.port
            if not cell.is_http:
                authority = Path(host.ready["tls"]["ca"])
                if cell.method == "certificate":
                    client = Client(["--auth", "certificate", "--cert", host.ready["tls"]["client_cert"], "--key", host.ready["tls"]["client_key"]])
        elif cell.server == "simulator":
            host = stack.enter_context(simulator_of(cell))
            port = host.port
        elif cell.method == "credssp":
            host = stack.enter_context(Backend())
            port = stack.enter_context(CredsspHost(host, has_tls=not cell.is_http)).port
        else:
            host = stack.enter_context(Backend())
            through = listener(host, acceptor_of(cell), binding_level=level(cell))
            stack.callback(through.server_close)
            stack.callback(through.shutdown)
            port = through.port
        tap = None
        if cell.is_http:
            tap = stack.enter_context(Wiretap(port))
            port = tap.port
        else:
            client = client.trusting(authority)
        said = run(client, cell.url(port), ["resync", host.vm])
        try:
            executed = compare(cell, said)
        except Wrong as error:
            raise Wrong(f"{error} {through.truth if through else ''}") from error
        if tap and cell.refusal():
            demand(not tap.heard, f"{len(tap.heard)} bytes were sent")
        elif tap:
            demand_silence(bytes(tap.heard), host.vm)
            # What has to be there is found, so that what is not found is not there.
            demand(cell.method not in OF_NTLM or holds(tap.heard, USER), "the user's name was not heard")
        if through:
            demand(through.truth.invocations == executed and not through.truth.in_clear and not through.truth.faults, through.truth)
            demand(executed or through.truth.refusals, through.truth)
        host.judge(executed)


def compare(cell: Cell, said: Said) -> int:
    """How often the host has to have executed it."""
    if refusal := cell.refusal():
        code, words = refusal
        demand(said.code == code, said)
        demand(re.search(words, json.dumps(said.document)), said)
        demand(not any(result["invoked"] for result in said.document.get("results", [])), said)
        cell.outcome = REFUSED
        return 0
    demand(said.code == 0, said)
    result = said.result
    demand(result["outcome"] == "succeeded" and result["invoked"], said)
    if cell.method.startswith("negotiate"):
        demand(f"negotiate: using {cell.method.split(', ')[1]}" in said.errors, said)
    cell.outcome = PASSED
    return 1


@dataclass
class Between:
    """TLS that ends at somebody who is trusted, in front of a host that demands channel binding."""

    cell: Cell
    outcome: str = ""

    @property
    def name(self) -> str:
        return f"{self.cell.name}, TLS ended in between"

    def play(self) -> None:
        with (referee_of if self.cell.server == "referee" else simulator_of)(self.cell) as host, Middle(host.port) as middle:
            client = METHODS[self.cell.method].trusting(TLS / "ca.pem")
            said = run(client, self.cell.url(middle.port), ["resync", host.vm])
            demand(said.code == 4 and said.result["outcome"] == "unauthorized" and not said.result["invoked"], said)
            demand(middle.heard, "nothing was heard in between")
            host.judge(0)
        if self.cell.server == "simulator":
            demand("the channel bindings do not fit" in host.complaints.read_text(), host.complaints.read_text())
        self.outcome = f"exit 4: {said.result['error']['message']}"


@dataclass
class Clear:
    """The listening itself: what is sent in clear is heard."""

    name: str = "Basic over http, which is let through in clear"
    outcome: str = ""

    def play(self) -> None:
        with Backend() as host, Wiretap(host.port) as tap:
            client = Client([*METHODS["basic"].arguments, "--danger-allow-unencrypted"])
            said = run(client, f"http://localhost:{tap.port}/wsman", ["resync", host.vm])
            demand(said.code == 0, said)
            heard = found(bytes(tap.heard), host.vm)
            demand(len(heard) == 7, heard)
            self.outcome = "all of it is heard"


def print_matrix(cells: list[Cell], lacking: dict[str, str]) -> None:
    by_place = {(cell.method, cell.transport, cell.server): cell for cell in cells}
    print(f"{'method':22} {'transport':24}" + "".join(f" {server:22}" for server in SERVERS).rstrip())
    for method in METHODS:
        for transport in TRANSPORTS:
            words = []
            for server in SERVERS:
                cell = by_place.get((method, transport, server))
                words.append(cell.outcome or "WRONG" if cell else "left out" if speaks(server, method, transport) else "—")
            print(f"{method:22} {transport:24}" + "".join(f" {word:22}" for word in words).rstrip())


def main() -> int:
    acceptors.write_accounts(ACCOUNTS, USER, PASSWORD)
    lacking = absent()
    cells = [Cell(method, transport, server) for server in SERVERS for method in METHODS for transport in TRANSPORTS
             if speaks(server, method, transport) and not {method, server} & lacking.keys()]  # fmt: skip
    # CredSSP has a channel of its own inside, which nothing binds to the one outside.
    between = [Between(Cell(cell.method, cell.transport, cell.server)) for cell in cells
               if cell.is_strict and cell.server in ("referee", "simulator") and cell.method not in ("basic", "certificate", "credssp")]  # fmt: skip
    others = [Clear(), *between, *expiry.cells(lacking), *bad_input.cells(lacking)]
    work = [(cell.name, play, cell) for cell in cells]
    # The longest first; they wait more than they work.
    work = [(cell.name, cell.play) for cell in others if isinstance(cell, expiry.Cell)] + work
    work += [(cell.name, cell.play) for cell in others if not isinstance(cell, expiry.Cell)]
    if only := os.environ.get("HVREPLICA_CELLS"):
        work = [piece for piece in work if re.search(only, piece[0])]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = [fault for fault in pool.map(lambda piece: attempt(*piece), work) if fault]
    wrong += filter(None, [attempt("bad input: nothing is executed", bad_input.Shared.judge)])
    print_matrix(cells, lacking)
    print()
    for cell in others:
        if cell.outcome:
            print(f"{cell.name:76} {cell.outcome}")
    print()
    for fault in wrong:
        print(f"WRONG: {fault}", file=sys.stderr)
    for what, why in lacking.items():
        print(f"left out: {what} ({why})")
    outcomes = [cell.outcome for cell in cells]
    print(f"matrix: {outcomes.count(PASSED)} passed, {outcomes.count(REFUSED)} refused as they must be; "
          f"{sum(bool(cell.outcome) for cell in others)} others as they must be; {len(wrong)} wrong")  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
