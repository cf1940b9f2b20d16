"""What must not get in, against acceptors of others: the exit code, the named cause, and that nothing is executed."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import damage
from hosts import BY_TICKET, KDC, KEYTAB, NO_PASSWORD, TLS, USER, WORK, Backend, Client, Said, Wrong, demand, fresh, listener, run

OTHER_PASSWORD = {"HVREPLICA_PASSWORD": "not-the-password"}
NTLM = Client(["--auth", "ntlm", "-u", USER])
TICKET = Client(["--auth", "kerberos"], BY_TICKET)
TICKET_IN_SPNEGO = Client(["--auth", "negotiate"], BY_TICKET)
PASSWORD_AT_KDC = Client(["--auth", "kerberos", "-u", USER])
IN_ALL = threading.Lock()
REFUSED = "the host refused the credential"


@dataclass
class Cell:
    """One thing that is wrong, at one acceptor."""

    name: str
    acceptor: str
    client: Client
    words: str
    code: int = 4
    options: dict = field(default_factory=dict)
    before: Callable[[str], None] | None = None
    outcome: str = ""

    def play(self) -> None:
        host = Shared.backend()
        through = listener(host, self.acceptor, **self.options)
        try:
            if self.before:
                self.before(through.url())
            client = self.client.trusting(TLS / "ca.pem") if through.tls else self.client
            said = run(client, through.url(), ["resync", host.vm])
        finally:
            through.shutdown()
            through.server_close()
        try:
            self.compare(said)
        except Wrong as error:
            raise Wrong(f"{error} {through.truth}") from error
        demand(through.truth.invocations == 0 and not through.truth.in_clear, through.truth)

    def compare(self, said: Said) -> None:
        result = said.result
        demand(said.code == self.code, said)
        demand(result["outcome"] == {3: "unreachable", 4: "unauthorized"}[self.code] and not result["invoked"], said)
        demand(result["error"]["hint"] and not result["job"], said)
        demand(re.search(self.words, result["error"]["message"]), f"nothing of {self.words!r} in {said}")
        self.outcome = f"exit {said.code}: {result['error']['message']}"


class Shared:
    """One host behind all of these listeners: it has to execute nothing."""

    host = None

    @classmethod
    def backend(cls):
        with IN_ALL:
            cls.host = cls.host or Backend()
        return cls.host

    @classmethod
    def judge(cls) -> None:
        if cls.host:
            cls.host.judge(0)


def of_ntlm(acceptor: str) -> list[Cell]:
    def cell(what: str, client: Client, words: str, **options) -> Cell:
        return Cell(f"{acceptor}: {what}", acceptor, client, words, options=options)

    nobody = Client(["--auth", "ntlm", "-u", "nobody"])
    other = TLS / "other.pem"
    return [
        cell("wrong password", Client(NTLM.arguments, OTHER_PASSWORD), REFUSED),
        cell("unknown user", nobody, REFUSED),
        cell("bound to another certificate", NTLM, REFUSED, binding_level="relaxed", binding_of=other),
        cell("bound to another certificate, strict", NTLM, REFUSED, binding_level="strict", binding_of=other),
        cell("wrong password, strict binding", Client(NTLM.arguments, OTHER_PASSWORD), REFUSED, binding_level="strict"),
        cell("downgraded flags", NTLM, "leaves out NTLM capabilities", mangle="flags"),
        cell("challenge cut off", NTLM, "malformed", mangle="challenge-cut"),
        cell("MIC with another bit", NTLM, REFUSED, mangle="mic"),
        cell("MIC taken out", NTLM, REFUSED, mangle="mic-none"),
        *of_seals(acceptor, NTLM),
    ]


def of_seals(acceptor: str, client: Client, how: str = "sealed reply") -> list[Cell]:
    """The first reply is read, the second cannot be believed, or already the first cannot."""
    words = dict.fromkeys(damage.REPLIES, "the sealed reply is damaged") | {"clear": "in clear"}
    return [Cell(f"{acceptor}: {how}, {text}", acceptor, client, words[kind], 3, {"mangle": kind}) for kind, text in damage.REPLIES.items()]


def of_kerberos() -> list[Cell]:
    def cell(what: str, client: Client, words: str, before=None, **options) -> Cell:
        return Cell(f"mit-krb5: {what}", "mit-krb5", client, words, options=options, before=before)

    def of(user: str, **environment: str) -> Client:
        return Client(["--auth", "kerberos", "-u", user], environment)

    other = {"binding_level": "relaxed", "binding_of": TLS / "other.pem"}
    strangers = BY_TICKET | {"KRB5CCNAME": f"FILE:{WORK / 'ccache-of-stranger'}"}
    unproven = "does not prove who it is"
    cells = [
        cell("ticket bound to another certificate", TICKET, "refused a ticket", **other),
        cell("ticket in SPNEGO bound to another certificate", TICKET_IN_SPNEGO, "refused a ticket", **other),
        cell("ticket by password bound to another certificate", PASSWORD_AT_KDC, "refused a ticket", **other),
        cell("user whom the host does not let in", Client(TICKET.arguments, strangers), "refused a ticket", allowed=f"{USER}@"),
        cell("account locked out after two wrong passwords", of("locked"), "disabled, locked or expired", fail_twice),
        cell("account disabled", of("disabled"), "disabled, locked or expired"),
        cell("password expired", of("stale"), "the password of stale@.* has expired"),
        cell("realm that the KDC does not serve", Client([*of("operator@OTHER.TEST").arguments, "--kdc", kdc()]), "wrong realm|does not know the user"),
        cell("keytab, a bit of the keys", keytab_with("keys"), "refuses the password or key"),
        cell("keytab, a bit of the name", keytab_with("name"), "does not know the user nperator@"),
        cell("keytab, a bit of a length", keytab_with("length"), "the keytab is damaged"),
    ]
    for client, how in ((TICKET, "ticket"), (TICKET_IN_SPNEGO, "ticket in SPNEGO"), (PASSWORD_AT_KDC, "password")):
        cells.append(cell(f"{how}, the host's proof with another bit", client, unproven, mangle="last-token"))
        cells.append(cell(f"{how}, no proof of the host", client, unproven, mangle="no-last-token"))
        cells += of_seals("mit-krb5", client, f"{how}, sealed reply")
    if preload := os.environ.get("FAKETIME_LIBRARY"):
        late = {"LD_PRELOAD": preload, "FAKETIME": "+20m", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        cells.append(cell("this machine's clock, ticket", Client(TICKET.arguments, BY_TICKET | late), "clocks"))
    return cells


def kdc() -> str:
    return re.search(r"(?m)^\s+kdc = (\S+)", (KDC / "krb5.conf").read_text())[1]


def fail_twice(url: str) -> None:
    for _ in range(2):
        said = run(Client(["--auth", "kerberos", "-u", "locked"], OTHER_PASSWORD), url, ["resync", "target"])
        demand(said.code == 4 and "refuses the password or key" in said.result["error"]["message"], said)


def keytab_with(what: str) -> Client:
    """The operator's keytab with another bit: in each key, in each name, or in the first length."""
    changed = bytearray(KEYTAB.read_bytes())
    at = 2
    while at + 4 <= len(changed):
        size = int.from_bytes(changed[at : at + 4], "big", signed=True)
        if size > 0 and what == "keys":
            changed[at + 4 + size - 9] ^= 1  # behind the key there are four bytes at most
        at += 4 + abs(size)
    if what == "name":
        changed = bytearray(changed.replace(USER.encode(), b"nperator"))
    elif what == "length":
        changed[4] ^= 0x40
    file = fresh("keytab")
    file.write_bytes(changed)
    return Client(["--auth", "kerberos", "--keytab", file], NO_PASSWORD)


def cells(lacking: dict[str, str]) -> list[Cell]:
    found = [*of_ntlm("pyspnego-ntlm"), *of_ntlm("pyspnego-negotiate")]
    if "gss-ntlmssp" not in lacking:
        found += of_ntlm("gss-ntlmssp")
    if "MIT acceptor" not in lacking:
        found += of_kerberos()
    return found
