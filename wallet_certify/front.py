"""The front that a caller plays against: a gRPC server that hands calls on to the wallet, and does its mishaps to them.

Operations are looked at, whether they come in calls of their own, in batches or in streams; reads and the like are
handed on as they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from .batches import Batches
from .mishaps import Context, ScriptedError
from .operations import BATCHES, CALLS, STREAMS
from .script import Script
from .sightings import Sightings, TooManySightingsError
from .single_calls import SingleCalls
from .streams import Streams
from .upstream import Upstream, abort_as


class Front(grpc.GenericRpcHandler):
    """Handles every call there is."""

    def __init__(self, wallet: grpc.aio.Channel) -> None:
        self.sightings = Sightings()
        self._upstream = Upstream(wallet)
        script = Script()
        self._single = SingleCalls(self._upstream, script, self.sightings)
        self._batches = Batches(self._upstream, script, self.sightings)
        self._streams = Streams(self._upstream, script, self.sightings)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Give the handler of a call."""
        path: str = handler_call_details.method
        if path in STREAMS:
            return grpc.stream_stream_rpc_method_handler(self._streamed(path))
        return grpc.unary_unary_rpc_method_handler(self._asked(path))

    def _asked(self, path: str) -> Any:
        async def answer(raw: bytes, context: Context) -> bytes:
            try:
                return await self._answer_of(path, raw, context)
            except (ScriptedError, grpc.aio.AioRpcError, TooManySightingsError) as error:
                await _abort(context, error)
                raise

        return answer

    async def _answer_of(self, path: str, raw: bytes, context: Context) -> bytes:
        single, batch = CALLS.get(path), BATCHES.get(path)
        try:
            if single is not None:
                return await self._single.answer(path, single, raw, context)
            if batch is not None:
                return await self._batches.answer(path, batch, raw, context)
        except DecodeError:
            pass  # the wallet says what is wrong with it
        return await self._upstream.ask(path, raw, context)

    def _streamed(self, path: str) -> Any:
        async def answer(operations: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            try:
                async for outcome in self._streams.answer(path, STREAMS[path], operations, context):
                    yield outcome
            except (ScriptedError, grpc.aio.AioRpcError, TooManySightingsError) as error:
                await _abort(context, error)

        return answer


async def _abort(context: Context, error: ScriptedError | grpc.aio.AioRpcError | TooManySightingsError) -> None:
    match error:
        case ScriptedError():
            await context.abort(error.code, error.status.message, trailing_metadata=error.trailers)
        case TooManySightingsError():
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "this run has seen as many operations as it may")
        case _:
            await abort_as(context, error)
