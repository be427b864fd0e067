"""A few connections, lent to many.

A pool is bounded in its connections, in how many wait for one, and in how long. Who waits is taken off the list when
its time is over, and as long as anybody waits the pool tries to connect: so it is back as soon as its database is,
however long that was away and however many asked meanwhile. It tells a database that is away from its own being busy.

It is our own since psycopg's cannot do these three (decision 0015).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence

import psycopg
from psycopg.pq import TransactionStatus

from wallet_grpc.domain.cells import Cell
from wallet_grpc.tallies import SHORT_S, Spread

from .dialing import BoundedConnection, Connect

_FIRST_PAUSE_S = 0.05
_PAUSE_MAX_S = 0.5
"""Between two attempts to connect while somebody waits; what a database that is back may be overlooked for."""
_IN_VAIN = 0.9
"""The part of a pool's wait after which an answer is no longer expected: timers may be a little early."""


class DatabaseUnavailableError(Exception):
    """The database does not answer; nothing was changed."""


class ConnectionsBusyError(DatabaseUnavailableError):
    """The database answers, but more want this pool's connections than it has room for; nothing was changed."""


class CellsSilentError(DatabaseUnavailableError):
    """Some cells were asked that have to be, and did not answer in time."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        super().__init__(f"no answer from {', '.join(f'cell {cell}' for cell in cells)}")
        self.cells = cells


class ConnectionPool:
    """Lends connections, which are made when they are first needed."""

    def __init__(self, connect: Connect, *, connections_max: int, waiting_max: int, wait_ms: int) -> None:
        self._connect = connect
        self.connections_max = connections_max
        self.waited_s = Spread(SHORT_S)
        """How long those waited for a connection for whom none was at hand, in seconds."""
        self._waiting_max = waiting_max
        self._wait_s = wait_ms / 1000
        self._idle: list[BoundedConnection] = []
        self._waiting: deque[asyncio.Future[BoundedConnection]] = deque()
        self._made = 0
        """Connections that are idle or lent."""
        self._connecting: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        """Why the last attempt to connect failed."""
        self._unanswered_since: float | None = None
        """Since when nothing was answered that only a database that is away leaves unanswered."""
        self._silent_since: float | None = None
        self._closed = False

    @property
    def silent_s(self) -> float:
        """How long the database was asked through this pool and did not answer; 0 if it did when last asked."""
        return 0.0 if self._silent_since is None else time.monotonic() - self._silent_since

    @property
    def lent(self) -> int:
        """How many connections are in use."""
        return self._made - len(self._idle)

    @property
    def idle(self) -> int:
        """How many connections wait to be used."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """How many wait for a connection."""
        return len(self._waiting)

    @property
    def failure(self) -> str:
        """Why the last attempt to connect failed, if it did and nothing was answered since."""
        return str(self._failure or "").strip()

    async def answers(self) -> bool:
        """Ask whether the database answers through this pool; one that others keep busy does."""
        try:
            await self.give_back(await self.take_sound())
        except ConnectionsBusyError:
            return True
        except DatabaseUnavailableError:
            return False
        return True

    async def can_connect(self) -> bool:
        """Try whether a connection can be made beside the pool's own."""
        try:
            connection = await self._connect()
        except (psycopg.Error, OSError):
            return False
        await connection.close()
        return True

    async def close(self) -> None:
        """Close every connection that is not lent; those follow when they are given back."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        for place in self._waiting:
            if not place.done():
                place.set_exception(DatabaseUnavailableError("the pool is closed"))
        while self._idle:
            await self._discard(self._idle.pop())

    async def take(self, *, deadline: float | None = None) -> BoundedConnection:
        """Give a connection, which must be given back; it may have died while nobody used it.

        Raises:
            ConnectionsBusyError: Too many wait, or none was given back by the deadline, or within the pool's own time.
            DatabaseUnavailableError: None can be made.
        """
        if self._closed:
            raise DatabaseUnavailableError("the pool is closed")
        if self._idle:
            return self._idle.pop()
        if len(self._waiting) >= self._waiting_max:
            raise self._refusal()
        place: asyncio.Future[BoundedConnection] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._connect_if_wanted()
        began_at = time.monotonic()
        wait_s = self._wait_s if deadline is None else max(0.0, deadline - began_at)
        try:
            await asyncio.wait((place,), timeout=wait_s)
        except asyncio.CancelledError:
            if place.done() and place.exception() is None:
                await self.give_back(place.result())
            raise
        finally:
            self.waited_s.note(time.monotonic() - began_at)
            if not place.done():
                self._waiting.remove(place)
        if not place.done():
            raise self._refusal()
        return place.result()

    async def give_back(self, connection: BoundedConnection) -> None:
        """Take a connection back; one that is broken, or left in a transaction, is closed and made anew when needed."""
        if self._closed or connection.closed or connection.info.transaction_status is not TransactionStatus.IDLE:
            await self._discard(connection)
        else:
            self._hand_on(connection)

    async def take_sound(self) -> BoundedConnection:
        """Give a connection that answers; raises as `take` does."""
        deadline = time.monotonic() + self._wait_s
        while True:
            connection = await self.take(deadline=deadline)
            sound = False
            self._ask()
            try:
                sound = await connection.answers(within_s=max(0.0, deadline - time.monotonic()))
            finally:
                if not sound:
                    await self.give_back(connection)
            if sound:
                self._answered()
                return connection

    def _ask(self) -> None:
        if self._unanswered_since is None:
            self._unanswered_since = time.monotonic()

    def _answered(self) -> None:
        self._unanswered_since = self._silent_since = self._failure = None

    def _refusal(self) -> DatabaseUnavailableError:
        """Tell whether the database is away: it refuses connections, or has been asked in vain for a whole wait."""
        now = time.monotonic()
        in_vain_s = 0.0 if self._unanswered_since is None else now - self._unanswered_since
        if self._failure is None and in_vain_s < self._wait_s * _IN_VAIN:
            return ConnectionsBusyError("too many want a connection")
        if self._silent_since is None:
            self._silent_since = now
        return DatabaseUnavailableError(str(self._failure or "it does not answer").strip())

    def _hand_on(self, connection: BoundedConnection) -> None:
        self._answered()
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(connection)
                return
        self._idle.append(connection)

    async def _discard(self, connection: BoundedConnection) -> None:
        self._made -= 1
        self._connect_if_wanted()
        await connection.close()

    def _connect_if_wanted(self) -> None:
        if (self._connecting is None or self._connecting.done()) and self._may_connect():
            self._connecting = asyncio.create_task(self._connect_while_wanted())

    def _may_connect(self) -> bool:
        return bool(self._waiting) and self._made < self.connections_max and not self._closed

    async def _connect_while_wanted(self) -> None:
        """Make one connection after the other for those who wait; after a failure try again, for as long as any do."""
        pause_s = _FIRST_PAUSE_S
        try:
            while self._may_connect():
                self._ask()
                try:
                    connection = await self._connect()
                except (psycopg.Error, OSError) as error:
                    self._failure = error
                    await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret
                    pause_s = min(pause_s * 2, _PAUSE_MAX_S)
                else:
                    self._made += 1
                    self._hand_on(connection)
        finally:
            self._connecting = None
