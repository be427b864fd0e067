"""Whether this process reaches its database, what that is, and which of several cells it reaches, told every second.

It is told by health, readiness, metrics and the log.

A database that is away is nothing that a restart would mend; a process that is alone in not reaching it is told apart
by its readiness. Only where a new connection can be made, and the process's own pools do not answer all the same, is
it the process that is at fault: then it ends, to be started again.

Of several cells each is looked at by itself: one that is away is named, and the process serves the others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NoReturn

import structlog
from prometheus_client import CollectorRegistry, Gauge

from wallet_grpc.domain.cells import ByCell, Cell
from wallet_grpc.domain.values import Name

from .pool import ConnectionsBusyError, DatabaseUnavailableError, Pool, only_row

_log = structlog.get_logger(__name__)

_EVERY_S = 1.0
_ROLE = """
    SELECT pg_is_in_recovery(), reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'
"""
"""The setting is looked at as it was before the connection set its own."""


class DatabaseRole(Name):
    """What a database is to those who would write."""

    PRIMARY = "primary"
    REPLICA = "replica"
    READ_ONLY = "read_only"
    """The server, the database or the login is read-only by its settings."""


class StuckConnectionsError(Exception):
    """The database takes new connections, and those of this process do not answer: it must be started again."""


class DatabaseWatch:
    """Looks at the database; `run` is its task."""

    def __init__(
        self, pools: Sequence[Pool], cells: ByCell[Pool], *, unhealthy_after_ms: int, registry: CollectorRegistry
    ) -> None:
        """Watch through these pools: the first is asked each time, the others when they have not answered lately.

        And through one of each cell, where there are several.
        """
        self._first, *self._others = pools
        self._unhealthy_after_s = unhealthy_after_ms / 1000
        self._is_up = True
        self._unreached_since: float | None = None
        self._stuck_since: float | None = None
        up = Gauge(
            "wallet_database_up", "Whether the database answered this process when last asked", registry=registry
        )
        up.set_function(lambda: float(self._is_up))
        self._role: DatabaseRole | None = None
        roles = Gauge(
            "wallet_database_role",
            "1 for what the database is: primary, replica or read_only; 0 for all while it does not answer",
            ["role"],
            registry=registry,
        )
        for role in DatabaseRole:
            roles.labels(role).set_function(partial(self._is_of, role))
        self._of_cells = dict(cells.items()) if cells.cells.count > 1 else {}
        # Until it is found otherwise, which the start has told of.
        self._cells_up: dict[Cell, bool] = dict.fromkeys(self._of_cells, True)
        cell_up = Gauge(
            "wallet_cell_up", "Whether a cell answered this process when last asked", ["cell"], registry=registry
        )
        for cell in cells.cells.served:
            cell_up.labels(str(cell)).set_function(partial(self._is_cell_up, cell))

    @property
    def cells_up(self) -> Mapping[Cell, bool]:
        """Whether each cell answered when last asked; empty where there is only one."""
        return self._cells_up

    @property
    def is_ready(self) -> bool:
        """Whether the database was reached when last asked, or within the time after which a process is unhealthy."""
        since = self._unreached_since
        return since is None or time.monotonic() - since < self._unhealthy_after_s

    async def run(self) -> NoReturn:
        """Look until cancelled.

        Raises:
            StuckConnectionsError: Only new connections answer, for as long as makes a process unhealthy.
        """
        while True:
            await self.look()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Look once; raises as `run` does."""
        began = time.monotonic()
        asked = [self._first, *(pool for pool in self._others if pool.silent_s > 0)]
        answers, _ = await asyncio.gather(
            asyncio.gather(*(pool.answers() for pool in asked)),
            asyncio.gather(*(self._look_at(cell, pool) for cell, pool in self._of_cells.items())),
        )
        if all(answers):
            self._unreached_since = self._stuck_since = None
        else:
            self._unreached_since = self._unreached_since or began
            if not await self._first.can_connect():
                self._stuck_since = None
            elif self._stuck_since is None:
                self._stuck_since = began
            elif began - self._stuck_since >= self._unhealthy_after_s:
                raise StuckConnectionsError("new connections to the database are answered, those of the pools are not")
        self._role = await self._look_at_role() if answers[0] else None
        if any(answers) is not self._is_up:
            self._is_up = any(answers)
            if self._is_up:
                _log.info("database_reached")
            else:
                _log.warning("database_not_reached", cause=self._first.failure)

    async def _look_at(self, cell: Cell, pool: Pool) -> None:
        answers = await pool.answers()
        if answers is not self._cells_up[cell]:
            self._cells_up[cell] = answers
            if answers:
                _log.info("cell_reached", cell=cell)
            else:
                _log.warning("cell_not_reached", cell=cell, cause=pool.failure)

    async def _look_at_role(self) -> DatabaseRole | None:
        """Ask what the database is; what it was last, where the pool has no connection to ask with."""
        try:
            async with self._first.connection() as connection:
                is_replica, is_read_only = await only_row(connection, _ROLE)
        except ConnectionsBusyError:
            return self._role
        except DatabaseUnavailableError:
            return None
        if is_replica:
            return DatabaseRole.REPLICA
        return DatabaseRole.READ_ONLY if is_read_only else DatabaseRole.PRIMARY

    def _is_cell_up(self, cell: Cell) -> float:
        return float(self._cells_up.get(cell, self._is_up))

    def _is_of(self, role: DatabaseRole) -> float:
        return float(self._role is role)
