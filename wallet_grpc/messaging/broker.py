"""The connection to RabbitMQ: made anew after every failure, patiently, and told once.

Plain connections, not aio-pika's robust ones: what a session declares, consumes and confirms is set up again in one
place, from the start, so nothing has to be guessed about the state of half a session.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.connection import TransportFactory
from yarl import URL

from wallet_grpc.chores import ChoreMetrics, is_cancelled
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.tls_files import UnusableTlsFilesError, client_context

from .topology import TopologyConflictError

_log = structlog.get_logger(__name__)

BROKER_ERRORS: Final = (*CONNECTION_EXCEPTIONS, TimeoutError, UnusableTlsFilesError)
"""What a broker that is away, or goes away, makes aio-pika raise; and TLS files that are being replaced."""

_CONNECT_TIMEOUT_S = 10.0
_HEARTBEAT_S = 15
_FIRST_PAUSE_S = 0.2
_PAUSE_MAX_S = 5.0
_DATABASE_PAUSE_MAX_S = 1.0
"""A database that is back is wanted at once: what it did not take waits in the outbox, or unacknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where RabbitMQ is, and what TLS with it needs."""

    url: str = field(repr=False)
    """With the password: nothing shows it."""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def tls(self) -> ssl.SSLContext | None:
        """Read the TLS files, anew for each connection; None for plain text.

        Raises:
            UnusableTlsFilesError: One cannot be used.
        """
        if not self.url.startswith("amqps://"):
            return None
        return client_context(ca_file=self.ca_file, cert_file=self.cert_file, key_file=self.key_file)


class BrokerGoneError(ConnectionError):
    """The session cannot go on: the connection, a channel or the queue is gone."""


@asynccontextmanager
async def connected(
    address: BrokerAddress, *, name: str, transport: TransportFactory | None = None
) -> AsyncIterator[AbstractConnection]:
    """Connect for the length of the block, by a transport of one's own if it is given."""
    url = URL(address.url).update_query(heartbeat=_HEARTBEAT_S)
    connection = aio_pika.Connection(
        url, ssl_context=address.tls(), client_properties={"connection_name": f"wallet-{name}"}
    )
    if transport is not None:
        connection.kwargs["transport_factory"] = transport
    await connection.connect(timeout=_CONNECT_TIMEOUT_S)
    try:
        yield connection
    finally:
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await connection.close()
        except BROKER_ERRORS:
            pass


async def keep_up(
    session: Callable[[], Awaitable[None]], *, stop: asyncio.Event, name: str, chores: ChoreMetrics | None = None
) -> None:
    """Run sessions one after the other until one ends because of `stop`; after a failure wait, longer each time.

    A session that went well for a while was not in vain: the next wait is short again. A failure that nobody expected
    is told with all that is known, counted, and waited for like the others.

    Raises:
        TopologyConflictError: What is there must be looked at by somebody first.
    """
    loop = asyncio.get_running_loop()
    pause_s = _FIRST_PAUSE_S
    told = ""
    while not stop.is_set():
        started = loop.time()
        try:
            await session()
        except TopologyConflictError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            if loop.time() - started > _PAUSE_MAX_S:
                pause_s, told = _FIRST_PAUSE_S, ""
            away = isinstance(error, DatabaseUnavailableError)
            cause = f"{type(error).__name__}: {error}"
            if not isinstance(error, (*BROKER_ERRORS, DatabaseUnavailableError)):
                _log.error("session_failed", session=name, exc_info=error)
                if chores is not None:
                    chores.failures.labels(name).inc()
            elif cause != told:
                _log.warning("database_unavailable" if away else "broker_unavailable", session=name, cause=cause)
            told = cause
            try:
                async with asyncio.timeout(pause_s * random.uniform(0.5, 1.0)):  # noqa: S311 - jitter is no secret
                    await stop.wait()
            except TimeoutError:
                pause_s = min(pause_s * 2, _DATABASE_PAUSE_MAX_S if away else _PAUSE_MAX_S)
