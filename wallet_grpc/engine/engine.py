"""The engine's door: admission, the owners of withdrawals that are to end, and the cell of each command.

Every cell has a backlog and lanes of its own; admission, shares and turns are the process's. A cell that stands still,
because its tables are locked or its node does not answer, keeps none of the others: once what waits for it is its part
of half of the queue, all of that is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wallet_grpc.domain.cells import ByCell, CellElsewhereError, Cells
from wallet_grpc.domain.commands import Command, Request, owner_of
from wallet_grpc.domain.identifiers import Source, TxIdSequence
from wallet_grpc.domain.players.commands import UnlocatedEnding
from wallet_grpc.domain.players.withdrawals import WITHDRAWAL_NOT_FOUND
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.store.batch.shared_writes import SharedWrites
from wallet_grpc.store.batch.store import BatchStore, StoreSettings
from wallet_grpc.store.connection.pool import ConnectionsBusyError, DatabaseUnavailableError
from wallet_grpc.store.reads.withdrawals import WithdrawalDirectory
from wallet_grpc.tasks import end
from wallet_grpc.tracing import Tracer

from .backlog import Backlog
from .lane import DATABASE_UNAVAILABLE, Lane, LaneSettings
from .metrics import EngineMetrics
from .patient_lane import PatientLane
from .precedence import TURNS_TO_ANSWER, TURNS_TO_COME_IN, Precedence
from .shares import QUEUE_FULL, Shares
from .tickets import Job, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """The engine's bounds."""

    lanes: int
    """Of each cell."""
    queue_operations_max: int
    """How many operations may be admitted and not answered, over all lanes."""
    source_share: float
    """The part of the queue, of the lanes and of their time that one source has at most while others wait."""
    lane: LaneSettings
    store: StoreSettings


SERVED_ELSEWHERE = Refusal(
    reason=Reason.SERVED_ELSEWHERE,
    message="another process serves this owner's cell; nothing was changed, send it again, to one that does",
)


