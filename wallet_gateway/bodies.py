"""Bodies: how a request's body is read, within a time, a size, and what all long ones may hold together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from starlette.types import Message, Receive

from .refusals import full, invalid, too_large

BODY_WITHIN_S = 20.0
"""How long a body may take to come whole."""
SHORT_BYTES = 64 * 1024
_DROP_WITHIN_S = 2.0
_DROP_BYTES_MAX = 32 * 1024 * 1024


class CallerGoneError(Exception):
    """The caller has hung up: nobody waits for an answer."""


class Incoming:
    """A request's body as it comes in."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def receive(self) -> Message:
        """Wait for what comes next."""
        message = await self._receive()
        self._ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def drop(self) -> None:
        """Read what is left of it, within bounds, and forget it: who is still sending cannot read a refusal."""
        dropped = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_DROP_WITHIN_S):
                while not self._ended and dropped < _DROP_BYTES_MAX:
                    dropped += len((await self.receive()).get("body", b""))


class Room:
    """What one request or stream holds of what all long ones may hold."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self.taken = 0

    def grow(self, size: int) -> None:
        """Hold so many bytes, or no more than so many.

        Raises:
            RefusedError: There is no room for them now.
        """
        more = size - self.taken
        if more > self._bodies.left:
            raise full("this gateway holds as much as it may; send it again")
        self._bodies.left -= more
        self.taken = size


class Bodies:
    """Reads bodies."""

    def __init__(self, *, held_bytes_max: int) -> None:
        self.left = held_bytes_max
        """How many more bytes long requests may hold."""

    @contextmanager
    def room(self) -> Iterator[Room]:
        """Give a request its room while the block lasts."""
        room = Room(self)
        try:
            yield room
        finally:
            self.left += room.taken

    async def read(self, receive: Receive, room: Room, *, length: int | None, bytes_max: int) -> bytes:
        """Read a body whole.

        Raises:
            RefusedError: It is too large, it did not come in time, or there is no room.
            CallerGoneError: The caller hung up.
        """
        expected = length or 0
        if expected > bytes_max:
            raise too_large(bytes_max)
        if expected > SHORT_BYTES:
            room.grow(expected)
        parts: list[bytes] = []
        size, more = 0, True
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise CallerGoneError
                    parts.append(message.get("body", b""))
                    more = message.get("more_body", False)
                    size += len(parts[-1])
                    if size > bytes_max:
                        raise too_large(bytes_max)
                    if size > SHORT_BYTES:
                        room.grow(max(size, room.taken))
        except TimeoutError:
            raise invalid("request", "did not come in time", reason="MISSING_FIELD") from None
        return parts[0] if len(parts) == 1 else b"".join(parts)
