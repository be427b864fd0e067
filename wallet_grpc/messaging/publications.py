"""Publications: events go to the broker in frames of our own, and its confirmations are taken out of what it says.

The client library makes, of each event, a frame of objects, a lock, a task's turn and a write; for a relay that was
most of its processor time (docs/performance.md). What a publication is on the wire is three frames that hardly differ,
so they are put together here and written at once, and what confirms them is read where the connection's bytes come in.
All else is the library's: the handshake, heartbeats, the channel, and what closes it.

An event's publication ends with the broker's word on it: that it has it, that no queue takes it, or that it refuses it.
If the channel is closed before, with what the library tells of that.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any, Final, cast

from aiormq.abc import AbstractChannel
from aiormq.connection import TransportFactory
from yarl import URL

from .broker import BrokerGoneError
from .frames import BODY, CONTENT, FRAME, HEADER, METHOD, FrameReader, plain_transport
from .properties import read_properties

_PUBLISH: Final = struct.pack(">HHH", 60, 40, 0)
_RETURN: Final = struct.pack(">HH", 60, 50)
_ACK: Final = struct.pack(">HH", 60, 80)
_NACK: Final = struct.pack(">HH", 60, 120)
_CONFIRMS: Final = struct.Struct(">QB")
_MANDATORY: Final = b"\x01"
_MULTIPLE: Final = 1
_BASIC: Final = 60
_PROPERTIES: Final = struct.pack(">H", 0b1011_1000_1010_0000)
"""Which properties there are: content_type, headers, delivery_mode, priority, message_id, type."""
_NO_HEADERS: Final = struct.pack(">I", 0)
_PERSISTENT_AND_PLAIN: Final = b"\x02\x00"
"""The delivery mode, and the priority."""
_END: Final = b"\xce"
_FRAME_OVERHEAD_BYTES: Final = 8
_SHORT_BYTES_MAX: Final = 255
_FRAME_BYTES_MAX: Final = 128 * 1024
_HEARTBEAT: Final = FRAME.pack(8, 0, 0) + _END
_SIGN_OF_LIFE_EVERY_S: Final = 1.0


class UnroutableError(Exception):
    """No queue takes the event."""


class RefusedByBrokerError(Exception):
    """The broker does not take the event now."""


class PublishingTransport(TransportFactory):
    """Makes the transport of one connection, on which `Publications` may write."""

    def __init__(self) -> None:
        self.publications: Publications | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect."""
        reader, self.writer = await plain_transport(url).create(url, **kwargs)
        return cast("asyncio.StreamReader", _ConfirmationReader(reader, self)), self.writer