class QueueFullError(Exception):
    """There is no room for all of a request's operations, so none was admitted."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        """QUEUE_FULL, or RATE_LIMITED where others have room."""


class Engine:
    """Executes commands. All its callers share one event loop."""

    def __init__(
        self,
        settings: EngineSettings,
        withdrawals: WithdrawalDirectory,
        metrics: EngineMetrics,
        *,
        cells: Cells | None = None,
        tracer: Tracer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        cells = cells or Cells()
        self._settings = settings
        self._withdrawals = withdrawals
        self._metrics = metrics
        self._shares = Shares(
            operations_max=settings.queue_operations_max, source_share=settings.source_share, clock=clock
        )
        metrics.cells.set(cells.count)
        metrics.watch_queue(lambda: self._shares.admitted, operations_max=settings.queue_operations_max)
        self._room_wanted: list[asyncio.Future[None]] = []
        self._precedence = Precedence(self._shares, on_change=self._look_again, clock=clock)
        self._backlogs = ByCell(
            cells,
            {
                cell: Backlog(
                    batch_operations_max=settings.lane.batch_operations_max,
                    lanes_of_a_source=max(1, int(settings.lanes * settings.source_share)),
                    source_share=settings.source_share,
                    rivalry=self._precedence if settings.source_share < 1 else None,
                    clock=clock,
                )
                for cell in cells.served
            },
        )
        tx_ids = {cell: TxIdSequence(cell) for cell in cells.served}
        shared_writes = SharedWrites()
        self._lanes: list[Lane] = []
        for cell, backlog in self._backlogs.items():
            following = asyncio.Lock()
            lanes = [
                kind(
                    backlog,
                    BatchStore(settings.store, cells, cell, shared_writes=shared_writes, following=following),
                    settings.lane,
                    tx_ids[cell],
                    metrics,
                    self._batch_answered,
                    tracer=tracer,
                )
                for kind in [*[Lane] * settings.lanes, PatientLane]
            ]
            metrics.watch_cell(cell, backlog.__len__, lanes)
            self._lanes += lanes
        self._is_only_cell = cells.count == 1
        self._waiting_of_a_cell_max = max(1, settings.queue_operations_max // (2 * len(cells.served)))
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the lanes; they connect when the first command comes."""
        self._tasks = [
            asyncio.create_task(lane.run(), name=f"lane-{number}") for number, lane in enumerate(self._lanes)
        ]

    async def stop(self) -> None:
        """Finish what was admitted, then stop the lanes. The caller admits no more and bounds the wait."""
        while self._shares.admitted:
            await self._room()
        await end(self._tasks)

    @property
    def failed(self) -> bool:
        """Whether a lane's task has ended, which it never should: the process is no longer sound."""
        return any(task.done() for task in self._tasks)

    def admit(self, source: Source | None, operations: int) -> None:
        """Take room for a request's operations: for all of them or none.

        Raises:
            QueueFullError: There is not enough, or not for this source.
        """
        refusal = self._shares.admit(source, operations)
        if refusal is not None:
            counter = self._metrics.refused_full if refusal.reason is Reason.QUEUE_FULL else self._metrics.refused_share
            counter.inc(operations)
            raise QueueFullError(refusal)

    def arrives(self, source: Source | None) -> None:
        """Note that a call of a source was let in, whose message is still to be read."""
        if self._settings.source_share < 1:
            self._precedence.keep_free(source, TURNS_TO_COME_IN)

    def floods_others(self, source: Source | None) -> bool:
        """Whether a source asks for much while others call, so that it has to wait for its turns."""
        return self._settings.source_share < 1 and self._precedence.floods_others(source)

    async def turn(self, source: Source | None) -> None:
        """Wait until the next piece of what a source asks for may be handled."""
        await self._precedence.turn(source)

    def _dispatch(self, ticket: Ticket, index: int, command: Command | Refusal) -> None:
        if type(command) is Refusal:
            self._refuse(ticket, index, command)
            return
        job = Job(command, owner_of(command), ticket, index)
        try:
            backlog = self._backlogs.of(job.owner_id)
        except CellElsewhereError:
            self._refuse(ticket, index, SERVED_ELSEWHERE)
            return
        if not self._is_only_cell and len(backlog) >= self._waiting_of_a_cell_max and backlog.stands_still:
            for waiting in [*backlog.drain(), job]:
                self._refuse(waiting.ticket, waiting.index, DATABASE_UNAVAILABLE)
        else:
            backlog.put(job)

    def _refuse(self, ticket: Ticket, index: int, refusal: Refusal) -> None:
        ticket.answer(index, refusal)
        self._answered(ticket, 1)

    async def execute(self, ticket: Ticket, requests: Sequence[tuple[int, Request]]) -> None:
        """Execute a ticket's requests in order, each with its place in the ticket, until every outcome stands there.

        Endings of withdrawals wait: they take effect after all that was sent before them (rule 10), since their
        reservation may be among it.

        Raises:
            QueueFullError: Nothing was admitted.
        """
        self.admit(ticket.source, len(requests))
        ticket.asked_at = time.monotonic()
        not_submitted = len(requests)
        try:
            for index, request in requests:
                command: Command | Refusal
                if type(request) is UnlocatedEnding:
                    await ticket.settled()
                    command = await self._located(request)
                else:
                    command = request
                ticket.expect()
                not_submitted -= 1
                self._dispatch(ticket, index, command)
            await ticket.settled()
        finally:
            self._answered(ticket, not_submitted)  # the caller gave up: what no lane has will not be executed
            ticket.abandoned = ticket.pending > 0

    async def execute_streamed(self, ticket: Ticket, request: Request) -> None:
        """Give a stream's ticket, which expects one answer already, to its lane, waiting for room in the engine."""
        admitted = 0
        ticket.asked_at = time.monotonic()
        try:
            while self._shares.admit(ticket.source, 1) is not None:
                await self._room()
            admitted = 1
            command = await self._located(request) if type(request) is UnlocatedEnding else request
        except BaseException:  # the stream was cut off before a lane had it
            ticket.answer(0, DATABASE_UNAVAILABLE)
            self._answered(ticket, admitted)
            raise
        self._dispatch(ticket, 0, command)

    async def _located(self, ending: UnlocatedEnding) -> Command | Refusal:
        try:
            found = await self._withdrawals.owner_of(ending.withdrawal_id)
        except ConnectionsBusyError:
            return QUEUE_FULL
        except DatabaseUnavailableError:
            return DATABASE_UNAVAILABLE
        except CellElsewhereError:
            return SERVED_ELSEWHERE
        if found is None:
            return WITHDRAWAL_NOT_FOUND
        return ending.located(found.player_id, found.currency_network_id)

    def _answered(self, ticket: Ticket, operations: int) -> None:
        if operations:
            self._shares.answered(ticket.source, operations)
            self._make_room()

    def _batch_answered(self, batch: Sequence[Job]) -> None:
        self._shares.batch_answered(batch)
        if self._settings.source_share < 1:
            for source in {job.ticket.source for job in batch}:
                self._precedence.keep_free(source, TURNS_TO_ANSWER)
        self._make_room()

    def _look_again(self) -> None:
        for backlog in self._backlogs:
            backlog.look_again()

    def _make_room(self) -> None:
        self._precedence.look_again()
        waiting, self._room_wanted = self._room_wanted, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def _room(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._room_wanted.append(future)
        await future
