"""Expiry: settles the sessions whose time is over, through the engine, as their games would.

Any number of these may run: a session is settled once, since its settlement is stored only over the version that it was
decided over, and whoever comes second finds it settled. So nobody leases anything, and nothing is left by a kill.

From `expires_at` a session takes no bets; wins and rollbacks still reach it for the grace that it is given here. A
session that cannot be settled is set aside, and each pass walks on past it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from wallet_grpc.chores import ChoreMetrics, PostponedError, SetAside, keep_going
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.sessions.commands import SettleSession
from wallet_grpc.domain.sessions.outcomes import Settled
from wallet_grpc.domain.sessions.state import SessionId
from wallet_grpc.engine.engine import Engine, QueueFullError
from wallet_grpc.engine.tickets import Ticket
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.reads.sessions import FIRST_EXPIRY, SessionReader

from .metrics import WorkerMetrics

_WORKER = "expiry"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpirySettings:
    """The worker's bounds."""

    poll_ms: int
    """How often it looks."""
    grace_ms: int
    """How long an expired session waits for the wins and rollbacks that are under way."""
    round_sessions_max: int
    """How many sessions it settles at a time."""


class ExpiryWorker:
    """Settles expired sessions; `run` is its task."""

    def __init__(
        self,
        settings: ExpirySettings,
        engine: Engine,
        reader: SessionReader,
        chores: ChoreMetrics,
        counted: WorkerMetrics,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._reader = reader
        self._chores = chores
        self._aside: SetAside[SessionId] = SetAside(_WORKER, "session_id", chores)
        self._settled = counted.settled

    async def run(self) -> NoReturn:
        """Work until cancelled."""
        await keep_going(_WORKER, self._turn, self._chores)

    async def settle_expired(self) -> None:
        """Settle what is due now, a round at a time, and walk on past what cannot be settled.

        Raises:
            DatabaseUnavailableError: It does not answer.
            PostponedError: The engine has no room for them now, or none of them could be settled.
        """
        settings = self._settings
        tried = settled = 0
        place = FIRST_EXPIRY
        while True:
            page = await self._reader.expired(place, grace_ms=settings.grace_ms, limit=settings.round_sessions_max)
            left_out = self._aside.waiting()
            due = [it.settlement for it in page if it.settlement.session_id not in left_out]
            tried += len(due)
            settled += await self._settle(due)
            if len(page) < settings.round_sessions_max:
                break
            place = page[-1].place
        if tried and not settled:
            raise PostponedError(f"none of {tried} sessions could be settled", pause_ms=settings.poll_ms)

    async def _turn(self) -> float:
        await self.settle_expired()
        return self._settings.poll_ms

    async def _settle(self, commands: Sequence[SettleSession]) -> int:
        """Settle sessions, and set aside which cannot be; gives how many are settled."""
        if not commands:
            return 0
        ticket = Ticket([None] * len(commands), request_id="expiry")
        try:
            await self._engine.execute(ticket, list(enumerate(commands)))
        except QueueFullError as error:
            raise PostponedError("the queue is full", pause_ms=self._settings.poll_ms) from error
        is_out, settled = False, 0
        for command, outcome in zip(commands, ticket.outcomes, strict=True):
            if isinstance(outcome, Settled):
                settled += 1
                self._settled.inc(not outcome.replayed)
                self._aside.done(command.session_id)
            elif isinstance(outcome, Refusal) and outcome.reason is Reason.DATABASE_UNAVAILABLE:
                is_out = True
            elif isinstance(outcome, Refusal):
                self._aside.put(command.session_id, outcome.reason)
        if is_out:
            raise DatabaseUnavailableError("the engine has no database")
        return settled
