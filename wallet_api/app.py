"""The composition root: what the API is made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from prometheus_client import CollectorRegistry
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from wallet_grpc.domain.cells import ONLY_CELL, Cell
from wallet_grpc.store.connection.metrics import NamedPool, PoolMetrics
from wallet_grpc.vitals import Vitals

from .cookie_keys import CookieKeys
from .cookies import Cookies
from .cors import Cors
from .database import CellDatabases, Database
from .endpoints import PATHS, PROBES, Endpoints
from .gate import Gate
from .metrics import ApiMetrics
from .networks import Networks
from .problems import ProblemError, ProblemReason
from .rate_limit import RateLimit
from .reader import ApiReader
from .settings import ApiSettings
from .watch import ReadDatabaseWatch


def database_of(
    settings: ApiSettings, cell: Cell | None = ONLY_CELL, *, connections_max: int | None = None
) -> Database:
    """Make the API's database of a cell, or of what all cells share."""
    return Database(
        settings.dsn,
        connections_max=connections_max or settings.api_connections_max,
        wait_ms=settings.api_connection_wait_ms,
        timeout_ms=settings.api_query_timeout_ms,
        is_replica=settings.is_on_replica,
        cell=cell,
    )


def create_app(settings: ApiSettings, database: Database) -> ASGIApp:
    """Put the API together; the database is opened and closed with it.

    Raises:
        UnusableKeysError: The cookie keys' file cannot be used.
    """
    registry = CollectorRegistry()
    vitals = Vitals("api", registry)
    keys = CookieKeys(
        secret=None if settings.cookie_secret is None else settings.cookie_secret.get_secret_value(),
        path=settings.cookie_keys_file,
        refresh_ms=settings.cookie_keys_refresh_ms,
    )
    databases = CellDatabases(database, partial(database_of, settings))
    networks = Networks(database)
    probed = database_of(
        settings, database.cell, connections_max=1
    )  # apart: that too many read is no reason to send nobody here
    database_watch = ReadDatabaseWatch(probed, registry)
    PoolMetrics([NamedPool("reads", "", database.pool)], registry)
    endpoints = Endpoints(
        cookies=Cookies(keys),
        rate_limit=RateLimit(
            per_s=settings.rate_per_s, burst=settings.rate_burst, players_max=settings.rate_players_max
        ),
        reader=ApiReader(databases, networks, scan_rows_max=settings.history_scan_rows_max),
        networks=networks,
        probe=Networks(probed),
        registry=registry,
    )

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        watching = [
            asyncio.create_task(keys.watch(), name="cookie-keys"),
            asyncio.create_task(database_watch.run(), name="database watch"),
            asyncio.create_task(vitals.watch_loop(), name="loop watch"),
        ]
        yield
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await databases.close()
        await probed.close()

    return Gate(
        Router(endpoints.routes(), redirect_slashes=False, default=_not_found, lifespan=lifespan),
        cors=Cors(settings.origins),
        metrics=ApiMetrics(registry, PATHS),
        probes=PROBES,
        requests_max=settings.http_requests_max,
        body_bytes_max=settings.http_request_bytes_max,
    )


async def _not_found(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ProblemError(ProblemReason.NOT_FOUND, "there is nothing under this path")
