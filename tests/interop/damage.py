"""What somebody on the way may do to tokens and sealed replies: one point each."""

from __future__ import annotations

import struct

from acceptors import AUTHENTICATE

CHALLENGE = b"NTLMSSP\0\x02\0\0\0"

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


def damaged_seal(kind: str, signature: bytes, data: bytes) -> tuple[bytes, bytes, int, int]:
    """Signature and cipher text, and what is added to the length of the one and of the message."""
    match kind:
        case "cipher":
            return signature, data[:40] + bytes([data[40] ^ 1]) + data[41:], 0, 0
        case "signature":
            return signature[:-5] + bytes([signature[-5] ^ 1]) + signature[-4:], data, 0, 0
        case "cut":
            return signature, data[:-20], 0, 0
        case "prefix":
            return signature, data, len(data) + 1000, 0
        case "length":
            return signature, data, 0, 4000
        case _:
            return signature, data, 0, 0
