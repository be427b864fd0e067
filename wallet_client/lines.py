"""Lines: the connection to the wallet, replaced when what was sent on it has no answer.

A connection whose other end is gone, or whose packets are swallowed, looks as it did before until pings or the kernel
find out. So one on which a call stayed without an answer takes no new calls: those go out on a new one, while what is
under way on the old one may still end there.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from wallet.v1 import session_pb2_grpc, wallet_pb2_grpc

from .errors import no_answer

_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # or a new channel would share the connection that is doubted
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 3_000),  # the time that one attempt has, not a pause
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.keepalive_time_ms", 15_000),  # the wallet takes one each 10 s
    ("grpc.keepalive_timeout_ms", 3_000),
)
_ENDS_WITHIN_S = 30.0


class Line:
    """One connection, and the services over it."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        self.channel = (
            grpc.aio.insecure_channel(address, options=_OPTIONS)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
        )
        self.wallet: Any = wallet_pb2_grpc.WalletServiceStub(self.channel)
        self.sessions: Any = session_pb2_grpc.LedgerSessionServiceStub(self.channel)


class Lines:
    """The line in use, and those that end."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        self._address = address
        self._credentials = credentials
        self._ending: set[asyncio.Task[None]] = set()
        self.current = Line(address, credentials)
        self.is_closed = False

    def check_open(self) -> None:
        """See that calls can still be made.

        Raises:
            WalletError: The client was closed.
        """
        if self.is_closed:
            raise no_answer("the client was closed", grpc.StatusCode.CANCELLED)

    def has_ended(self, line: Line) -> bool:
        """Tell whether what was under way on a line was given up with it, and not by its caller."""
        task = asyncio.current_task()
        return (line is not self.current or self.is_closed) and (task is None or task.cancelling() == 0)

    def doubt(self, line: Line) -> None:
        """Put another line in its place, since a call on it had no answer; once, however many calls say so."""
        if line is self.current and not self.is_closed:
            self.current = Line(self._address, self._credentials)
            ending = asyncio.create_task(line.channel.close(_ENDS_WITHIN_S))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Hang up; what is under way is given up."""
        self.is_closed = True
        for ending in self._ending:
            ending.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)
        await self.current.channel.close()
