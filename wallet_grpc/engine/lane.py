"""A lane: two database connections. It takes what waits, locks, loads, decides, stores, and answers.

Group commit: what arrives while a batch is in flight waits for the next, so a lane under load commits many mutations
together, with the result of running them one after the other, in order. Lanes of one process never work on the same
owner (see `backlog.py`); other processes are kept apart by the store (see `store/batch/store.py`).

A lane waits for nobody's lock. Owners whose locks other processes hold are left to one lane more (see
`patient_lane.py`), which takes one of them at a time.

Long because it is one way from the queue to the answers, with all that may go wrong on it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from wallet_grpc.domain.batch import decide_batch
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.commands import WRITTEN_FOR_ALL_CELLS
from wallet_grpc.domain.decisions import Moment
from wallet_grpc.domain.identifiers import Key, OwnerId, TxIdSequence
from wallet_grpc.domain.needs import Needs, needs_of
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.unseen import key_of, unseen_key
from wallet_grpc.store.batch.shared_writes import OtherNodeAwayError
from wallet_grpc.store.batch.store import (
    BatchStore,
    CommitUnderWayError,
    Loaded,
    Locking,
    LostRaceError,
    Mark,
    OutcomeUnknownError,
    StoredMeanwhileError,
    mark_of,
)
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.reads.moments import ClockAheadError
from wallet_grpc.tasks import a_turn
from wallet_grpc.tracing import BatchTimes, Tracer, known_as

from .backlog import Backlog
from .metrics import EngineMetrics
from .tickets import Job

_log = structlog.get_logger(__name__)

CONFLICT = Refusal(reason=Reason.CONFLICT, message="others kept changing the same rows; send it again")
DATABASE_UNAVAILABLE = Refusal(
    reason=Reason.DATABASE_UNAVAILABLE,
    message="the database does not answer, or takes no changes; nothing was changed, send it again",
)
_CLOCK_AHEAD = Refusal(
    reason=Reason.DATABASE_UNAVAILABLE,
    message="the database's clock and this server's are more than a minute apart; nothing was changed, send it again",
)
OUTCOME_UNKNOWN = Refusal(
    reason=Reason.OUTCOME_UNKNOWN,
    message="the answer was lost; send it again with the same id to learn whether it was applied",
)
_INTERNAL = Refusal(reason=Reason.INTERNAL, message="an internal fault; nothing was changed")

_BARREN_TURNS = 20
_BARREN_TURNS_ALONE = 2
"""After how many turns of the event loop that brought nothing a lane starts: gRPC lets calls in one after the other, in
four turns or so each. Who calls alone waits for nobody. To wait the less, the smaller the last batch was, made batches
under load smaller by a sixth, and dearer.
"""

_ATTEMPTS_OF_A_TIMEOUT = 5
"""What a wait for a lock that timed out counts for: such a wait holds up the whole lane."""
_TRIES_BELONG_TOGETHER_S = 60.0
"""After how long without any batch a lane that failed has not tried in vain all the time, but begins anew. Idle lanes
take turns: where few call, each has a batch only now and then.
"""
_LOCKED_OWNERS_MAX = 4
"""For how many owners of a batch a lane waits whose rows somebody else holds."""


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
    lock_timeout_ms: int
    """How long an owner whose lock others hold is waited for, before it is done without the lock."""


class Lane:
    """One lane; `run` is its task."""

    def __init__(  # noqa: PLR0917 - its parts, given once by the engine
        self,
        backlog: Backlog,
        store: BatchStore,
        settings: LaneSettings,
        tx_ids: TxIdSequence,
        metrics: EngineMetrics,
        on_answered: Callable[[Sequence[Job]], None],
        *,
        tracer: Tracer | None = None,
    ) -> None:
        self._backlog = backlog
        self._store = store
        self._settings = settings
        self._tx_ids = tx_ids
        self._metrics = metrics
        self._on_answered = on_answered
        self._tracer = tracer
        self._down = False
        self._taken: Sequence[Job] = ()
        self._locked: dict[OwnerId, Refusal] = {}
        """Whose rows somebody held too long, of a batch that is executed one by one; and what its callers are told."""
        self.is_busy = False
        """Whether it works on a batch."""
        self.stored_at = float("-inf")
        """When it last brought a batch to a good end, on the monotonic clock."""
        self.trying_since: float | None = None
        """Since when it has tried in vain, on the monotonic clock; None if its last batch came to a good end."""
        self._tried_at = float("-inf")
        """When its last batch came to an end, good or bad, on the monotonic clock."""
        self._crowd = 0
        """How many have called at once lately: as many as the largest batch had commands, less one for each since."""

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                await self._gather()
                batch = self._take()
                if batch:
                    held: Sequence[Job] = ()
                    self._taken = batch
                    try:
                        held = await self._execute(self._wanted(batch))
                    finally:
                        self._backlog.done(batch, held)
                elif self._store.holds_locks:
                    await self._store.release()  # others may need these owners; then look again
                else:
                    await self._backlog.changed()
        finally:
            await self._store.close()

    async def _gather(self) -> None:
        """Let in what has reached this process already, as long as the loop's turns bring more of it.

        Nothing is waited for: with one call in flight these turns pass at once, and under load a batch fills with what
        gRPC has at hand. Where another source's flood makes each turn long, who waits beside it is served at once.
        """
        backlog, enough = self._backlog, self._settings.batch_operations_max
        waiting, barren = len(backlog), 0
        barren_max = _BARREN_TURNS if self._crowd > 1 else _BARREN_TURNS_ALONE
        if backlog.keeps_a_source_waiting():
            return
        while barren < barren_max and waiting < enough:
            await a_turn()
            before, waiting = waiting, len(backlog)
            if waiting == before:
                barren += 1
            else:
                barren = 0
                if backlog.keeps_a_source_waiting():
                    return

    def _take(self) -> list[Job]:
        """Take a batch; on Citus, without the owners of whom something is written on all nodes: those are the next one.

        A node that freezes before it has confirmed its part of a commit leaves that commit undecided: what it holds
        waits until the node is back, and nobody can tell what became of it. So no bet of somebody else is in it.
        """
        batch = self._backlog.take()
        if batch:
            self._crowd = max(len(batch), self._crowd - 1)
            if self._store.may_be_on_citus:
                self._backlog.keep_apart(batch, {job.owner_id for job in batch if _is_written_on_all_nodes(job)})
        return batch

    def _wanted(self, batch: Sequence[Job]) -> list[Job]:
        """Drop unexecuted what its caller has given up."""
        wanted = []
        for job in batch:
            if job.ticket.abandoned:
                self._answer([job], [OUTCOME_UNKNOWN])
            else:
                wanted.append(job)
        return wanted

    async def _execute(self, batch: Sequence[Job]) -> list[Job]:
        """Execute a batch to its end: everybody gets an answer, whatever happens, but those that are given back.

        Given back, in their order, are those whose owners' locks others hold. What breaks a batch, or keeps it from its
        rows, is found by executing its commands one by one: the others succeed, it alone gets the error. So does what
        needs a node of Citus that is away: it is not tried again here, or the lane would wait for that node.
        """
        if not batch:
            return []
        outcomes: Sequence[Outcome | None]
        self.is_busy = True
        try:
            outcomes = await self._outcomes(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, its callers get an answer and the lane lives on
            if len(batch) > 1:
                return await self._execute_one_by_one(batch)
            if isinstance(error, LostRaceError):
                _log.warning("races_lost", **_known_as(batch[0]), last=str(error))
                refusal = await self._unless_stored_otherwise(CONFLICT, batch[0], was_held=error.timed_out)
                if error.timed_out:
                    self._locked[batch[0].owner_id] = refusal
                outcomes = [_unless_unknown(refusal, batch[0])]
            elif isinstance(error, OtherNodeAwayError):
                refusal = await self._unless_stored_otherwise(DATABASE_UNAVAILABLE, batch[0])
                outcomes = [_unless_unknown(refusal, batch[0])]
            else:
                _log.error("command_failed", **_known_as(batch[0]), exc_info=error)
                await self._store.close()
                outcomes = [_unless_unknown(_INTERNAL, batch[0])]
        finally:
            self.is_busy = False
            self._tried_at = time.monotonic()
        return self._answer(batch, outcomes)

    async def _execute_one_by_one(self, batch: Sequence[Job]) -> list[Job]:
        """Execute commands alone; those of an owner after one of its that is given back are given back too.

        Rows that somebody else holds are waited for once an owner, and for a few owners: then it is more than theirs,
        and whoever is left is told to come again.
        """
        held: dict[OwnerId, list[Job]] = {}
        self._locked = {}
        for job in batch:
            if job.owner_id in held:
                held[job.owner_id].append(job)
            elif job.owner_id in self._locked or len(self._locked) >= _LOCKED_OWNERS_MAX:
                refusal = OUTCOME_UNKNOWN
                if refusal not in self._locked.values():
                    refusal = await self._unless_stored_otherwise(CONFLICT, job, was_held=True)
                    self._locked[job.owner_id] = refusal  # a look that waited in vain is the batch's last
                self._answer([job], [_unless_unknown(refusal, job)])
            elif await self._execute(self._wanted([job])):
                held[job.owner_id] = [job]
        return [job for jobs in held.values() for job in jobs]

    async def _unless_stored_otherwise(self, refusal: Refusal, job: Job, *, was_held: bool = False) -> Refusal:
        """Give a refusal that says that nothing moved, unless an earlier try of the same is stored, or may be yet."""
        try:
            unsure = await self._store.refusals_may_be_wrong([key_of(job.command)], was_held=was_held)
        except StoredMeanwhileError:
            return OUTCOME_UNKNOWN
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody can tell then, and the lane lives on
            _log.warning("refusal_not_sure", **_known_as(job), cause=str(error))
            return OUTCOME_UNKNOWN
        return OUTCOME_UNKNOWN if unsure else refusal

    async def _outcomes(self, batch: Sequence[Job]) -> Sequence[Outcome | None]:
        """Try the batch until it is stored, or the database stays away. None: others hold the owner's lock.

        Raises:
            LostRaceError: Others kept changing or holding its rows.
        """
        started = time.monotonic()
        times = BatchTimes(started, len(batch))
        if self.trying_since is None or started - self._tried_at > _TRIES_BELONG_TOGETHER_S:
            self.trying_since = started
        was_down = self._down
        unknown = any(job.unanswered for job in batch)
        attempts = outages = 0
        while True:
            try:
                outcomes = await self._attempt(batch, times)
            except LostRaceError as lost:
                attempts += self._note_lost(lost)
                if attempts >= self._settings.attempts_max:
                    raise
                await self._back_off(attempts)
            except (DatabaseUnavailableError, OutcomeUnknownError) as failure:
                unknown = unknown or isinstance(failure, OutcomeUnknownError)
                outages += 1
                if not self._down:
                    _log.warning("database_unavailable", operations=len(batch), cause=str(failure))
                self._down = True
                waited_ms = (time.monotonic() - started) * 1000
                if waited_ms >= self._settings.outage_wait_ms or (was_down and not unknown):
                    # what is told may be in an earlier commit that has not ended: then nobody knows either
                    uncertain = unknown or isinstance(failure, CommitUnderWayError)
                    self._note_times(batch, times)
                    away = _CLOCK_AHEAD if isinstance(failure, ClockAheadError) else DATABASE_UNAVAILABLE
                    return [OUTCOME_UNKNOWN if uncertain else away] * len(batch)
                await self._back_off(attempts + outages + 2)
            else:
                if self._down:
                    _log.info("database_back")
                self._down = False
                self.stored_at, self.trying_since = times.stored_at or started, None
                self._metrics.batch_stored(times)
                self._note_times(batch, times)
                return outcomes

    def _note_lost(self, race: LostRaceError) -> int:
        """Note that a try was lost; gives what it counts for. Where somebody holds its rows, other lanes go on."""
        self._metrics.retries.inc()
        if not race.timed_out:
            return 1
        self._backlog.is_held_up(self._taken)
        return _ATTEMPTS_OF_A_TIMEOUT

    def _note_times(self, batch: Sequence[Job], times: BatchTimes) -> None:
        """Tell those who asked, and the tracer if some of it is traced, when the batch reached which part."""
        tickets = [job.ticket for job in batch]
        for ticket in tickets:
            ticket.times = times
        if self._tracer is not None:
            spans = [ticket.span for ticket in dict.fromkeys(tickets) if ticket.span is not None]
            if spans:
                self._tracer.batch(times, spans)

    async def _attempt(self, batch: Sequence[Job], times: BatchTimes) -> Sequence[Outcome | None]:
        """Run collect, load, decide, store once."""
        times.begin()
        receipts = [job.ticket.receipt for job in batch if job.ticket.receipt is not None]
        needs = needs_of([job.command for job in batch], [receipt.key for receipt in receipts])
        loaded = await self._load(needs, batch)
        times.loaded_at = time.monotonic()
        stored = await self._stored_before(batch)
        await self._backlog.pause(batch)
        undecided = [job for job in batch if job not in stored] if stored else batch
        book = loaded.book
        moment = Moment(now=loaded.now, tx_ids=self._tx_ids)
        outcomes = decide_batch(book, undecided, moment, loaded.held)
        times.decided_at = time.monotonic()
        refused = [job for job, outcome in zip(undecided, outcomes, strict=True) if isinstance(outcome, Refusal)]
        if refused and await self._store.refusals_may_be_wrong(_unseen(book, refused)):
            outcomes = [OUTCOME_UNKNOWN if isinstance(outcome, Refusal) else outcome for outcome in outcomes]
        if book.changes or book.inbox.received:
            await self._backlog.pause(batch)
            try:
                await self._store.store(loaded)
            except OutcomeUnknownError:
                _note_unanswered(undecided, outcomes, mark_of(loaded))
                raise
        else:
            await self._store.confirm(loaded)
        times.stored_at = time.monotonic()
        if stored:
            decided = iter(outcomes)
            return [stored[job] if job in stored else next(decided) for job in batch]
        return outcomes

    async def _stored_before(self, batch: Sequence[Job]) -> dict[Job, Outcome]:
        """Give what an earlier try decided and has stored, though its answer was lost.

        To decide it once more would tell its callers of a replay, and nobody of the first time (rule 1).
        """
        unanswered = [(mark, job, outcome) for job in batch for mark, outcome in job.unanswered]
        if not unanswered:
            return {}
        stored = await self._store.stored({mark for mark, _, _ in unanswered})
        return {job: outcome for mark, job, outcome in unanswered if mark in stored}

    async def _load(self, needs: Needs, batch: Sequence[Job]) -> Loaded:  # noqa: ARG002 - a patient lane asks whose it is
        return await self._store.load(needs, Locking.TRY)

    async def _back_off(self, attempt: int) -> None:
        """Free the owners and wait, with jitter, so that two who lost to each other do not meet again."""
        await self._store.release()
        ceiling_ms = self._settings.backoff_ms * min(2 ** (attempt - 1), 100)
        await asyncio.sleep(random.uniform(0, ceiling_ms) / 1000)  # noqa: S311 - jitter is no secret

    def _answer(self, batch: Sequence[Job], outcomes: Sequence[Outcome | None]) -> list[Job]:
        """Answer those that have an outcome; gives the others."""
        answered, held = [], []
        for job, outcome in zip(batch, outcomes, strict=True):
            if outcome is None:
                held.append(job)
            else:
                job.ticket.answer(job.index, outcome)
                self._metrics.answered(job.command, outcome)
                answered.append(job)
        self._on_answered(answered)
        return held


def _is_written_on_all_nodes(job: Job) -> bool:
    return job.ticket.receipt is not None or type(job.command) in WRITTEN_FOR_ALL_CELLS


def _unseen(book: Book, refused: Sequence[Job]) -> list[Key]:
    keys = (unseen_key(book, job.command) for job in refused)
    return [key for key in keys if key is not None]


def _known_as(job: Job) -> dict[str, str]:
    return known_as(job.ticket.request_id, job.ticket.traceparent)


def _unless_unknown(refusal: Refusal, job: Job) -> Refusal:
    """Give a refusal that says that nothing moved, unless an earlier try of the job may have been stored."""
    return OUTCOME_UNKNOWN if job.unanswered else refusal


def _note_unanswered(batch: Sequence[Job], outcomes: Sequence[Outcome | None], mark: Mark | None) -> None:
    """Note what was decided, should it turn out to be stored; without a mark there was nothing to decide otherwise."""
    if mark is None:
        return
    for job, outcome in zip(batch, outcomes, strict=True):
        if outcome is not None:
            job.unanswered += ((mark, outcome),)
