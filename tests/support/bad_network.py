"""A bad network before a wallet: a process that loses, delays, doubles and breaks a tenth of all calls, and counts it.

    python bad_network.py TARGET SEED

Two layers. The outer one is TCP: it cuts connections, and lets some fall silent for good, as behind a firewall that
drops all. The inner one is gRPC: it loses a request or an answer, so that a call hangs, delays, sends a request twice
at once, and ends calls and streams as a balancer does that goes away. The port is its first line; at the end of its
standard input it writes what it did, as JSON, and ends.
"""

import asyncio
import contextlib
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

CALLS = {"request lost": 0.02, "answer lost": 0.02, "delayed": 0.02, "doubled": 0.02, "ended": 0.02}
"""What becomes of a tenth of the calls."""
CHUNKS = {"cut": 0.002, "silent": 0.0002, "held up": 0.004}
"""What becomes of a connection, or of what it carries, at each piece that is read of it."""
STREAM_LIFE = 400
"""How many answers a stream gives at most before it is ended, or falls silent."""
DELAY_MAX_S = 0.3
LOST_FOR_S = 30.0
"""How long a call hangs of which something was lost, where its caller does not give it up."""
_CHUNK_BYTES = 16_384
_OPTIONS = (("grpc.so_reuseport", 0), ("grpc.enable_http_proxy", 0))


class BadNetwork:
    """Both layers, and what they did."""

    def __init__(self, target: str, seed: int) -> None:
        self._random = random.Random(seed)
        self._channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._inner = 0
        self.did: Counter[str] = Counter()

    async def serve(self) -> int:
        """Begin, and return the outer port."""
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((_Everything(self._pass_on),))
        self._inner = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._server = server
        outer = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self._outer = outer
        port: int = outer.sockets[0].getsockname()[1]
        return port

    def _fate(self, chances: dict[str, float]) -> str:
        drawn = self._random.random()
        for fate, chance in chances.items():
            drawn -= chance
            if drawn < 0:
                self.did[fate] += 1
                return fate
        return ""

    # ---------------------------------------------------------------------------------------------------------- calls

    async def _pass_on(self, path: str, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        self.did["calls"] += 1
        if path.endswith("/Execute"):
            async for answer in self._stream(path, requests, context):
                yield answer
            return
        request = await anext(aiter(requests))
        fate = self._fate(CALLS)
        match fate:
            case "request lost":
                await asyncio.sleep(LOST_FOR_S)
            case "delayed":
                await asyncio.sleep(self._random.uniform(0, DELAY_MAX_S))
        try:
            if fate == "doubled":
                first, second = self._send(path, request, context), self._send(path, request, context)
                _, answer = await asyncio.gather(first, second)
            else:
                answer = await self._send(path, request, context)
        except grpc.aio.AioRpcError as error:
            await _refuse(context, error)
        match fate:
            case "answer lost":
                await asyncio.sleep(LOST_FOR_S)
            case "ended":
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the network ended it")
        yield answer

    async def _send(self, path: str, request: bytes, context: Any) -> bytes:
        call = self._channel.unary_unary(path)
        answer: bytes = await call(request, metadata=context.invocation_metadata(), timeout=context.time_remaining())
        return answer

    async def _stream(self, path: str, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        call = self._channel.stream_stream(path)(requests, metadata=context.invocation_metadata())
        life = self._random.randint(1, STREAM_LIFE)
        try:
            async for answer in call:
                life -= 1
                if life == 0 and self._random.random() < 0.1:
                    self.did["stream silent"] += 1
                    await asyncio.sleep(LOST_FOR_S)
                if life == 0:
                    self.did["stream ended"] += 1
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "the network ended it")
                yield answer
        except grpc.aio.AioRpcError as error:
            await _refuse(context, error)
        finally:
            call.cancel()

    # ---------------------------------------------------------------------------------------------------- connections

    async def _connection(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        self.did["connections"] += 1
        far_reader, far = await asyncio.open_connection("127.0.0.1", self._inner)
        silent = asyncio.Event()
        ways = [
            asyncio.ensure_future(self._carry(near_reader, far, silent)),
            asyncio.ensure_future(self._carry(far_reader, near, silent)),
        ]
        try:
            with contextlib.suppress(asyncio.CancelledError):  # it ends
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            near.transport.abort()
            far.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                match "" if silent.is_set() else self._fate(CHUNKS):
                    case "cut":
                        return
                    case "silent":
                        silent.set()
                    case "held up":
                        await asyncio.sleep(self._random.uniform(0, DELAY_MAX_S))
                if not silent.is_set():
                    writer.write(chunk)
                    await writer.drain()


class _Everything(grpc.GenericRpcHandler):  # type: ignore[misc]  # its stubs are untyped
    """Takes any call as it is on the wire: a unary one is a stream of one message."""

    def __init__(self, pass_on: Callable[[str, AsyncIterator[bytes], Any], AsyncIterator[bytes]]) -> None:
        self._pass_on = pass_on

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        async def passed_on(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            async for answer in self._pass_on(details.method, requests, context):
                yield answer

        return grpc.stream_stream_rpc_method_handler(passed_on)


async def _refuse(context: Any, error: grpc.aio.AioRpcError) -> None:
    trailers = error.trailing_metadata()
    await context.abort(error.code(), error.details() or "", tuple((key, value) for key, value in trailers or ()))


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main() -> None:
    network = BadNetwork(sys.argv[1], int(sys.argv[2]))
    _write(str(await network.serve()))
    await asyncio.to_thread(sys.stdin.read)
    _write(json.dumps(network.did))


if __name__ == "__main__":
    asyncio.run(main())
