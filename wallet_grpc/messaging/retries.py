"""Retries: events of the inbox that could not be applied at first, taken again.

Early events are taken as soon as the withdrawal that they wait for is there, parked ones as well. What waits is also
tried after a growing delay, whatever it waits for, until it was tried too often. One consumer does this for all: who
holds the turn (`InboxStore.retrying`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.store.inbox import InboxStore
from wallet_grpc.store.pool import DatabaseUnavailableError

from .inbox import Inbox, TryAgainError
from .payment_events import stored_payment_event

_log = structlog.get_logger(__name__)

_AT_ONCE = 100
_TURN_EVERY_S = 1.0


class Retries:
    """Takes again what waits; `run` is its task."""

    def __init__(self, inbox: Inbox, store: InboxStore, *, poll_ms: int) -> None:
        self._inbox = inbox
        self._store = store
        self._poll_s = poll_ms / 1000

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                async with self._store.retrying() as turn:
                    while turn is not None:
                        await turn.go_on()
                        await self._look()
                        await asyncio.sleep(self._poll_s)
            except (DatabaseUnavailableError, TryAgainError) as error:
                _log.debug("retries_wait", cause=str(error))
            await asyncio.sleep(_TURN_EVERY_S)

    async def _look(self) -> None:
        """Take what is due and what has been fulfilled."""
        await self._take(await self._store.due(_AT_ONCE))
        after: int | None = 0
        while after is not None:
            early = await self._store.early(after)
            for start in range(0, len(early.fulfilled), _AT_ONCE):
                await self._take(early.fulfilled[start : start + _AT_ONCE])
            after = early.upto

    async def _take(self, inbox_ids: Sequence[int]) -> None:
        """Take events side by side; one that breaks something of ours does not keep the others."""
        if not inbox_ids:
            return
        taken = []
        for receipt in await self._store.receipts(inbox_ids):
            try:
                event = stored_payment_event(receipt)
            except MalformedError as error:  # it was understood when it came; an older wallet may have known more
                _log.error("stored_event_unknown", event_id=receipt.event_id, cause=str(error))
                await self._store.record_failure(receipt, error.refusal, waits_for=None)
            else:
                taken.append(self._inbox.take(event))
        for outcome in await asyncio.gather(*taken, return_exceptions=True):
            if isinstance(outcome, TryAgainError):
                raise outcome
            if isinstance(outcome, BaseException):
                _log.error("retry_failed", exc_info=outcome)
