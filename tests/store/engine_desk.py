"""An engine of one lane beside the patient one, whose commits and loads a test lets end when it wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, LiteralString

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from store.lanes import until
from support.database import Installation
from support.waiting import wait_until
from unit.desk import PERSON, deposit

from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.needs import Needs
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.engine.engine import Engine, EngineSettings
from wallet_grpc.engine.lane import LaneSettings
from wallet_grpc.engine.metrics import EngineMetrics
from wallet_grpc.engine.tickets import Ticket
from wallet_grpc.store.batch.part import Decided, Reading, Steps
from wallet_grpc.store.batch.store import BatchStore, StoreSettings
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import positional
from wallet_grpc.store.reads.withdrawals import WithdrawalReader

_TIMEOUT_MS = 1_000
_ANSWERED_WITHIN_S = 30.0
_COMMITS = 4711
"""An advisory lock; while it is held no commit ends."""
_COMMITS_WAIT = """
    CREATE FUNCTION wait_to_commit() RETURNS TRIGGER LANGUAGE plpgsql SET lock_timeout = 0 AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(4711);
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON ledger_transactions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_to_commit();
    CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON subledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_to_commit();
"""
_COMMITTING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'wallet-lane-ledger' AND state <> 'idle'
"""
_LOADS = 4712
"""An advisory lock; while it is held no load gets past its pause."""
_LOADS_WAIT = """
    CREATE FUNCTION public.pause_load() RETURNS VOID LANGUAGE plpgsql SET lock_timeout = 0 AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(4712);
    END $$;
"""
_PAUSE = positional("SELECT public.pause_load()")
_PAUSED = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4712 AND NOT granted"
newest = pytest.mark.parametrize("postgres", [18], indirect=True, ids=["postgres-18"])


class _Pause:
    """A part of a load that takes as long as somebody wants."""

    def ask(self, trip: RoundTrip, _needs: Needs, _standing_max: int, /) -> Iterable[Reading]:
        trip.ask(_PAUSE)
        return ()

    def write(self, _decided: Decided, _steps: Steps, /) -> None:
        """Write nothing."""


class Desk:
    """An engine of one lane, beside the patient one, and its database."""

    def __init__(self, engine: Engine, admin: psycopg.Connection, new_store: Callable[[], BatchStore]) -> None:
        self._engine = engine
        self._admin = admin
        self.new_store = new_store
        """Makes the store of another lane."""

    async def send(self, command: Command) -> Outcome:
        """Send one command as a call of its own."""
        ticket = Ticket([None], operator=PERSON)
        await asyncio.wait_for(self._engine.execute(ticket, ((0, command),)), _ANSWERED_WITHIN_S)
        (outcome,) = ticket.outcomes
        assert outcome is not None
        return outcome

    async def send_where_the_first_answer_is_lost(self, *commands: Command) -> list[Outcome]:
        """Send commands at once. Their commit ends only when the lane has given it up, and before it tries again."""
        with self.no_commit_ends():
            sent = [asyncio.create_task(self.send(command)) for command in commands]
            await until(lambda: self._engine._lanes[0]._down)
        return list(await asyncio.gather(*sent))

    @contextmanager
    def no_commit_ends(self) -> Iterator[None]:
        """Let no commit end within the block; at its end all have, before any lane tries again."""
        self._admin.execute("SELECT pg_advisory_lock(%s)", [_COMMITS])
        try:
            yield
        finally:
            self._admin.execute("SELECT pg_advisory_unlock(%s)", [_COMMITS])
        wait_until(lambda: not self._rows(_COMMITTING), what="it is stored")  # the loop stands still meanwhile

    @contextmanager
    def loads_pause(self, place: int) -> Iterator[None]:
        """Within the block let loads wait before what the part at this place of their order asks for."""
        self._admin.execute("SELECT pg_advisory_lock(%s)", [_LOADS])
        for lane in self._engine._lanes:
            lane._store._loading.insert(place, _Pause())
        try:
            yield
        finally:
            self._admin.execute("SELECT pg_advisory_unlock(%s)", [_LOADS])
            for lane in self._engine._lanes:
                del lane._store._loading[place]

    async def until_a_load_pauses(self) -> None:
        """Wait until one does."""
        await until(lambda: bool(self._rows(_PAUSED)))

    def _rows(self, statement: LiteralString, *parameters: object) -> list[Any]:
        return [value for (value,) in self._admin.execute(statement, parameters)]


@asynccontextmanager
async def running_desk(own_ledger: Installation) -> AsyncIterator[Desk]:
    """Run a desk that has stored a deposit of 100 to player 1."""
    store = StoreSettings(
        database_url=own_ledger.service_dsn, timeout_ms=_TIMEOUT_MS, lock_timeout_ms=500, batch_operations_max=100
    )
    lane = LaneSettings(
        batch_operations_max=100, attempts_max=100, backoff_ms=100, outage_wait_ms=20_000, lock_timeout_ms=500
    )
    settings = EngineSettings(lanes=1, queue_operations_max=1_000, source_share=1.0, lane=lane, store=store)
    pool = Pool(own_ledger.service_dsn, connections_max=1, wait_ms=5_000, timeout_ms=5_000)
    engine = Engine(settings, WithdrawalReader(pool), EngineMetrics(CollectorRegistry()))
    engine.start()
    with own_ledger.connect(autocommit=True) as admin:
        admin.execute(_COMMITS_WAIT)
        admin.execute(_LOADS_WAIT)
        made = Desk(engine, admin, lambda: BatchStore(store))
        assert isinstance(await made.send(deposit("d", 100)), Accepted)
        yield made
    await asyncio.wait_for(engine.stop(), _ANSWERED_WITHIN_S)
    await pool.close()
