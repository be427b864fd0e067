"""Readiness: however many ask a gateway, its server is asked once at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from wallet_gateway.upstream import Upstream

_SERVING = b"\x08\x01"
_ASKERS = 200


class Health(grpc.GenericRpcHandler):
    """A server that answers a health check when it is told to, and counts them."""

    def __init__(self) -> None:
        self.asked = 0
        self.was_asked = asyncio.Event()
        self.answers = asyncio.Event()

    def service(self, _details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        async def check(_raw: bytes, _context: Any) -> bytes:
            self.asked += 1
            self.was_asked.set()
            await self.answers.wait()
            return _SERVING

        return grpc.unary_unary_rpc_method_handler(check)


async def test_a_server_is_asked_once_for_all_who_wait() -> None:
    health, server = Health(), grpc.aio.server()
    server.add_generic_rpc_handlers((health,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    upstream = Upstream(f"127.0.0.1:{port}", channels=1, message_bytes_max=4096, credentials=None)
    try:
        asking = [asyncio.create_task(upstream.reachable(30)) for _ in range(_ASKERS)]
        await health.was_asked.wait()
        health.answers.set()
        assert await asyncio.gather(*asking) == [True] * _ASKERS
        assert health.asked == 1
        assert await upstream.reachable(30)
        assert health.asked == 2
    finally:
        await upstream.close()
        await server.stop(None)
