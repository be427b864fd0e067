"""Retries: events of the inbox that could not be applied at first, taken again.

Early events are taken as soon as the withdrawal that they wait for is there, parked ones as well. What waits is also
tried after a growing delay, whatever it waits for, until it was tried too often; one whose cell does not answer is put
off again, however often. One consumer does this for all: who holds the turn (`InboxStore.retrying`). An event of which
not even that can be recorded is set aside; it keeps none of the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import structlog

from wallet_grpc.chores import ChoreMetrics, PostponedError, SetAside, keep_going
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.receipts import Receipt
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.queues.inbox import InboxStore

from .inbox import EventInbox, TryAgainError
from .payment_events import stored_payment_event

_log = structlog.get_logger(__name__)

_WORKER = "retries"
_AT_ONCE = 100
_TURN_EVERY_MS = 1_000


@dataclass(slots=True)
class _Looked:
    """How many events one look has tried, how many of them failed, and of those the ones of which nothing was told."""

    tried: int = 0
    failed: int = 0
    untold: int = 0


class Retries:
    """Takes again what waits; `run` is its task."""

    def __init__(self, inbox: EventInbox, store: InboxStore, chores: ChoreMetrics, *, poll_ms: int) -> None:
        self._inbox = inbox
        self._store = store
        self._chores = chores
        self._aside: SetAside[Key] = SetAside(_WORKER, "event_key", chores)
        self._success = chores.last_success(_WORKER)
        self._poll_s = poll_ms / 1000

    async def run(self) -> NoReturn:
        """Work until cancelled."""
        await keep_going(_WORKER, self._turn, self._chores, success=self._success)

    async def _turn(self) -> float:
        async with self._store.retrying() as turn:
            while turn is not None:
                await turn.go_on()
                await self._look()
                self._success.note()
                await asyncio.sleep(self._poll_s)
        return _TURN_EVERY_MS

    async def _look(self) -> None:
        """Take what is due and what has been fulfilled. What cannot be taken keeps nothing else; it is told at the end.

        Raises:
            DatabaseUnavailableError: None of them can be taken now.
            PostponedError: Each of them failed, and is set aside.
        """
        looked = _Looked()
        await self._take(await self._store.due(_AT_ONCE, self._aside.waiting()), looked)
        after: int | None = 0
        while after is not None:
            early = await self._store.early(after)
            for start in range(0, len(early.fulfilled), _AT_ONCE):
                await self._take(early.fulfilled[start : start + _AT_ONCE], looked)
            after = early.upto
        if looked.untold and looked.untold == looked.tried:
            raise DatabaseUnavailableError("nothing can be told of any event now")
        if looked.failed and looked.failed == looked.tried:
            raise PostponedError(f"none of {looked.failed} events could be taken", pause_ms=_TURN_EVERY_MS)

    async def _take(self, inbox_ids: Sequence[int], looked: _Looked) -> None:
        """Take events side by side; one that cannot be taken does not keep the others."""
        if not inbox_ids:
            return
        left_out = self._aside.waiting()
        receipts = [receipt for receipt in await self._store.receipts(inbox_ids) if receipt.key not in left_out]
        outcomes = await asyncio.gather(*(self._retried(receipt) for receipt in receipts), return_exceptions=True)
        for receipt, outcome in zip(receipts, outcomes, strict=True):
            if isinstance(outcome, asyncio.CancelledError):
                raise outcome
            looked.tried += 1
            if isinstance(outcome, BaseException):
                looked.failed += 1
                looked.untold += isinstance(outcome, TryAgainError)
                self._aside.put(receipt.key, outcome, source=receipt.source, event_id=receipt.event_id)
            else:
                self._aside.done(receipt.key)

    async def _retried(self, receipt: Receipt) -> None:
        try:
            event = stored_payment_event(receipt)
        except MalformedError as error:  # it was understood when it came; an older wallet may have known more
            _log.error("stored_event_unknown", event_id=receipt.event_id, cause=str(error))
            await self._store.record_failure(receipt, error.refusal, waits_for=None)
        else:
            await self._inbox.take_or_put_off(event)
