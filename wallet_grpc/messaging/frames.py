"""Frames: takes deliveries out of a connection's stream of bytes, whole, before the client library sees them.

The library decodes what senders wrote, and a single property that it cannot decode ends its connection; then the broker
delivers everything again, the same message included. So what the broker delivers goes past it, as bytes. All else is
the library's: the handshake, heartbeats, confirms, what we declare. It lets its transport be made by others
(`aiormq.connection.TransportFactory`); that is where this stands.

A body that is larger than an event may be is held only while there is room for it, and a very large one never: its
frames are dropped as they come, and the broker keeps the message.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from yarl import URL

_METHOD, _HEADER, _BODY = 1, 2, 3
_FRAME = struct.Struct(">BHI")
_DELIVER = struct.pack(">HH", 60, 60)
_CLOSINGS = frozenset({struct.pack(">HH", 10, 50), struct.pack(">HH", 20, 40)})
"""Connection.Close and Channel.Close."""
_CONTENT = struct.Struct(">HHQ")

LARGE_BODY_BYTES_MAX: Final = 1024 * 1024
"""The largest body, beyond what an event may have, that is held at all."""
LARGE_BODIES_BYTES_MAX: Final = 32 * 1024 * 1024
"""For all such bodies that are held at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDelivery:
    """A message as it came, in bytes."""

    delivery_tag: int
    routing_key: bytes
    properties: bytes
    body: bytes | None
    """None if it was too large to be held."""
    body_bytes: int


@dataclass(slots=True)
class _Arriving:
    """A delivery of which not all frames have come."""

    delivery_tag: int
    routing_key: bytes
    properties: bytes = b""
    body_bytes: int = -1
    """How large the body is to be; negative until that was told."""
    seen_bytes: int = 0
    held: list[bytes] | None = field(default_factory=list)


class DeliveryTransport(TransportFactory):
    """Makes the transport of one connection, whose deliveries go to `on_delivery`.

    What `on_delivery` raises ends the connection; `failed_at` tells then which delivery it was.
    """

    def __init__(self, on_delivery: Callable[[RawDelivery], None], *, body_bytes_max: int) -> None:
        self._on_delivery = on_delivery
        self._body_bytes_max = body_bytes_max
        self._large_bytes = 0
        self.failed_at: RawDelivery | None = None

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect."""
        plain = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, writer = await plain.create(url, **kwargs)
        return cast("asyncio.StreamReader", _FrameReader(reader, self)), writer

    def release(self, delivery: RawDelivery) -> None:
        """Give back the room that a delivery took, once it is settled."""
        if delivery.body is not None and self._is_large(delivery.body_bytes):
            self._large_bytes -= delivery.body_bytes

    def admits(self, body_bytes: int) -> bool:
        """Tell whether a body is to be held; its room is taken."""
        if not self._is_large(body_bytes):
            return True
        if body_bytes > LARGE_BODY_BYTES_MAX or self._large_bytes + body_bytes > LARGE_BODIES_BYTES_MAX:
            return False
        self._large_bytes += body_bytes
        return True

    def hand_on(self, delivery: RawDelivery) -> None:
        """Hand a whole delivery on."""
        self.failed_at = delivery
        self._on_delivery(delivery)
        self.failed_at = None

    def _is_large(self, body_bytes: int) -> bool:
        return body_bytes > self._body_bytes_max


class _FrameReader:
    """What the client library reads from: the connection's bytes without the deliveries, in whole frames."""

    def __init__(self, reader: asyncio.StreamReader, transport: DeliveryTransport) -> None:
        self._reader = reader
        self._transport = transport
        self._arriving: dict[int, _Arriving] = {}
        self._ready = b""
        self._at = 0

    def at_eof(self) -> bool:
        return self._at == len(self._ready) and self._reader.at_eof()

    async def read(self) -> bytes:
        return await self._reader.read()

    async def readexactly(self, size: int) -> bytes:
        while len(self._ready) - self._at < size:
            frame = await self._next_frame()
            if frame:
                self._ready = self._ready[self._at :] + frame
                self._at = 0
        start, self._at = self._at, self._at + size
        return self._ready[start : self._at]

    async def _next_frame(self) -> bytes:
        """Read a frame; gives it if it is the library's, and nothing if it was a delivery's."""
        head = await self._reader.readexactly(_FRAME.size)
        if head.startswith(b"AMQP"):  # a broker of another version says no without a frame
            return head
        kind, channel, size = _FRAME.unpack(head)
        rest = await self._reader.readexactly(size + 1)
        if kind == _METHOD and rest[: len(_DELIVER)] == _DELIVER:
            self._arriving[channel] = _delivering(rest)
        elif kind == _METHOD and rest[: len(_DELIVER)] in _CLOSINGS:
            self._arriving.pop(channel, None)
            return head + rest
        elif kind in {_HEADER, _BODY} and channel in self._arriving:
            self._take(channel, self._arriving[channel], kind, rest[:-1])
        else:
            return head + rest
        return b""

    def _take(self, channel: int, arriving: _Arriving, kind: int, payload: bytes) -> None:
        if kind == _HEADER:
            _, _, arriving.body_bytes = _CONTENT.unpack_from(payload)
            arriving.properties = payload[_CONTENT.size :]
            if not self._transport.admits(arriving.body_bytes):
                arriving.held = None
        else:
            arriving.seen_bytes += len(payload)
            if arriving.held is not None:
                arriving.held.append(payload)
        if arriving.seen_bytes >= arriving.body_bytes >= 0:
            del self._arriving[channel]
            self._transport.hand_on(
                RawDelivery(
                    delivery_tag=arriving.delivery_tag,
                    routing_key=arriving.routing_key,
                    properties=arriving.properties,
                    body=None if arriving.held is None else b"".join(arriving.held),
                    body_bytes=arriving.body_bytes,
                )
            )


def _delivering(method: bytes) -> _Arriving:
    """Read Basic.Deliver: our consumer's tag, the delivery's tag, whether it came before, exchange, routing key."""
    at = len(_DELIVER)
    at += 1 + method[at]
    (delivery_tag,) = struct.unpack_from(">Q", method, at)
    at += 8 + 1
    at += 1 + method[at]
    return _Arriving(delivery_tag, method[at + 1 : at + 1 + method[at]])
