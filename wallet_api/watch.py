"""Whether the database answers, what it is and how far behind, looked at every second, for Prometheus."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import structlog
from prometheus_client import CollectorRegistry, Gauge

from wallet_grpc.store.connection.lending import ConnectionsBusyError, DatabaseUnavailableError

from .database import Database
from .sql import PROBES, statement

_log = structlog.get_logger(__name__)

_EVERY_S = 1.0
_STATE = statement(PROBES, "state")
_ROLES = ("primary", "replica", "read_only")


class ReadDatabaseWatch:
    """Looks at the database that is read; `run` is its task."""

    def __init__(self, database: Database, registry: CollectorRegistry) -> None:
        self._database = database
        self._up = Gauge(
            "wallet_database_up", "Whether the database answered this process when last asked", registry=registry
        )
        self._roles = Gauge(
            "wallet_database_role",
            "1 for what the database is: primary, replica or read_only; 0 for all while it does not answer",
            ["role"],
            registry=registry,
        )
        self._behind = Gauge(
            "wallet_replica_lag_seconds",
            "How old the last commit is that the replica has, which is read; 0 where the primary is read",
            registry=registry,
        )

    async def run(self) -> NoReturn:
        """Look until cancelled."""
        while True:
            try:
                await self._look()
            except Exception:  # noqa: BLE001 - one look that fails is no reason to look no more
                _log.exception("database_look_failed")
            await asyncio.sleep(_EVERY_S)

    async def _look(self) -> None:
        found: str | None = None
        try:
            ((is_replica, is_read_only, behind_s),) = (await self._database.read(_STATE)).rows
        except ConnectionsBusyError:
            return
        except DatabaseUnavailableError:
            pass  # the lag stays as it was seen last
        else:
            found = "replica" if is_replica else "read_only" if is_read_only else "primary"
            self._behind.set(behind_s)
        self._up.set(found is not None)
        for role in _ROLES:
            self._roles.labels(role).set(role == found)
