"""Cursors: where the next page of a history begins, as text that callers need not understand.

A cursor is the id of the last transaction that was looked at, with a checksum, so that one which was cut off or
changed on its way is refused and not taken for another place. It gives no right: whoever asks sees their own history.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from uuid import UUID

from .problems import invalid

LENGTH = 28
_ID_BYTES = 16
_CHECKSUM_BYTES = 5


def write_cursor(tx_id: str) -> str:
    """Write the cursor of the page that follows a transaction."""
    raw = UUID(tx_id).bytes
    return urlsafe_b64encode(raw + _checksum(raw)).decode()


def read_cursor(text: str) -> str:
    """Give the id that a cursor stands for.

    Raises:
        ProblemError: It was not written by `write_cursor`.
    """
    try:
        raw = urlsafe_b64decode(text.encode("ascii")) if len(text) == LENGTH else b""
    except ValueError:
        raw = b""
    id_, checksum = raw[:_ID_BYTES], raw[_ID_BYTES:]
    if checksum != _checksum(id_) or urlsafe_b64encode(raw).decode() != text:
        raise invalid("cursor", "is none: take it from next_cursor, as it is")
    return str(UUID(bytes=id_))


def _checksum(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=_CHECKSUM_BYTES, person=b"wallet-cursor").digest()
