"""Expiry: settles the sessions whose time is over, through the engine, as their games would.

Any number of these may run: a session is settled once, since its settlement is stored only over the version that it was
decided over, and whoever comes second finds it settled. So nobody leases anything, and nothing is left by a kill.

From `expires_at` a session takes no bets; wins and rollbacks still reach it for the grace that it is given here.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter

from wallet_grpc.domain.outcomes import Settled
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.engine.engine import Engine, QueueFullError
from wallet_grpc.engine.tickets import Ticket
from wallet_grpc.store.networks import NetworkDirectory
from wallet_grpc.store.pool import DatabaseUnavailableError
from wallet_grpc.store.session_reads import SessionReader

from .pause import pause

_log = structlog.get_logger(__name__)


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
        networks: NetworkDirectory,
        registry: CollectorRegistry,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._reader = reader
        self._networks = networks
        self._settled = Counter(
            "wallet_sessions_expired", "Sessions that were settled because their time was over", registry=registry
        )

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                full = await self.settle_expired() >= self._settings.round_sessions_max
            except (DatabaseUnavailableError, QueueFullError) as error:
                _log.warning("expiry_postponed", cause=str(error))
                full = False
            if not full:
                await pause(self._settings.poll_ms)

    async def settle_expired(self) -> int:
        """Settle what is due now, up to a round; gives how many were settled, here or meanwhile by another worker.

        Raises:
            DatabaseUnavailableError: It does not answer.
            QueueFullError: The engine has no room for them now.
        """
        commands = await self._reader.expired(grace_ms=self._settings.grace_ms, limit=self._settings.round_sessions_max)
        for command in commands:
            await self._networks.find(command.currency_network_id)
        if not commands:
            return 0
        ticket = Ticket([None] * len(commands), request_id="expiry")
        await self._engine.execute(ticket, list(enumerate(commands)))
        settled = 0
        for command, outcome in zip(commands, ticket.outcomes, strict=True):
            if isinstance(outcome, Settled):
                settled += 1
                self._settled.inc(not outcome.replayed)
            elif isinstance(outcome, Refusal):
                _log.warning("expiry_refused", session_id=command.session_id, reason=outcome.reason)
        return settled
