"""Envelopes: how Connect frames the messages of a stream: a byte of flags, four of length, the message."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .refusals import not_implemented, too_large

_HEAD = struct.Struct(">BI")
_COMPRESSED = 0x01
_END = 0x02


def framed(message: bytes) -> bytes:
    """Frame a message."""
    return _HEAD.pack(0, len(message)) + message


def framed_end(trailer: bytes) -> bytes:
    """Frame the last thing that a server sends: how the stream ended, in JSON."""
    return _HEAD.pack(_END, len(trailer)) + trailer


class Envelopes:
    """Takes messages out of the pieces that a body comes in."""

    def __init__(self, message_bytes_max: int) -> None:
        self._message_bytes_max = message_bytes_max
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take a piece, and give the messages that are whole by it.

        Raises:
            RefusedError: A message is too large, or compressed.
        """
        buffer = self._buffer
        buffer += piece
        start = 0
        while len(buffer) - start >= _HEAD.size:
            flags, length = _HEAD.unpack_from(buffer, start)
            if flags & _COMPRESSED:
                raise not_implemented("the wallet takes no compressed message")
            if length > self._message_bytes_max:
                raise too_large(self._message_bytes_max)
            end = start + _HEAD.size + length
            if len(buffer) < end:
                break
            yield bytes(buffer[start + _HEAD.size : end])
            start = end
        del buffer[:start]

    @property
    def held_bytes(self) -> int:
        """How much is held of messages that were not given yet: 0 where nothing is left over."""
        return len(self._buffer)
