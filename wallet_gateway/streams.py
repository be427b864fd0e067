"""Streams by Connect's protocol: operations in and outcomes out at the same time, so over HTTP/2 only.

A stream is read as the wallet takes it and written as its caller reads it: neither side is run ahead of. It ends with a
last envelope that tells how. A gateway that stops reads no further, hands on the outcomes of what it has read, and ends
it as UNAVAILABLE: what has no answer is to be sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import msgspec
import structlog
from google.rpc import status_pb2
from starlette.types import Receive, Send

from .answers import head as answer_head
from .bodies import SHORT_BYTES, Bodies, CallerGoneError, Room
from .envelopes import Envelopes, framed, framed_end
from .heads import Head
from .http_errors import code_of, error_of
from .methods import Codec, Method
from .metrics import OVER
from .refusals import RefusedError, StreamOverError, fault, invalid, of_call, stopping
from .upstream import Upstream

CODECS = {"application/connect+json": Codec.JSON, "application/connect+proto": Codec.PROTO}
"""By the type of the body."""

ToWire = Callable[[bytes], Awaitable[bytes]]
"""Gives a message as the wallet reads it, or raises RefusedError."""

_log = structlog.get_logger(__name__)


class StreamCalls:
    """Answers streams."""

    def __init__(self, upstream: Upstream, bodies: Bodies, *, bytes_max: dict[Codec, int]) -> None:
        self._upstream = upstream
        self._bodies = bodies
        self._bytes_max = bytes_max
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Read no stream any further; what was read is answered."""
        self._stopped.set()

    async def answer(self, method: Method, codec: Codec, head: Head, receive: Receive, send: Send) -> str:
        """Answer one stream; gives the code that it ended with, in Connect's words, or OVER.

        Raises:
            RefusedError: It was refused before it began.
            CallerGoneError: Its caller hung up.
        """
        metadata, timeout_s = head.metadata(), head.timeout_s()
        if self._stopped.is_set():
            raise stopping()
        with self._bodies.room() as room, self._upstream.stream(method, metadata, timeout_s) as call:
            messages = _Messages(Envelopes(self._bytes_max[codec]), room)
            reader = _Reader(call, receive, lambda body: method.to_wire(body, codec), messages, stopped=self._stopped)
            reading = asyncio.create_task(reader.run())
            try:
                await _begin(codec, head, send)
                ended = await _write(call, reader, method, codec, send)
            except CallerGoneError:
                raise
            except Exception as error:  # noqa: BLE001 - the answer has begun: it can only be ended
                _log.error("stream_failed", request_id=head.request_id, path=head.path, exc_info=error)
                ended = fault(head.request_id)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
        await _end(None if ended is None else ended.status, send)
        match ended:
            case None:
                return "ok"
            case StreamOverError():
                return OVER
            case _:
                return code_of(ended.status)

    async def refuse(self, status: status_pb2.Status, codec: Codec, head: Head, send: Send) -> None:
        """End a stream before it has begun. Over HTTP it is OK: clients read in its last envelope what it is not."""
        await _begin(codec, head, send)
        await _end(status, send)


async def _begin(codec: Codec, head: Head, send: Send) -> None:
    headers = answer_head(f"application/connect+{codec.value}".encode(), head.request_id)
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _end(ended: status_pb2.Status | None, send: Send) -> None:
    trailer: dict[str, Any] = {} if ended is None else {"error": error_of(ended)}
    await send({"type": "http.response.body", "body": framed_end(msgspec.json.encode(trailer))})


class _Messages:
    """The messages of one stream, as its pieces come in: a long one is held where there is room."""

    def __init__(self, envelopes: Envelopes, room: Room) -> None:
        self._envelopes = envelopes
        self._room = room

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take a piece, and give the messages that are whole by it.

        Raises:
            RefusedError: A message cannot be read, is too long, or there is no room for it.
        """
        yield from self._envelopes.feed(piece)
        held = self._envelopes.held_bytes
        self._room.grow(held if held > SHORT_BYTES else 0)

    def end(self) -> None:
        """Refuse what is left over.

        Raises:
            RefusedError: There is something of a message.
        """
        if self._envelopes.held_bytes:
            raise invalid("request", "ends in the middle of a message")


class _Reader:
    """Hands a stream's messages on to the wallet, until its caller ends it, breaks it, or the gateway stops."""

    def __init__(
        self, call: Any, receive: Receive, to_wire: ToWire, messages: _Messages, *, stopped: asyncio.Event
    ) -> None:
        self._call = call
        self._receive = receive
        self._to_wire = to_wire
        self._messages = messages
        self._stopped = stopped
        self.refusal: RefusedError | None = None
        """Why the stream was read no further, unless its caller ended it."""
        self.is_gone = False
        """Whether the caller hung up."""

    async def run(self) -> None:
        """Read until the end, then watch whether the caller stays for the rest of the answers."""
        try:
            await self._hand_on()
        except CallerGoneError:
            self.is_gone = True
            self._call.cancel()
            return
        except RefusedError as error:
            self.refusal = error
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the wallet has ended the stream, and says why to who reads its outcomes
        await self._call.done_writing()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.is_gone = True
                self._call.cancel()
                return

    async def _hand_on(self) -> None:
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            more = True
            while more:
                received = asyncio.ensure_future(self._receive())
                await asyncio.wait((received, stopped), return_when=asyncio.FIRST_COMPLETED)
                if not received.done():  # a write is never given up: gRPC would cancel the stream with it
                    received.cancel()
                    raise StreamOverError(stopping().status)
                message = received.result()
                if message["type"] == "http.disconnect":
                    raise CallerGoneError
                for body in self._messages.feed(message.get("body", b"")):
                    await self._call.write(await self._to_wire(body))
                more = message.get("more_body", False)
            self._messages.end()
        finally:
            stopped.cancel()


async def _write(call: Any, reader: _Reader, method: Method, codec: Codec, send: Send) -> RefusedError | None:
    """Hand the wallet's outcomes on; gives what the stream is ended with, None if nothing is wrong."""
    try:
        while (raw := await call.read()) is not grpc.aio.EOF:
            body = framed(await method.from_wire(raw, codec))
            await send({"type": "http.response.body", "body": body, "more_body": True})
    except grpc.aio.AioRpcError as error:
        return of_call(error)
    except asyncio.CancelledError:
        if reader.is_gone:
            raise CallerGoneError from None
        raise
    return reader.refusal
