"""A lane taken step by step: what `engine.lane.Lane` does in one go, with room between the steps for others to act."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
from unit.desk import PERSON

from wallet_grpc.domain.batch import decide_batch
from wallet_grpc.domain.cells import ONLY_CELL
from wallet_grpc.domain.commands import Command, owner_of
from wallet_grpc.domain.decisions import Moment
from wallet_grpc.domain.identifiers import TxIdSequence
from wallet_grpc.domain.needs import needs_of
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.engine.tickets import Job, Ticket
from wallet_grpc.store.batch.store import BatchStore, Loaded, Locking, LostRaceError
from wallet_grpc.store.reads.moments import clock_class_of

_ATTEMPTS_MAX = 100
"""Many, with short waits: the rows of a small ledger share their pages, and SERIALIZABLE aborts often."""
_BACK_OFF_MAX_S = 0.02


async def until(condition: Callable[[], bool], *, timeout_s: float = 20.0) -> None:
    """Wait until a condition holds that nobody tells us of; bounded."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 it is another process's
            await asyncio.sleep(0.005)


@dataclass(slots=True)
class DecidedBatch:
    """A batch between its decision and its store."""

    loaded: Loaded
    outcomes: list[Outcome]


@dataclass(slots=True)
class SteppedLane:
    """A lane without a loop."""

    store: BatchStore
    tx_ids: TxIdSequence = field(default_factory=TxIdSequence)
    locking: Locking = Locking.WAIT
    _clock: psycopg.Connection | None = None

    async def decide(self, *commands: Command) -> DecidedBatch:
        """Lock, load and decide; the owners stay locked."""
        loaded = await self.store.load(needs_of(commands), self.locking)
        jobs = [Job(command, owner_of(command), Ticket([None], operator=PERSON), 0) for command in commands]
        decided = decide_batch(loaded.book, jobs, Moment(now=loaded.now, tx_ids=self.tx_ids))
        return DecidedBatch(loaded, [outcome for outcome in decided if outcome is not None])

    async def decide_unlocked(self, *commands: Command) -> DecidedBatch:
        """Lock, load and decide, then lose the locks: whatever happens from now on, the batch knows nothing of it."""
        batch = await self.decide(*commands)
        await self.store.release()
        self._keep_clock()
        return batch

    def _keep_clock(self) -> None:
        """Go on holding the clock: a store without it is refused for that alone, which has tests of its own."""
        self._clock = psycopg.connect(self.store._settings.database_url, autocommit=True)
        key = self.store._clock_key
        assert self._clock.execute(
            "SELECT pg_try_advisory_lock(%s, %s)", [clock_class_of(ONLY_CELL), key]
        ).fetchone() == (True,)

    async def write(self, batch: DecidedBatch) -> list[Outcome]:
        """Store a decided batch."""
        try:
            if batch.loaded.book.changes:
                await self.store.store(batch.loaded)
        finally:
            if self._clock is not None:
                self._clock.execute("SELECT pg_advisory_unlock_all()")
                self._clock.close()
                self._clock = None
        return batch.outcomes

    async def attempt(self, *commands: Command) -> list[Outcome]:
        """Execute a batch once."""
        outcomes = await self.write(await self.decide(*commands))
        await self.store.release()
        return outcomes

    async def send(self, *commands: Command) -> list[Outcome]:
        """Execute a batch, trying again after lost races."""
        for _ in range(_ATTEMPTS_MAX):
            try:
                return await self.attempt(*commands)
            except LostRaceError:
                await self.store.release()
                await asyncio.sleep(random.uniform(0, _BACK_OFF_MAX_S))
        raise AssertionError(f"{_ATTEMPTS_MAX} races lost")

    async def accepted(self, command: Command) -> Accepted:
        (outcome,) = await self.send(command)
        assert isinstance(outcome, Accepted), outcome
        return outcome

    async def refused(self, command: Command) -> Refusal:
        (outcome,) = await self.send(command)
        assert isinstance(outcome, Refusal), outcome
        return outcome
