"""The composition root: what the API is made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from prometheus_client import CollectorRegistry
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from .cookie_keys import CookieKeys
from .cookies import Cookies
from .cors import Cors
from .database import Database
from .endpoints import PATHS, Endpoints
from .gate import Gate
from .metrics import ApiMetrics
from .networks import Networks
from .problems import ProblemError, ProblemReason
from .rate_limit import RateLimit
from .reader import ApiReader
from .settings import ApiSettings


def database_of(settings: ApiSettings, *, connections_max: int | None = None) -> Database:
    """Make the API's database."""
    return Database(
        settings.dsn,
        connections_max=connections_max or settings.api_connections_max,
        wait_ms=settings.api_connection_wait_ms,
        timeout_ms=settings.api_query_timeout_ms,
        is_replica=settings.is_on_replica,
    )


def create_app(settings: ApiSettings, database: Database) -> ASGIApp:
    """Put the API together; the database is opened and closed with it.

    Raises:
        UnusableKeysError: The cookie keys' file cannot be used.
    """
    registry = CollectorRegistry()
    keys = CookieKeys(
        secret=None if settings.cookie_secret is None else settings.cookie_secret.get_secret_value(),
        path=settings.cookie_keys_file,
        refresh_ms=settings.cookie_keys_refresh_ms,
    )
    networks = Networks(database)
    probed = database_of(settings, connections_max=1)  # apart: that too many read is no reason to send nobody here
    endpoints = Endpoints(
        cookies=Cookies(keys),
        rate_limit=RateLimit(
            per_s=settings.rate_per_s, burst=settings.rate_burst, players_max=settings.rate_players_max
        ),
        reader=ApiReader(database, networks, scan_rows_max=settings.history_scan_rows_max),
        networks=networks,
        probe=Networks(probed),
        registry=registry,
    )

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        watching = asyncio.create_task(keys.watch(), name="cookie-keys")
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await database.close()
        await probed.close()

    return Gate(
        Router(endpoints.routes(), redirect_slashes=False, default=_not_found, lifespan=lifespan),
        cors=Cors(settings.origins),
        metrics=ApiMetrics(registry, PATHS),
        requests_max=settings.http_requests_max,
        body_bytes_max=settings.http_request_bytes_max,
    )


async def _not_found(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ProblemError(ProblemReason.NOT_FOUND, "there is nothing under this path")
