"""What a flood does to the calls of another source, in time that is told instead of measured.

The engine, its lanes and the streams are the real ones. Around them the work has a price: so many microseconds of the
event loop for a call, an operation, a batch; so many of PostgreSQL, which does one thing at a time; and a commit.
Nothing else takes time, so that what is told is the wallet's own doing, the same on every machine. The prices are about
those that were measured.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.engine import engine as engines
from wallet_grpc.engine import lane as lanes
from wallet_grpc.engine.engine import Engine, EngineSettings
from wallet_grpc.engine.lane import LaneSettings
from wallet_grpc.engine.metrics import EngineMetrics
from wallet_grpc.engine.tickets import Ticket
from wallet_grpc.rpc.stream import execute_stream
from wallet_grpc.rpc.watch import CallWatch

QUIET = Source("quiet")
QUIET_INTERVAL_S = 0.0097
"""About 100 calls a second."""
QUIET_CALLS = 100
STREAMS = 4
US = 1e-6
NOW = datetime(2026, 1, 1, tzinfo=UTC)

LOOP_TURN_US = 15
CALL_TURNS_US = (130, 130, 130)
CALL_ANSWER_TURNS_US = (100, 100)
READ_US, CONVERT_US, ANSWER_US = 40, 20, 50
"""Of an operation of a stream."""
COMMIT_US = 300
POSTGRES_SLICE_US = 500
"""After how long another lane's statement has its turn."""


class Clockwork(selectors.SelectSelector):
    """Waits for nothing: where the loop would sleep its time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1_000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everybody waits for ever"
        self.now_s += max(0.0, timeout) + LOOP_TURN_US * US
        return []


class World:
    """A process, its database, and those who call."""

    def __init__(self, clockwork: Clockwork) -> None:
        self._clockwork = clockwork
        self._postgres = asyncio.Lock()

    def now_s(self) -> float:
        return self._clockwork.now_s

    def work(self, us: float) -> None:
        """Use the event loop's processor."""
        self._clockwork.now_s += us * US

    async def postgres(self, us: float) -> None:
        """Use PostgreSQL's."""
        while us > 0:
            async with self._postgres:
                part = min(us, POSTGRES_SLICE_US)
                await asyncio.sleep(part * US)
            us -= part

    def decide(self, _book: object, batch: Sequence[object], *_: object) -> Sequence[object]:
        self.work(20 * len(batch))
        return [SimpleNamespace(replayed=False)] * len(batch)


class Store:
    """What a lane's batch costs: in the place of `BatchStore`; what it is asked to load is how many."""

    holds_locks = False
    may_be_on_citus = False

    def __init__(self, world: World) -> None:
        self._world = world

    async def load(self, operations: int, _locking: object = None) -> Any:
        self._world.work(100 + 10 * operations)
        await self._world.postgres(300 + 20 * operations)
        self._world.work(50 + 10 * operations)
        book = SimpleNamespace(changes=[1])
        return SimpleNamespace(book=book, now=NOW, held=(), operations=operations)

    async def store(self, loaded: Any) -> None:
        self._world.work(80 + 15 * loaded.operations)
        await self._world.postgres(250 + 50 * loaded.operations)
        await asyncio.sleep(COMMIT_US * US)
        self.holds_locks = True

    async def release(self) -> None:
        self.holds_locks = False

    async def close(self) -> None:
        pass


def engine_of(world: World, patch: pytest.MonkeyPatch) -> Engine:
    patch.setattr(engines, "BatchStore", lambda *_, **__: Store(world))
    patch.setattr(engines, "owner_of", lambda command: command)
    patch.setattr(lanes, "needs_of", lambda commands, _receipts: len(commands))
    patch.setattr(lanes, "decide_batch", world.decide)
    bounds = LaneSettings(
        batch_operations_max=200, attempts_max=10, backoff_ms=2, outage_wait_ms=1_000, lock_timeout_ms=1_000
    )
    settings = EngineSettings(lanes=2, queue_operations_max=10_000, source_share=0.5, lane=bounds, store=None)  # type: ignore[arg-type]
    parts: Any = (None, EngineMetrics(CollectorRegistry()))
    return Engine(settings, *parts, clock=world.now_s)


async def flood(world: World, engine: Engine, source: Source, first_owner: int) -> None:
    """Send a stream as fast as it is read."""

    async def operations() -> AsyncIterator[int]:
        owner = first_owner
        while True:
            world.work(READ_US)
            await asyncio.sleep(0)
            owner += 1
            yield owner

    async def convert(owner: int, _call: object) -> Any:
        world.work(CONVERT_US)
        return owner

    gate = SimpleNamespace(
        rates=SimpleNamespace(owe=lambda *_: 0.0),
        stopping=False,
        telling=lambda _: nullcontext(),
        watch=CallWatch(),
    )
    caller = SimpleNamespace(source=source)
    call: Any = SimpleNamespace(caller=caller, request_id="", traceparent=None, operator=None, gate=gate)

    async def check_again() -> Any:
        return call.caller

    call.check_again = check_again
    answers = execute_stream(operations(), call, engine=engine, convert=convert, window_operations=500, lasts_s=1e6)
    async for _ in answers:
        world.work(ANSWER_US)
        await asyncio.sleep(0)


async def call_once(world: World, engine: Engine, owner: int, due_s: float) -> float:
    """Call as a quiet source; gives how long it took, in ms."""
    await asyncio.sleep(due_s - world.now_s())
    engine.arrives(QUIET)
    for us in CALL_TURNS_US:
        world.work(us)
        await asyncio.sleep(0)
    request: Any = owner
    await engine.execute(Ticket([None], source=QUIET), [(0, request)])
    for us in CALL_ANSWER_TURNS_US:
        world.work(us)
        await asyncio.sleep(0)
    return (world.now_s() - due_s) * 1_000


def latencies_ms(patch: pytest.MonkeyPatch, *floods: Source) -> list[float]:
    """Let a quiet source call beside floods; gives how long its calls took, the shortest first."""
    clockwork = Clockwork()

    async def run() -> list[float]:
        world = World(clockwork)
        engine = engine_of(world, patch)
        engine.start()
        streams = [
            asyncio.create_task(flood(world, engine, source, 1_000_000 * (1 + number)))
            for number, source in enumerate(source for source in floods for _ in range(STREAMS))
        ]
        by_chance = random.Random(1)
        begins_s = world.now_s() + 0.3
        calls = [
            call_once(world, engine, -1 - number, begins_s + (number + by_chance.random()) * QUIET_INTERVAL_S)
            for number in range(QUIET_CALLS)
        ]
        took_ms = await asyncio.gather(*calls)
        for stream in streams:
            stream.cancel()
        return sorted(took_ms[10:])  # at the first of them nobody knew yet that there would be more

    loop = asyncio.SelectorEventLoop(clockwork)
    loop.time = lambda: clockwork.now_s  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(run())


@pytest.mark.parametrize("floods", [["flood"], ["flood", "another"]], ids=["one", "two"])
def test_a_flood_hardly_delays_the_calls_of_another_source(floods: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    alone = latencies_ms(monkeypatch)
    beside = latencies_ms(monkeypatch, *map(Source, floods))
    for name, part, ratio_max in (("p50", 0.5, 1.15), ("p90", 0.9, 1.25), ("the slowest", 1.0, 1.1)):
        place = min(int(part * len(alone)), len(alone) - 1)
        told = f"{name}: {beside[place]:.2f} ms, alone {alone[place]:.2f} ms"
        assert beside[place] < ratio_max * alone[place], told
