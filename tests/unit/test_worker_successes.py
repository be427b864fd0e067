"""When a worker last succeeded: when its work was done, or when there was none. Not when it was refused or put off."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from aio_pika.exceptions import DeliveryError
from pamqp.commands import Basic
from prometheus_client import CollectorRegistry

from wallet_grpc import chores
from wallet_grpc.chores import ChoreMetrics, LastSuccess, PostponedError, keep_going
from wallet_grpc.domain.identifiers import TxId
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.sessions.outcomes import Settled
from wallet_grpc.engine.engine import QueueFullError
from wallet_grpc.engine.shares import QUEUE_FULL
from wallet_grpc.messaging import consumer, relay
from wallet_grpc.messaging.metrics import InboxMetrics, OutboxMetrics
from wallet_grpc.messaging.retries import Retries
from wallet_grpc.store.background.days import Round
from wallet_grpc.store.background.reservations import Swept
from wallet_grpc.store.background.wallet_postings import Posted
from wallet_grpc.store.connection.halves import Halved
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.reads.moments import UnsettledMomentError
from wallet_grpc.workers.days import DayWorker
from wallet_grpc.workers.expiry import ExpirySettings, ExpiryWorker
from wallet_grpc.workers.metrics import WorkerMetrics
from wallet_grpc.workers.poster import Poster, PosterSettings
from wallet_grpc.workers.sweeper import Sweeper, SweeperSettings

TURNS = 3
EVENT: Any = SimpleNamespace(event_type="t", traceparent=None)
SETTLED = Settled(payout_minor=0, net_minor=0, open_rounds=0, tx_id=TxId("t"), replayed=False)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores, "pause", lambda _: asyncio.sleep(0))


class _EnoughError(BaseException):
    """There were as many turns as the test wants."""


async def successes(run: Callable[[ChoreMetrics], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a worker until it has taken some turns, which `counted` counts; gives how many it noted as a success."""
    noted = itertools.count()
    monkeypatch.setattr(LastSuccess, "note", lambda _: next(noted))
    with suppress(_EnoughError):
        await run(ChoreMetrics(CollectorRegistry()))
    return next(noted)


