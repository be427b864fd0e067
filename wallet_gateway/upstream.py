"""The wallet behind the gateway: calls are forwarded to its gRPC server as bytes, under their caller's own key.

There is one way to change money: whatever comes over HTTP goes through the same gate, lanes and statement as a gRPC
call. gRPC sends a call again by itself where a server is away (UNAVAILABLE), with the same ids; all else is the
caller's to decide.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from wallet.v1 import wallet_pb2

from .methods import METHODS, Method
from .refusals import RefusedError, nothing_was_sent, of_call

Metadata = tuple[tuple[str, str], ...]

_LIST = METHODS["/wallet.v1.WalletService/ListCurrencyNetworks"]
_KEEPALIVE_MS = 30_000
_RECONNECT_MS = 100
_RECONNECT_MAX_MS = 1_000
_SENT_AGAIN = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


class _Channel:
    """One connection, with how many calls it has under way."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.calls = 0
        self.of_method: dict[str, Callable[..., Any]] = {
            method.path: (channel.stream_stream if method.streams else channel.unary_unary)(method.path)
            for method in METHODS.values()
        }


class Upstream:
    """The gRPC server."""

    def __init__(
        self, address: str, *, channels: int, message_bytes_max: int, credentials: grpc.ChannelCredentials | None
    ) -> None:
        options = _options(message_bytes_max)
        self._channels = [
            _Channel(
                grpc.aio.insecure_channel(address, options=options)
                if credentials is None
                else grpc.aio.secure_channel(address, credentials, options=options)
            )
            for _ in range(channels)
        ]
        self._looking: asyncio.Task[bool] | None = None

    async def unary(self, method: Method, raw: bytes, metadata: Metadata, timeout_s: float) -> bytes:
        """Forward a call and give its answer.

        Raises:
            RefusedError: It was refused, or there was no answer.
        """
        with self._least_busy() as channel:
            call: Awaitable[bytes] = channel.of_method[method.path](raw, metadata=metadata, timeout=timeout_s)
            try:
                return await call
            except grpc.aio.AioRpcError as error:
                raise of_call(error) from None

    async def currency_networks(self, metadata: Metadata, timeout_s: float) -> Sequence[wallet_pb2.CurrencyNetwork]:
        """Ask for the currency networks under a caller's key: any good one may, beside its rate.

        Raises:
            RefusedError: The key is not good, or there was no answer.
        """
        asked = wallet_pb2.ListCurrencyNetworksRequest().SerializeToString()
        try:
            raw = await self.unary(_LIST, asked, metadata, timeout_s)
        except RefusedError as error:
            raise nothing_was_sent(error.status) from None
        return wallet_pb2.ListCurrencyNetworksResponse.FromString(raw).currency_networks

    @contextmanager
    def stream(self, method: Method, metadata: Metadata, timeout_s: float | None) -> Iterator[Any]:
        """Open a stream for the length of the block; gives gRPC's call, of bytes in both directions."""
        with self._least_busy() as channel:
            call = channel.of_method[method.path](metadata=metadata, timeout=timeout_s)
            try:
                yield call
            finally:
                call.cancel()

    async def reachable(self, timeout_s: float) -> bool:
        """Tell whether the server takes calls.

        The server is asked once for all who wait: it has few places for health checks, and anybody may ask a gateway.
        """
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._is_serving(timeout_s))
        return await asyncio.shield(self._looking)

    async def _is_serving(self, timeout_s: float) -> bool:
        """Make a health check of the whole server, which needs no key."""
        check: Callable[..., Awaitable[bytes]] = self._channels[0].channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            answer = await check(b"", timeout=timeout_s)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer == _SERVING)

    async def close(self) -> None:
        """Hang up."""
        for channel in self._channels:
            await channel.channel.close()

    @contextmanager
    def _least_busy(self) -> Iterator[_Channel]:
        channel = min(self._channels, key=lambda known: known.calls)
        channel.calls += 1
        try:
            yield channel
        finally:
            channel.calls -= 1


_SERVING = b"\x08\x01"
"""A HealthCheckResponse that says SERVING."""


def credentials_of(
    *, ca_file: Path | None, cert_file: Path | None, key_file: Path | None
) -> grpc.ChannelCredentials | None:
    """Make the credentials of TLS to the server; None without its CA."""
    if ca_file is None:
        return None
    return grpc.ssl_channel_credentials(
        ca_file.read_bytes(),
        None if key_file is None else key_file.read_bytes(),
        None if cert_file is None else cert_file.read_bytes(),
    )


def _options(message_bytes_max: int) -> list[tuple[str, Any]]:
    return [
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),  # each channel has a connection of its own
        ("grpc.max_send_message_length", message_bytes_max),
        ("grpc.max_receive_message_length", message_bytes_max),
        ("grpc.initial_reconnect_backoff_ms", _RECONNECT_MS),
        ("grpc.min_reconnect_backoff_ms", _RECONNECT_MAX_MS),
        ("grpc.max_reconnect_backoff_ms", _RECONNECT_MAX_MS),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.service_config", json.dumps(_SENT_AGAIN)),
    ]