class Publications:
    """What is published on one channel, which nobody else publishes on, to one exchange. Belongs to one event loop."""

    def __init__(
        self, transport: PublishingTransport, channel: AbstractChannel, *, exchange: str, content_type: str
    ) -> None:
        """Begin; the channel must confirm, and have published nothing."""
        assert transport.writer is not None, "connected before"
        self.number = channel.number
        self._writer = transport.writer
        self._bodies_bytes_max = (channel.connection.connection_tune.frame_max or _FRAME_BYTES_MAX) - (
            _FRAME_OVERHEAD_BYTES
        )
        self._begin = _PUBLISH + _short(exchange.encode())
        self._properties = _PROPERTIES + _short(content_type.encode()) + _NO_HEADERS + _PERSISTENT_AND_PLAIN
        self._tag = 0
        self._lowest = 1
        """Of the tags that may not be confirmed yet."""
        self._waiting: dict[int, tuple[str, asyncio.Future[None]]] = {}
        self._closed: asyncio.Future[None] = channel.create_future()
        self._closed.add_done_callback(self._end)
        transport.publications = self

    def publish(self, event_id: str, event_type: str, body: bytes) -> asyncio.Future[None]:
        """Publish an event, routed by its type; the future ends with the broker's word on it.

        It raises UnroutableError, RefusedByBrokerError, or what the channel was closed with.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._closed.done():
            future.set_exception(_reason(self._closed))
            return future
        routing_key = _short(event_type.encode())
        method = self._begin + routing_key + _MANDATORY
        header = CONTENT.pack(_BASIC, 0, len(body)) + self._properties + _short(event_id.encode()) + routing_key
        frames = [FRAME.pack(METHOD, self.number, len(method)), method, _END]
        frames += [FRAME.pack(HEADER, self.number, len(header)), header, _END]
        for begins in range(0, len(body), self._bodies_bytes_max):
            part = body[begins : begins + self._bodies_bytes_max]
            frames += [FRAME.pack(BODY, self.number, len(part)), part, _END]
        self._writer.write(b"".join(frames))
        self._tag += 1
        self._waiting[self._tag] = (event_id, future)
        return future

    def confirmed(self, tag: int, *, multiple: bool, refused: bool) -> None:
        """Note the broker's word on a publication, or on all up to it."""
        for each in range(self._lowest, tag + 1) if multiple else (tag,):
            _, future = self._waiting.pop(each, ("", None))
            if future is None or future.done():
                continue
            if refused:
                future.set_exception(RefusedByBrokerError("the broker does not take it now"))
            else:
                future.set_result(None)
        while self._lowest <= self._tag and self._lowest not in self._waiting:
            self._lowest += 1

    def returned(self, event_id: str | None) -> None:
        """Note that no queue takes an event; the broker confirms it as well, right after."""
        for waiting_id, future in self._waiting.values():
            if waiting_id == event_id and not future.done():
                future.set_exception(UnroutableError("no queue takes it"))
                return

    def _end(self, closed: asyncio.Future[None]) -> None:
        reason = _reason(closed)
        waiting, self._waiting = self._waiting, {}
        for _, future in waiting.values():
            if not future.done():
                future.set_exception(reason)


def _reason(closed: asyncio.Future[None]) -> BaseException:
    reason = None if closed.cancelled() else closed.exception()
    if reason is None or isinstance(reason, asyncio.CancelledError):
        return BrokerGoneError("the channel was closed")
    return reason


def _short(text: bytes) -> bytes:
    if len(text) > _SHORT_BYTES_MAX:
        raise ValueError(f"{len(text)} bytes are too many for a name: {text[:40]!r}")
    return bytes((len(text),)) + text


class _ConfirmationReader(FrameReader):
    """What the client library reads from: the connection's bytes without what is said of our publications.

    The library takes a broker for dead from which it has no frame for a while, and a broker that confirms all the time
    sends no heartbeats. So now and then a heartbeat stands in the place of a frame that was taken out.
    """

    def __init__(self, reader: asyncio.StreamReader, transport: PublishingTransport) -> None:
        super().__init__(reader)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._alive_at = self._loop.time()

    def taken(self, kind: int, channel: int, head: bytes, rest: bytes) -> bytes:
        """Take a confirmation, or a frame of what is returned; all else is the library's."""
        publications = self._transport.publications
        if publications is None or channel != publications.number or not self._is_ours(publications, kind, rest):
            return head + rest
        now = self._loop.time()
        if now - self._alive_at < _SIGN_OF_LIFE_EVERY_S:
            return b""
        self._alive_at = now
        return _HEARTBEAT

    def _is_ours(self, publications: Publications, kind: int, rest: bytes) -> bool:
        if kind == METHOD:
            method = rest[:4]
            if method in {_ACK, _NACK}:
                tag, bits = _CONFIRMS.unpack_from(rest, 4)
                publications.confirmed(tag, multiple=bool(bits & _MULTIPLE), refused=method == _NACK)
                return True
            return method == _RETURN
        if kind == HEADER:
            publications.returned(read_properties(rest[CONTENT.size : -1]).text("message_id"))
            return True
        return kind == BODY