def counted(answer: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Have a fake's method end the test when it is asked after so many turns."""
    turns = itertools.count()

    async def asked(*given: Any, **more: Any) -> Any:
        if next(turns) == TURNS:
            raise _EnoughError
        return await answer(*given, **more)

    return asked


async def test_a_turn_that_is_postponed_is_no_success_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def turn() -> float:
        raise PostponedError("the queue is full", pause_ms=1)

    registry = CollectorRegistry()
    assert await successes(lambda metrics: keep_going("worker", counted(turn), metrics), monkeypatch) == 0
    with suppress(_EnoughError):
        await keep_going("worker", counted(turn), ChoreMetrics(registry))
    assert registry.get_sample_value("wallet_worker_failures_total", {"worker": "worker"}) == 0


async def test_each_outage_is_told_once_also_after_a_turn_that_is_postponed(capsys: pytest.CaptureFixture[str]) -> None:
    """Who says that something else keeps it has reached the database."""
    away, postponed = DatabaseUnavailableError("away"), PostponedError("the queue is full", pause_ms=1)
    causes = iter([away, away, postponed, away, away, _EnoughError()])

    async def turn() -> float:
        raise next(causes)

    with suppress(_EnoughError):
        await keep_going("worker", turn, ChoreMetrics(CollectorRegistry()))
    assert capsys.readouterr().out.count("worker_waits_for_the_database") == 2


def one(*, failed: bool) -> int:
    """Give how many successes are noted: none where all fails, else one a turn."""
    return 0 if failed else TURNS


@pytest.mark.parametrize("how", ["done", "nothing due", "queue full", "refused"])
async def test_expiry(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    session = SimpleNamespace(session_id="s", currency_network_id=1)

    async def expired(*_: Any, **__: Any) -> list[Any]:
        return [] if how == "nothing due" else [SimpleNamespace(settlement=session, place=None)]

    async def execute(ticket: Any, _: Any) -> None:
        if how == "queue full":
            raise QueueFullError(QUEUE_FULL)
        refusal = Refusal(reason=Reason.CONFLICT, message="")
        ticket.outcomes[0] = refusal if how == "refused" else SETTLED

    def run(metrics: ChoreMetrics) -> Awaitable[Any]:
        worker = ExpiryWorker(
            ExpirySettings(poll_ms=1, grace_ms=0, round_sessions_max=10),
            SimpleNamespace(execute=execute),  # type: ignore[arg-type]
            SimpleNamespace(expired=counted(expired)),  # type: ignore[arg-type]
            metrics,
            WorkerMetrics(CollectorRegistry()),
        )
        monkeypatch.setattr(worker._aside, "waiting", frozenset)  # each turn tries it again
        return worker.run()

    assert await successes(run, monkeypatch) == one(failed=how in {"queue full", "refused"})


@pytest.mark.parametrize("how", ["counted", "unsettled", "clock ahead"])
async def test_days(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    async def count() -> Round:
        if how == "unsettled":
            raise UnsettledMomentError
        return Round(clock_ahead=how == "clock ahead")

    def run(metrics: ChoreMetrics) -> Awaitable[Any]:
        store: Any = SimpleNamespace(count=counted(count))
        return DayWorker(1, store, metrics, WorkerMetrics(CollectorRegistry())).run()

    assert await successes(run, monkeypatch) == one(failed=how != "counted")


@pytest.mark.parametrize(
    ("swept", "failed"),
    [
        (Swept(reservations=0, more=False), False),
        (Swept(reservations=1, more=False, wallets=("w",), failed=(("v", ValueError()),)), False),
        (Swept(reservations=0, more=False, failed=(("v", ValueError()),)), True),
    ],
)
async def test_sweeper(monkeypatch: pytest.MonkeyPatch, *, swept: Swept, failed: bool) -> None:
    async def sweep(*_: Any, **__: Any) -> Swept:
        return swept

    def run(metrics: ChoreMetrics) -> Awaitable[Any]:
        store: Any = SimpleNamespace(sweep=counted(sweep))
        settings = SweeperSettings(poll_ms=1, chunk_reservations_max=10)
        return Sweeper(settings, store, metrics, WorkerMetrics(CollectorRegistry())).run()

    assert await successes(run, monkeypatch) == one(failed=failed)


@pytest.mark.parametrize(
    ("posted", "failed"),
    [
        (Posted(), False),
        (Posted(transactions=1, posted=frozenset({"w"}), failed=(("v", ValueError()),)), False),
        (Posted(failed=(("v", ValueError()),)), True),
        (Posted(failed=(("v", ValueError()),), gave_up=True), True),
    ],
)
async def test_poster(monkeypatch: pytest.MonkeyPatch, *, posted: Posted, failed: bool) -> None:
    async def due(_: Any) -> list[Any]:
        return [SimpleNamespace(ledger_id=UUID(int=1))]

    async def post(*_: Any, **__: Any) -> Posted:
        return posted

    async def lag_s() -> float:
        return 0.0

    def run(metrics: ChoreMetrics) -> Awaitable[Any]:
        store: Any = SimpleNamespace(due=counted(due), post=post, lag_s=lag_s)
        settings = PosterSettings(interval_ms=8, rounds_max=1)
        return Poster(settings, store, metrics, WorkerMetrics(CollectorRegistry())).run()

    assert await successes(run, monkeypatch) == one(failed=failed)


@pytest.mark.parametrize("fails", [False, True])
async def test_retries(monkeypatch: pytest.MonkeyPatch, *, fails: bool) -> None:
    @asynccontextmanager
    async def retrying() -> Any:
        yield SimpleNamespace(go_on=go_on)

    async def go_on() -> None: ...

    async def due(*_: Any) -> list[int]:
        return [1]

    async def early(_: int) -> Any:
        return SimpleNamespace(fulfilled=[], upto=None)

    async def receipts(_: Any) -> list[Any]:
        return [SimpleNamespace(key=UUID(int=1), source="psp", event_id="e")]

    async def retried(_: Any) -> None:
        if fails:
            raise ValueError

    def run(metrics: ChoreMetrics) -> Awaitable[Any]:
        store: Any = SimpleNamespace(retrying=retrying, due=counted(due), early=early, receipts=receipts)
        inbox: Any = None
        worker = Retries(inbox, store, metrics, poll_ms=0)
        monkeypatch.setattr(worker, "_retried", retried)
        monkeypatch.setattr(worker._aside, "waiting", frozenset)
        return worker.run()

    assert await successes(run, monkeypatch) == one(failed=fails)


@pytest.mark.parametrize("taken", [True, False])
async def test_relay(monkeypatch: pytest.MonkeyPatch, *, taken: bool) -> None:
    """A broker that refuses all events, as one that is full, leaves it without a success."""
    row = SimpleNamespace(
        owner_id=1, outbox_id=1, event_id="e", event_type="t", created_at=datetime.now(UTC), tell=lambda: EVENT
    )

    async def publish(*_: Any, **__: Any) -> None:
        if not taken:
            raise DeliveryError(None, Basic.Nack())

    async def nothing(*_: Any) -> None: ...

    async def next_rows(*_: Any) -> list[Any]:
        return [row]

    async def remove(_: Any) -> Halved[int]:
        return Halved()

    async def underlay() -> Any:
        return SimpleNamespace(basic_publish=publish)

    async def channel(**_: Any) -> Any:
        return SimpleNamespace(get_underlay_channel=underlay, is_closed=False)

    @asynccontextmanager
    async def connected(*_: Any, **__: Any) -> Any:
        yield SimpleNamespace(channel=channel)

    monkeypatch.setattr(relay, "connected", connected)
    monkeypatch.setattr(relay, "declare_outbound", nothing)
    monkeypatch.setattr(relay, "_REFUSED_PAUSE_S", 0.0)
    monkeypatch.setattr(relay.Relay, "_message", lambda *_: SimpleNamespace(body=b"", properties=None))

    def run(metrics: ChoreMetrics) -> Awaitable[Any]:
        queue: Any = SimpleNamespace(
            cell=0, partitions=(), share=nothing, next=counted(next_rows), remove=remove, close=nothing
        )
        named: Any = SimpleNamespace(broker=None, topology=SimpleNamespace(events_exchange="x"), in_flight_max=1,
                                     round_events_max=1, poll_ms=0)  # fmt: skip
        made = relay.Relay(named, queue, OutboxMetrics(CollectorRegistry()), metrics)
        return made._session(asyncio.Event())

    assert await successes(run, monkeypatch) == one(failed=not taken)


@pytest.mark.parametrize("how", ["nothing comes", "events are settled", "events wait"])
async def test_consumer(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """It receives, and yet no event comes to its end, as where the inbox is away."""
    looked = SimpleNamespace(declaration_result=SimpleNamespace(consumer_count=1))

    @asynccontextmanager
    async def channel() -> Any:
        yield SimpleNamespace(declare_queue=declare_queue)

    async def declare_queue(*_: Any, **__: Any) -> Any:
        made._ended += how == "events are settled"
        return looked

    async def never() -> None:
        await asyncio.Event().wait()

    async def claim(*_: Any) -> None: ...

    monkeypatch.setattr(consumer, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(consumer, "claim_queue", counted(claim))
    connection: Any = SimpleNamespace(is_closed=False, closed=never, channel=channel)
    letters: Any = SimpleNamespace(failed=asyncio.Event(), channel=connection)
    named: Any = SimpleNamespace(topology=SimpleNamespace(payments_queue="q"))
    installation: Any = None
    made: consumer.PaymentsConsumer

    def run(metrics: ChoreMetrics) -> Awaitable[Any]:
        nonlocal made
        registry = InboxMetrics(CollectorRegistry())
        made = consumer.PaymentsConsumer(named, installation, registry, metrics, installation=installation)
        if how != "nothing comes":
            made._held.add(asyncio.ensure_future(never()))
        session: Any = SimpleNamespace(letters=letters)
        return made._until_stopped(asyncio.Event(), session, connection, connection, installation)

    assert await successes(run, monkeypatch) == one(failed=how == "events wait")
    for task in made._held:
        task.cancel()
