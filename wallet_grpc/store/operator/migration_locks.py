"""How a migration waits for its locks: never for long, told, and a bounded number of times.

Whoever waits for an exclusive lock holds up all who come after it. So a migration waits for half a second, in all its
statements together; then it gives back what it had, lets the others pass, and tries again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from wallet_grpc.store.connection.kinds import command, connect

from .migration_files import MigrationError

T = TypeVar("T")

_LOCK_CLASS = 0x57414C4D
"""The class of the advisory lock of who migrates; owners use the other, 64-bit space."""
_LOST = ("55P03", "40P01")
"""A lock that could not be had in time, and a deadlock with those who write meanwhile."""
_LEFT_MS_MIN = 100
_LOOK_EVERY_S = 0.2
_BLOCKERS = """
SELECT
    pid,
    coalesce(nullif(application_name, ''), backend_type, 'unnamed') AS name,
    state,
    extract(EPOCH FROM clock_timestamp() - xact_start)::INTEGER AS age_s
FROM pg_stat_activity
WHERE pid = ANY(pg_blocking_pids(%s))
ORDER BY pid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often a migration tries to have its locks."""

    lock_timeout_ms: int = 500
    """All waits of one try, and so the longest that others wait because of it."""
    tries_max: int = 60
    pause_s: float = 5.0
    """Between two tries, on the average: others get what they waited for."""
    concurrent_lock_timeout_ms: int = 600_000
    """One wait of what holds nobody up: CREATE INDEX CONCURRENTLY."""
    other_migrate_s: float = 600.0
    """How long another `wallet migrate` is waited for."""


PATIENCE = Patience()
"""What is right beside a service under load."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that holds what a migration waits for."""

    pid: int
    name: str
    """Its application_name."""
    state: str | None
    """Unknown, as its age, to those who may not see it."""
    age_s: int | None
    """Of its transaction."""

    def __str__(self) -> str:
        told = [part for part in (self.state, None if self.age_s is None else f"for {self.age_s} s") if part]
        return f"pid {self.pid} ({', '.join([self.name, ' '.join(told)]) if told else self.name})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What a migration that does not get on is waiting for."""

    what: str
    attempt: int
    attempts_max: int
    blockers: tuple[Blocker, ...]

    def __str__(self) -> str:
        by = ", ".join(map(str, self.blockers)) or "sessions that are gone already"
        return f"{self.what}: try {self.attempt} of {self.attempts_max} waits for {by}"


class Watch:
    """Looks, from a connection of its own, who blocks another one."""

    def __init__(self, database_url: str, pid: int) -> None:
        self._database_url = database_url
        self._pid = pid
        self._stop = threading.Event()
        self.blockers: tuple[Blocker, ...] = ()
        """Those seen last."""

    @contextmanager
    def watching(self, told: Callable[[tuple[Blocker, ...]], None]) -> Iterator[None]:
        """Watch for the time of a block; `told` hears of blockers when they change."""
        self._stop.clear()
        self.blockers = ()
        thread = threading.Thread(target=self._watch, args=(told,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _watch(self, told: Callable[[tuple[Blocker, ...]], None]) -> None:
        known: set[int] = set()
        try:
            with connect(self._database_url, command("wallet-migrate-watch"), autocommit=True) as connection:
                while not self._stop.wait(_LOOK_EVERY_S):
                    seen = tuple(Blocker(*row) for row in connection.execute(_BLOCKERS, [self._pid]).fetchall())
                    if seen:
                        self.blockers = seen
                        if {blocker.pid for blocker in seen} - known:
                            known |= {blocker.pid for blocker in seen}
                            told(seen)
        except psycopg.Error:
            return  # what is watched goes on, and tells what it must itself


class Budget:
    """What is left of a try's time for waiting."""

    def __init__(self, patience: Patience) -> None:
        self._ends_at = time.monotonic() + patience.lock_timeout_ms / 1000

    def spend(self, connection: psycopg.Connection[Any]) -> None:
        """Let the next statement of this transaction wait for no longer than is left."""
        left_ms = max(_LEFT_MS_MIN, int((self._ends_at - time.monotonic()) * 1000))
        connection.execute(f"SET LOCAL lock_timeout = {left_ms}".encode())


def tried(
    what: str, work: Callable[[], T], *, watch: Watch, patience: Patience, on_wait: Callable[[Waiting], None]
) -> T:
    """Do something that needs locks, again and again.

    Raises:
        MigrationError: They could not be had in any of the tries.
    """
    for attempt in range(1, patience.tries_max + 1):

        def told(blockers: tuple[Blocker, ...], attempt: int = attempt) -> None:
            on_wait(Waiting(what=what, attempt=attempt, attempts_max=patience.tries_max, blockers=blockers))

        try:
            with watch.watching(told):
                return work()
        except psycopg.Error as error:
            if error.sqlstate not in _LOST:
                raise
        if attempt < patience.tries_max:
            time.sleep(patience.pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - not for secrets
    by = ", ".join(map(str, watch.blockers)) or "sessions that came and went"
    raise MigrationError(
        f"{what} could not have its locks in {patience.tries_max} tries, because of {by}: end them, or try again at a "
        "quieter time; nothing is half done"
    )


@contextmanager
def alone(
    connection: psycopg.Connection[Any], *, patience: Patience, on_wait: Callable[[Waiting], None]
) -> Iterator[None]:
    """Keep other migrations of this database out, for a block.

    It is asked for now and again, not waited for: a statement that waits is a transaction for which CREATE INDEX
    CONCURRENTLY waits in its turn.

    Raises:
        MigrationError: Another one did not end in time.
    """
    ends_at = time.monotonic() + patience.other_migrate_s
    told = False
    while not _try_lock(connection):
        holders = tuple(
            Blocker(*row)
            for row in connection.execute(
                "SELECT pid, 'another wallet migrate', NULL, NULL FROM pg_locks "
                "WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = 0 AND objsubid = 2 "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                [_LOCK_CLASS],
            )
        )
        if time.monotonic() >= ends_at:
            raise MigrationError(
                f"another `wallet migrate` has been at it for {patience.other_migrate_s:g} s: "
                f"{', '.join(map(str, holders))}"
            )
        if not told:
            told = True
            on_wait(Waiting(what="the schema", attempt=1, attempts_max=1, blockers=holders))
        time.sleep(_LOOK_EVERY_S)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s::INTEGER, 0)", [_LOCK_CLASS])


def _try_lock(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s::INTEGER, 0)", [_LOCK_CLASS]).fetchone()
    assert row is not None
    return bool(row[0])
