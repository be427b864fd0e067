"""Unary calls by Connect's protocol: one message in, one message or one error out, in protobuf or JSON."""

from __future__ import annotations

from starlette.types import Receive, Send

from .answers import head as answer_head
from .answers import send_whole
from .bodies import Bodies
from .heads import Head
from .methods import Codec, Method
from .upstream import Upstream

CODECS = {"application/json": Codec.JSON, "application/proto": Codec.PROTO}
"""By the type of the body."""


class UnaryCalls:
    """Answers unary calls."""

    def __init__(
        self,
        upstream: Upstream,
        bodies: Bodies,
        *,
        bytes_max: dict[Codec, int],
        timeout_s: float,
    ) -> None:
        self._upstream = upstream
        self._bodies = bodies
        self._bytes_max = bytes_max
        self._timeout_s = timeout_s

    async def answer(self, method: Method, codec: Codec, head: Head, receive: Receive, send: Send) -> None:
        """Answer one call.

        Raises:
            RefusedError: It was refused, or has no answer.
            CallerGoneError: Its caller hung up before it was sent whole.
        """
        metadata = head.metadata()
        timeout_s = head.timeout_within(self._timeout_s)
        with self._bodies.room() as room:
            body = await self._bodies.read(
                receive,
                room,
                length=head.content_length,
                bytes_max=self._bytes_max[codec],
            )
            raw = await self._upstream.unary(method, await method.to_wire(body, codec), metadata, timeout_s)
        answer = await method.from_wire(raw, codec)
        await send_whole(send, 200, answer_head(f"application/{codec.value}".encode(), head.request_id), answer)
