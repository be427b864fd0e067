"""A synchronous standby: what is acknowledged or published is on it first.

A commit waits for the standby before its rows can be seen, so what a lane stores itself is safe when the commit is
answered. But rows can be seen that are not on the standby: the primary was restarted, or somebody cancelled or ended
the session that waited. Whoever tells others of what it has *read* therefore confirms it first: a commit of its own
that comes later in the log, and waits. Without a synchronous standby there is nothing to wait for, and no commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.pq.abc import PGresult

from .pipeline import BEGIN, COMMIT, ROLLBACK, Pipeline, RoundTrip
from .placement import EPOCH, HOLD_CELL_AS_WELL, IS_HERE
from .sqlstates import LOST_RACE
from .statements import Positional, positional, statements

_CONFIRM = statements(__package__, "standby.sql")["confirm"]
_CONFIRM_PREPARED = positional(_CONFIRM)
_SYNC_REP_WAIT = positional(
    "SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = %(pid)s::INTEGER AND state <> 'idle'"
)
_PLAN_EACH_TIME = positional("SET LOCAL plan_cache_mode = force_custom_plan")
_LIMIT_EACH_STEP = positional("SELECT set_config('statement_timeout', %(limit_ms)s::TEXT, TRUE)")


class StepApart(NamedTuple):
    """What is committed with a statement and not by it: Citus plans it, and copies it to every node."""

    name: str
    statement: Positional
    rows: int
    """How many it must return."""


class StepLostError(psycopg.Error):
    """A step wrote another number of rows than it must: somebody was first, and nothing was committed."""

    sqlstate = LOST_RACE


class NotCommittedError(psycopg.OperationalError):
    """What was asked took too long before its COMMIT was sent: nothing is stored, and the connection is closed."""


class UnconfirmedError(Exception):
    """Nobody knows what is safe: the server was told to give up its wait for the standby, or it takes no writes."""


async def confirm(connection: psycopg.AsyncConnection[Any], *, before_writing: bool = False) -> None:
    """Wait until all that this connection has seen committed is on the synchronous standbys.

    To be cancelled harms nothing: what is given up then is only this commit. `before_writing`: the server must take
    writes as well, which is not known of it until something is written.

    Raises:
        UnconfirmedError: It cannot be told.
        psycopg.Error: The database does not answer.
    """
    warned = False

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        nonlocal warned
        warned = warned or diagnostic.severity_nonlocalized == "WARNING"

    connection.add_notice_handler(note)
    try:
        row = await (await connection.execute(_CONFIRM)).fetchone()
    finally:
        connection.remove_notice_handler(note)
    assert row is not None
    if warned:
        raise UnconfirmedError("the server was told not to wait for the standby")
    if before_writing and row[0]:
        raise UnconfirmedError("the server is read-only")


class Commits:
    """A lane's second connection: what it commits is waited for, and never given up.

    On a time limit the commit stays under way. It is the lane's only one, so a standby that is away costs one waiting
    session a lane, however many callers come meanwhile, and when it is back the lane goes on by itself.
    """

    def __init__(self, pipeline: Pipeline, *, timeout_s: float) -> None:
        self._pipeline = pipeline
        self._timeout_s = timeout_s
        # Half of the time: a node that is away is then told by the server, which keeps the connection.
        self._step_limit_ms = max(1, int(timeout_s * 1000) // 2)
        self._under_way: asyncio.Future[list[PGresult]] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may be used."""
        return self._pipeline.is_open

    @property
    def backend_pid(self) -> int:
        """The server's process at its other end."""
        return self._pipeline.backend_pid

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open, to be asked where none is under way: one that is nobody will ever commit."""
        return self._pipeline.is_idle

    @property
    def is_under_way(self) -> bool:
        """Whether a commit that was not answered in time has still not ended."""
        if self._under_way is not None and self._under_way.done():
            self._under_way.exception()  # nobody waits for it any more
            self._under_way = None
        return self._under_way is not None

    async def commit(self, statement: Positional, parameters: dict[str, object] | None = None) -> None:
        """Execute one statement, a transaction of its own, to its durable end.

        On Citus that transaction holds the cell, beside the one that has loaded. The statement sees that one alive, by
        its lock of the clock, after this one has the cell: so the cell was held from the load to the commit, though
        that session may be lost meanwhile.

        Raises:
            TimeoutError: It has not ended in time, and is still under way.
            UnconfirmedError: It is committed, and nobody can tell whether the standby has it.
            psycopg.Error: It failed.
        """
        await self._begin_idle()
        trip = RoundTrip()
        self._hold_cell(trip)
        trip.ask(statement, parameters)
        await self._make(trip)
        if self._pipeline.was_warned:
            await self._confirm_committed()

    async def commit_together(
        self,
        statement: Positional,
        parameters: dict[str, object],
        apart: Sequence[StepApart],
        *,
        limit_ms: int | None = None,
    ) -> None:
        """Execute one statement and steps apart from it in one transaction, which Citus commits on all nodes or none.

        Citus prepares the others' parts, then commits here, then there; what a crash leaves prepared it commits or
        undoes by itself, by whether it was committed here.

        What has not ended in time before COMMIT is sent is broken off with its connection. Left under way, it would end
        in an open transaction, in which the next commit would be answered and never be durable.

        `limit_ms`: How long each step apart may take, half of the whole time unless it is said.

        Raises as `commit` does; StepLostError; NotCommittedError.
        """
        await self._begin_idle()
        try:
            await self._execute_together(statement, parameters, apart, limit_ms=limit_ms or self._step_limit_ms)
        except psycopg.Error:
            raise
        except BaseException as error:
            await self.close()
            if isinstance(error, TimeoutError):
                raise NotCommittedError("a step on all nodes did not end in time") from error
            raise
        await self._execute(COMMIT, None)
        if self._pipeline.was_warned:
            await self._confirm_committed()

    async def _execute_together(
        self,
        statement: Positional,
        parameters: dict[str, object],
        apart: Sequence[StepApart],
        *,
        limit_ms: int,
    ) -> None:
        """Do all but the COMMIT; what fails is rolled back."""
        trip = RoundTrip()
        trip.ask(BEGIN)
        self._hold_cell(trip)
        trip.ask(statement, parameters)
        trip.ask(_PLAN_EACH_TIME)
        trip.ask(_LIMIT_EACH_STEP, {"limit_ms": limit_ms})
        written = [trip.ask(step.statement, parameters) for step in apart]
        try:
            await self._make(trip)
            for step, answer in zip(apart, written, strict=True):
                if len(answer.rows) != step.rows:
                    raise StepLostError(f"lost a race: {step.name}")
        except psycopg.Error:
            if self._pipeline.is_open and not self._pipeline.is_idle:
                await self._execute(ROLLBACK, None)
            raise

    async def confirm(self) -> None:
        """Wait until all that was seen committed is on the synchronous standbys; raises as `commit` does."""
        await self._begin_idle()
        await self._execute(_CONFIRM_PREPARED, None)
        if self._pipeline.was_warned:
            raise UnconfirmedError("the server was told not to wait for the standby")

    async def _confirm_committed(self) -> None:
        """Confirm what is committed and was warned of: whatever goes wrong with that, it is committed."""
        try:
            await self.confirm()
        except (psycopg.Error, OSError) as error:
            raise UnconfirmedError(f"it is committed, and cannot be confirmed: {error}") from error

    async def make(self, trip: RoundTrip) -> None:
        """Read, while nothing is under way; raises as `Pipeline.make` does."""
        assert not self.is_under_way
        await self._pipeline.make(trip)

    async def is_at_its_place(self) -> bool:
        """Tell whether the cell is still where this connection leads to, on Citus."""
        place = self._pipeline.place
        if place is None:
            return True
        here = await self._pipeline.execute(IS_HERE, place.named())
        epoch = await self._pipeline.execute(EPOCH)
        return here.rows[0][0] is True and epoch.rows[0][0] == place.relations.epoch

    async def waits_for_standby(self, beside: Pipeline) -> bool:
        """Tell whether what is under way is committed and waits for a standby; asks on another connection."""
        answer = await beside.execute(_SYNC_REP_WAIT, {"pid": self.backend_pid})
        return answer.rows != () and answer.rows[0][0] is True

    async def close(self) -> None:
        """Hang up. What is under way ends as it ends."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.cancel()
            await asyncio.gather(under_way, return_exceptions=True)
        await self._pipeline.close()

    async def _begin_idle(self) -> None:
        """See that no transaction is open: what is answered inside of one would be committed by nobody.

        Raises:
            psycopg.OperationalError: One is, or the connection is lost; it is closed.
        """
        assert not self.is_under_way
        if not self._pipeline.is_idle:
            await self.close()
            raise psycopg.OperationalError("the connection was left in a transaction, or is lost")

    def _hold_cell(self, trip: RoundTrip) -> None:
        place = self._pipeline.place
        if place is not None:
            trip.ask(HOLD_CELL_AS_WELL, place.named())

    async def _execute(self, statement: Positional, parameters: dict[str, object] | None) -> None:
        trip = RoundTrip()
        trip.ask(statement, parameters)
        await self._make(trip)

    async def _make(self, trip: RoundTrip) -> None:
        assert not self.is_under_way
        under_way = self._under_way = self._pipeline.begin(trip)
        await asyncio.wait([under_way], timeout=self._timeout_s)
        if not under_way.done():
            raise TimeoutError("the database did not end the commit in time")
        self._under_way = None
        self._pipeline.fill(trip, under_way.result())
