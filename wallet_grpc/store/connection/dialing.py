"""Connecting to a database that may be away, and to one that takes what is sent and says nothing.

Where packets are dropped, an attempt hears nothing until its time is over, also when the network has long been whole
again. So an attempt that is not answered within a second gets another one beside it, and the first to be answered wins:
a database that is back is found within a second, and a slow one still has its whole time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import waiting
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus

from .relations import Relations
from .statements import statements

_IS_HERE = statements(__package__, "placement.sql")["is_here"]
ANSWER_MARGIN_S = 1.0
"""What a statement may take past its own time limit before its connection is given up."""
_BESIDE_S = 1.0
_CANCELLED_WITHIN_S = 1.0
"""How long a statement that nobody wants any more may take to end, before its connection is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a connection leads to on Citus: the node of its cell (placement.py)."""

    shard_id: int
    """The cell's first shard, by which all of them are locked and looked for."""
    relations: Relations

    def named(self) -> dict[str, object]:
        """Give what statements about it are asked with."""
        return {"shard_id": self.shard_id}


class BoundedConnection(psycopg.AsyncConnection[Any]):
    """A connection that hangs up if a statement is not answered in time.

    PostgreSQL bounds a statement itself, but only one that is there to do so: not one that is frozen, or behind a
    network that swallows everything. No cancel is sent, since nobody would take it.
    """

    answer_within_s: float | None = None
    """For each round trip; above the session's own `statement_timeout`, which tells more. See `together`, too."""
    place: Place | None = None
    """The cell's, on Citus."""

    async def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:  # noqa: ASYNC109 - psycopg's
        """Wait as psycopg does; see there. Who is cancelled meanwhile is free within a second, psycopg's own in ten.

        Raises:
            psycopg.OperationalError: It was not answered in time, and the connection is closed.
        """
        within_s = self.answer_within_s if timeout is None else timeout
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, interval, within_s)
        except psycopg.OperationalError:
            if self.info.transaction_status is TransactionStatus.ACTIVE:  # the time is over, and it is under way still
                await self.close()
            raise
        except asyncio.CancelledError:
            if self.info.transaction_status is TransactionStatus.ACTIVE:
                await self._end_statement(gen, interval)
            raise

    async def _end_statement(self, gen: PQGen[RV], interval: float) -> None:
        """Have the server end what is under way; where it does not, or who waits is cancelled again, hang up."""
        is_over = False
        try:
            async with asyncio.timeout(_CANCELLED_WITHIN_S):
                await self.cancel_safe(timeout=_CANCELLED_WITHIN_S)
                await waiting.wait_async(gen, self.pgconn.socket, interval)
            is_over = True
        except psycopg.errors.QueryCanceled:
            is_over = True
        except (psycopg.Error, OSError):  # nobody answers
            pass
        finally:
            if not is_over:
                await self.close()

    async def answers(self, *, within_s: float) -> bool:
        """Ask whether anybody is there, and its cell still; a connection of which that is not so is closed."""
        bound, self.answer_within_s = self.answer_within_s, within_s
        try:
            if self.place is None:
                await self.execute("")
            elif not await self._is_at(self.place):
                await self.close()
                return False
        except psycopg.Error:
            await self.close()
            return False
        finally:
            self.answer_within_s = bound
        return True

    async def _is_at(self, place: Place) -> bool:
        cursor = psycopg.AsyncCursor(self)
        await cursor.execute(_IS_HERE, place.named())
        return await cursor.fetchone() == (True,)


@asynccontextmanager
async def together(connection: psycopg.AsyncConnection[Any], statements: int) -> AsyncIterator[None]:
    """Ask so many statements in one round trip: it is given up only once each could have had its own time limit.

    The server bounds each by itself. Who hung up before would leave it the rest to do, for nobody.
    """
    bound = connection.answer_within_s if isinstance(connection, BoundedConnection) else None
    if bound is None:
        async with connection.pipeline():
            yield
        return
    assert isinstance(connection, BoundedConnection)
    connection.answer_within_s = (bound - ANSWER_MARGIN_S) * statements + ANSWER_MARGIN_S
    try:
        async with connection.pipeline():
            yield
    finally:
        connection.answer_within_s = bound


Connect = Callable[[], Awaitable[BoundedConnection]]


async def dial(connect: Connect, *, timeout_s: float) -> BoundedConnection:
    """Connect, with another attempt beside the first for each second without an answer.

    Raises:
        psycopg.Error, OSError: An attempt was refused.
        TimeoutError: None was answered in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    attempts: set[asyncio.Future[BoundedConnection]] = set()
    try:
        while (left_s := deadline - loop.time()) > 0:
            attempts.add(asyncio.ensure_future(connect()))
            answered, attempts = await asyncio.wait(
                attempts, timeout=min(_BESIDE_S, left_s), return_when=asyncio.FIRST_COMPLETED
            )
            if answered:
                first, *others = answered
                attempts.update(others)
                return first.result()
        raise TimeoutError(f"no connection within {timeout_s:g} s")
    finally:
        await _give_up(attempts)


async def _give_up(attempts: Collection[asyncio.Future[BoundedConnection]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for made in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(made, BoundedConnection):
            await made.close()
