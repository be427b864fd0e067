"""What a look of the retries does with events that cannot be taken."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from wallet_grpc.chores import ChoreMetrics, PostponedError
from wallet_grpc.messaging.inbox import TryAgainError
from wallet_grpc.messaging.retries import Retries
from wallet_grpc.store.connection.pool import DatabaseUnavailableError


@pytest.mark.parametrize(
    ("broken", "error", "raised"),
    [
        ({1}, ValueError, None),
        ({1, 10}, TryAgainError, None),
        ({1, 10, 20}, ValueError, PostponedError),
        ({1, 10, 20}, TryAgainError, DatabaseUnavailableError),
    ],
)
async def test_events_that_cannot_be_taken_keep_no_early_ones(
    monkeypatch: pytest.MonkeyPatch, broken: set[int], error: type[Exception], raised: type[Exception] | None
) -> None:
    """Due or early, everything is tried; the look has failed only where nothing went."""
    tried: list[int] = []

    async def due(*_: Any) -> list[int]:
        return [1]

    async def early(after: int) -> Any:
        page = after + 1
        return SimpleNamespace(fulfilled=[10 * page], upto=page if page == 1 else None)

    async def receipts(inbox_ids: Any) -> list[Any]:
        return [SimpleNamespace(key=UUID(int=number), source="psp", event_id=str(number)) for number in inbox_ids]

    async def retried(receipt: Any) -> None:
        tried.append(int(receipt.event_id))
        if int(receipt.event_id) in broken:
            raise error

    store: Any = SimpleNamespace(due=due, early=early, receipts=receipts)
    inbox: Any = None
    worker = Retries(inbox, store, ChoreMetrics(CollectorRegistry()), poll_ms=0)
    monkeypatch.setattr(worker, "_retried", retried)
    with nullcontext() if raised is None else pytest.raises(raised):
        await worker._look()
    assert tried == [1, 10, 20]
