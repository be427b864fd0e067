"""The wallet behind the front: calls are handed on to it under their caller's own key of TEST."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from .mishaps import DETAILS_KEY, PUSHBACK_KEY, Context
from .sightings import Sending, Told

TIMEOUT_S = 10.0
_HANDED_ON = frozenset({"authorization", "x-request-id", "traceparent"})
_LIVE = "sk_live_"


class Upstream:
    """The wallet."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    async def ask(self, path: str, raw: bytes, context: Context) -> bytes:
        """Hand a call on and give its answer; a key of LIVE ends it.

        Raises:
            AioRpcError: The wallet has refused it, or does not answer.
        """
        metadata = await _metadata_of(context)
        call: Callable[..., Awaitable[bytes]] = self._channel.unary_unary(path)
        return await call(raw, metadata=metadata, timeout=TIMEOUT_S)

    async def open(self, path: str, context: Context) -> Any:
        """Open a stream of bytes in both directions; a key of LIVE ends its caller's."""
        metadata = await _metadata_of(context)
        return self._channel.stream_stream(path)(metadata=metadata)


async def _metadata_of(context: Context) -> list[tuple[str, str | bytes]]:
    metadata = [(key, value) for key, value in context.invocation_metadata() or () if key in _HANDED_ON]
    if any(key == "authorization" and _LIVE in str(value) for key, value in metadata):
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "`wallet certify` is for TEST: it takes no key of LIVE")
    return metadata


async def abort_as(context: Context, error: grpc.aio.AioRpcError) -> None:
    """End a call as the wallet has ended it."""
    trailers = tuple(
        (key, value) for key, value in error.trailing_metadata() or () if key in {DETAILS_KEY, PUSHBACK_KEY}
    )
    await context.abort(error.code(), error.details() or "", trailing_metadata=trailers)


def note_refusal(sending: Sending, error: grpc.aio.AioRpcError) -> None:
    """Note what the wallet has refused an operation with."""
    details = (value for key, value in error.trailing_metadata() or () if key == DETAILS_KEY)
    note_status(sending, status_pb2.Status.FromString(next(details, b"")))


def note_status(sending: Sending, status: status_pb2.Status) -> None:
    """Note what the wallet has refused an operation with, in its place or alone."""
    info = error_details_pb2.ErrorInfo()
    packed: Any = status.details
    any(detail.Unpack(info) for detail in packed)
    retry = info.metadata.get("retry", "SAME_REQUEST")
    sending.tell(Told.UNKNOWN if retry == "SAME_REQUEST" else Told.REFUSED, info.reason)
