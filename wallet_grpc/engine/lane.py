"""A lane: a queue and two database connections. It takes what waits, locks, loads, decides, stores, and answers.

Group commit: what arrives while a batch is in flight waits for the next, so a lane under load commits many mutations
together, with the result of running them one after the other, in order; it never waits for more to come. Commands of
one owner always come to the same lane of a process; other processes are kept apart by the store (see `store/batch.py`).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from wallet_grpc.domain.identifiers import TxIdSequence
from wallet_grpc.domain.needs import needs_of
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.rules import Moment, decide
from wallet_grpc.store.batch import BatchStore, LostRaceError, OutcomeUnknownError
from wallet_grpc.store.pool import DatabaseUnavailableError

from .metrics import EngineMetrics
from .tickets import Job
from .turns import Turns

_log = structlog.get_logger(__name__)

CONFLICT = Refusal(reason=Reason.CONFLICT, message="others kept changing the same rows; send it again")
DATABASE_UNAVAILABLE = Refusal(
    reason=Reason.DATABASE_UNAVAILABLE, message="the database does not answer; nothing was changed, send it again"
)
OUTCOME_UNKNOWN = Refusal(
    reason=Reason.OUTCOME_UNKNOWN,
    message="the answer was lost; send it again with the same id to learn whether it was applied",
)
_INTERNAL = Refusal(reason=Reason.INTERNAL, message="an internal fault; nothing was changed")

_ATTEMPTS_OF_A_TIMEOUT = 5
"""What a wait for a lock that timed out counts for: such a wait holds up the whole lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """A lane's bounds."""

    batch_operations_max: int
    """How many mutations commit together; 1 makes each a database transaction of its own."""
    attempts_max: int
    """How often a batch is tried against lost races."""
    backoff_ms: int
    """The longest first wait between tries; it doubles with each, up to a hundredfold."""
    outage_wait_ms: int
    """How long a batch waits for a database that went away before its callers are told."""


class Lane:
    """One lane; `run` is its task."""

    def __init__(  # noqa: PLR0917 - its parts, given once by the engine
        self,
        store: BatchStore,
        settings: LaneSettings,
        tx_ids: TxIdSequence,
        metrics: EngineMetrics,
        on_answered: Callable[[int], None],
        turns: Turns,
    ) -> None:
        self._store = store
        self._settings = settings
        self._tx_ids = tx_ids
        self._metrics = metrics
        self._on_answered = on_answered
        self._turns = turns
        self._queue: deque[Job] = deque()
        self._arrived = asyncio.Event()
        self._down = False

    def put(self, job: Job) -> None:
        """Queue a job; whether there is room is the engine's to say."""
        self._queue.append(job)
        self._arrived.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                if not self._queue:
                    await self._store.release()
                    await self._arrived.wait()
                self._arrived.clear()
                while self._queue:
                    await asyncio.sleep(0)  # lets in what has reached this process already; never waits for more
                    if len(self._queue) < Turns.WORTH_NONE:
                        await self._execute_in_turn()
                    else:
                        await self._execute(self._take())
        finally:
            await self._store.close()

    async def _execute_in_turn(self) -> None:
        """Execute what waits when it is this lane's turn; it holds no locks while it waits."""
        if not self._turns.free:
            await self._store.release()
        await self._turns.take()
        try:
            await self._execute(self._take())
        finally:
            self._turns.give()

    def _take(self) -> list[Job]:
        """Take what waits, up to the limit; one whose caller has given up is dropped unexecuted."""
        batch: list[Job] = []
        while self._queue and len(batch) < self._settings.batch_operations_max:
            job = self._queue.popleft()
            if job.ticket.abandoned:
                self._answer([job], [OUTCOME_UNKNOWN])
            else:
                batch.append(job)
        return batch

    async def _execute(self, batch: Sequence[Job]) -> None:
        """Execute a batch to its end: everybody gets an answer, whatever happens.

        What breaks a batch, or keeps it from its rows, is found by executing its commands one by one: the others
        succeed, it alone gets the error.
        """
        if not batch:
            return
        try:
            outcomes = await self._outcomes(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, its callers get an answer and the lane lives on
            if len(batch) > 1:
                for job in batch:
                    await self._execute([job])
                return
            if isinstance(error, LostRaceError):
                _log.warning("races_lost", request_id=batch[0].ticket.request_id, last=str(error))
                outcomes = [CONFLICT]
            else:
                _log.error("command_failed", request_id=batch[0].ticket.request_id, exc_info=error)
                await self._store.close()
                outcomes = [_INTERNAL]
        self._answer(batch, outcomes)

    async def _outcomes(self, batch: Sequence[Job]) -> Sequence[Outcome]:
        """Try the batch until it is stored, or the database stays away.

        Raises:
            LostRaceError: Others kept changing or holding its rows.
        """
        started = time.monotonic()
        unknown = False
        attempts = 0
        while True:
            try:
                outcomes = await self._attempt(batch)
            except LostRaceError as lost:
                attempts += _ATTEMPTS_OF_A_TIMEOUT if lost.timed_out else 1
                self._metrics.retries.inc()
                if attempts >= self._settings.attempts_max:
                    raise
                await self._back_off(attempts)
            except (DatabaseUnavailableError, OutcomeUnknownError) as failure:
                unknown = unknown or isinstance(failure, OutcomeUnknownError)
                first = not self._down
                self._down = True
                if first:
                    _log.warning("database_unavailable", operations=len(batch), cause=str(failure))
                waited_ms = (time.monotonic() - started) * 1000
                if waited_ms >= self._settings.outage_wait_ms or not (first or unknown):
                    return [OUTCOME_UNKNOWN if unknown else DATABASE_UNAVAILABLE] * len(batch)
                await self._back_off(attempts + 3)
            else:
                if self._down:
                    _log.info("database_back")
                self._down = False
                self._metrics.batches.observe(len(batch))
                self._metrics.batch_seconds.observe(time.monotonic() - started)
                return outcomes

    async def _attempt(self, batch: Sequence[Job]) -> Sequence[Outcome]:
        """Run collect, load, decide, store once."""
        loaded = await self._store.load(needs_of([job.command for job in batch]))
        book = loaded.book
        moment = Moment(now=loaded.now, tx_ids=self._tx_ids)
        outcomes: list[Outcome] = []
        traceparents: list[str | None] = []
        for job in batch:
            decision = decide(book, job.command, moment)
            outcomes.append(decision.outcome)
            if decision.change is not None:
                book.record(decision.change)
                traceparents.append(job.ticket.traceparent)
        if book.changes:
            await self._store.store(loaded, traceparents)
        return outcomes

    async def _back_off(self, attempt: int) -> None:
        """Free the owners and wait, with jitter, so that two who lost to each other do not meet again."""
        await self._store.release()
        ceiling_ms = self._settings.backoff_ms * min(2 ** (attempt - 1), 100)
        await asyncio.sleep(random.uniform(0, ceiling_ms) / 1000)  # noqa: S311 - jitter is no secret

    def _answer(self, batch: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
        for job, outcome in zip(batch, outcomes, strict=True):
            job.ticket.answer(job.index, outcome)
        self._on_answered(len(batch))
