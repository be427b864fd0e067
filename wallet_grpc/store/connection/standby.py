"""A synchronous standby: what is acknowledged or published is on it first.

A commit waits for the standby before its rows can be seen, so what a lane stores itself is safe when the commit is
answered. But rows can be seen that are not on the standby: the primary was restarted, or somebody cancelled or ended
the session that waited. Whoever tells others of what it has *read* therefore confirms it first: a commit of its own
that comes later in the log, and waits. Without a synchronous standby there is nothing to wait for, and no commit.
"""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from psycopg.pq.abc import PGresult

from .pipeline import Pipeline, RoundTrip
from .statements import Positional, positional, statements

_CONFIRM = statements(__package__, "standby.sql")["confirm"]
_CONFIRM_PREPARED = positional(_CONFIRM)
_SYNC_REP_WAIT = positional(
    "SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = %(pid)s::INTEGER AND state <> 'idle'"
)


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
    def is_under_way(self) -> bool:
        """Whether a commit that was not answered in time has still not ended."""
        if self._under_way is not None and self._under_way.done():
            self._under_way.exception()  # nobody waits for it any more
            self._under_way = None
        return self._under_way is not None

    async def commit(self, statement: Positional, parameters: dict[str, object] | None = None) -> None:
        """Execute one statement, a transaction of its own, to its durable end.

        Raises:
            TimeoutError: It has not ended in time, and is still under way.
            UnconfirmedError: It is committed, and nobody can tell whether the standby has it.
            psycopg.Error: It failed.
        """
        await self._execute(statement, parameters)
        if self._pipeline.was_warned:
            await self.confirm()

    async def confirm(self) -> None:
        """Wait until all that was seen committed is on the synchronous standbys; raises as `commit` does."""
        await self._execute(_CONFIRM_PREPARED, None)
        if self._pipeline.was_warned:
            raise UnconfirmedError("the server was told not to wait for the standby")

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

    async def _execute(self, statement: Positional, parameters: dict[str, object] | None) -> None:
        assert not self.is_under_way
        trip = RoundTrip()
        trip.ask(statement, parameters)
        under_way = self._under_way = self._pipeline.begin(trip)
        await asyncio.wait([under_way], timeout=self._timeout_s)
        if not under_way.done():
            raise TimeoutError("the database did not end the commit in time")
        self._under_way = None
        self._pipeline.fill(trip, under_way.result())
