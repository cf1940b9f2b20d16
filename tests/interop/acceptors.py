"""Acceptors of others, each behind the same few methods: what they are told, what they refuse, how they seal and open."""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from spnego.channel_bindings import GssChannelBindings

NTLM, KERBEROS, SPNEGO = "1.3.6.1.4.1.311.2.2.10", "1.2.840.113554.1.2.2", "1.3.6.1.5.5.2"
CLOCK_SKEW = 300  # seconds; the library's default
CHANNEL_BOUND = 0x800  # GSS_C_CHANNEL_BOUND_FLAG
AV_CHANNEL_BINDINGS = 10
AUTHENTICATE = b"NTLMSSP\0\x03\0\0\0"


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


def write_accounts(path: Path, user: str, password: str) -> None:
    """The account as both implementations of NTLM read it, which find the file by the environment."""
    path.write_text("".join(f"{domain}:{user}:{password}\n" for domain in ("", "EXAMPLE")), encoding="utf-8")
    path.chmod(0o600)
    os.environ["NTLM_USER_FILE"] = str(path)
    os.environ["LM_COMPAT_LEVEL"] = "5"  # NTLMv2 and nothing older
