"""Cursors: where the next page of a history begins, as text that callers need not understand.

A cursor is the number of the last transaction that was looked at, in its player's history, with a checksum, so that one
which was cut off or changed on its way is refused and not taken for another place. It gives no right: whoever asks sees
their own history.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

from .problems import invalid

LENGTH = 20
_VERSION_BYTES = 8
_CHECKSUM_BYTES = 7


def write_cursor(owner_version: int) -> str:
    """Write the cursor of the page that follows a transaction."""
    raw = owner_version.to_bytes(_VERSION_BYTES, "big", signed=True)
    return urlsafe_b64encode(raw + _checksum(raw)).decode()


def read_cursor(text: str) -> int:
    """Give the number that a cursor stands for.

    Raises:
        ProblemError: It was not written by `write_cursor`.
    """
    try:
        raw = urlsafe_b64decode(text.encode("ascii")) if len(text) == LENGTH else b""
    except ValueError:
        raw = b""
    version, checksum = raw[:_VERSION_BYTES], raw[_VERSION_BYTES:]
    if checksum != _checksum(version) or urlsafe_b64encode(raw).decode() != text:
        raise invalid("cursor", "is none: take it from next_cursor, as it is")
    return int.from_bytes(version, "big", signed=True)


def _checksum(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=_CHECKSUM_BYTES, person=b"wallet-cursor").digest()
