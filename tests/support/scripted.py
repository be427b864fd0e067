"""Servers that answer as they are told, on a real port: a real wallet is neither full nor silent on demand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from wallet.v1 import session_pb2_grpc, wallet_pb2_grpc
from wallet_client import WalletClient

Servicer = session_pb2_grpc.LedgerSessionServiceServicer | wallet_pb2_grpc.WalletServiceServicer


@asynccontextmanager
async def serving(*servicers: Servicer) -> AsyncIterator[str]:
    """Serve; gives the address."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    for servicer in servicers:
        if isinstance(servicer, session_pb2_grpc.LedgerSessionServiceServicer):
            session_pb2_grpc.add_LedgerSessionServiceServicer_to_server(servicer, server)
        else:
            wallet_pb2_grpc.add_WalletServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


@asynccontextmanager
async def client_of(*servicers: Servicer, deadline_s: float = 5) -> AsyncIterator[WalletClient]:
    """Serve, and give a client of it."""
    async with serving(*servicers) as address, WalletClient(address, key="sk_test_x", deadline_s=deadline_s) as client:
        yield client
