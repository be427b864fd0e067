"""Batches and streams are handled in pieces: between two of them the event loop turns, and others come first."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from prometheus_client import CollectorRegistry

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.identifiers import Source
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.engine.tickets import Ticket
from wallet_grpc.rpc.gate import GatedUnary
from wallet_grpc.rpc.handlers import _unary
from wallet_grpc.rpc.metrics import CallMetrics
from wallet_grpc.rpc.operations import BATCH_OPERATIONS_MAX, Execution, Operations
from wallet_grpc.rpc.stream import execute_stream
from wallet_grpc.rpc.watch import CallWatch, Watched
from wallet_grpc.store.reads.keys import Caller, Role

FLOOD = Source("flood")
REFUSED = Refusal(reason=Reason.CONFLICT, message="not here")
PIECE_OPERATIONS_MAX = 25
BET: Any = pb.DESCRIPTOR.services_by_name["WalletService"].methods_by_name["Bet"]


class Engine:
    """An engine that refuses all at once, and counts whose turns were waited for."""

    def __init__(self) -> None:
        self.turns: list[Source | None] = []
        self.arrived: list[Source | None] = []

    def arrives(self, source: Source | None) -> None:
        self.arrived.append(source)

    def floods_others(self, _source: Source | None) -> bool:
        return True

    async def turn(self, source: Source | None) -> None:
        self.turns.append(source)

    async def execute(self, _ticket: Ticket, requests: Any) -> None:
        assert not requests, "nothing here may be asked for by this caller"

    async def execute_streamed(self, ticket: Ticket, _request: Any) -> None:
        ticket.answer(0, REFUSED)


def call() -> Any:
    gate = SimpleNamespace(
        rates=SimpleNamespace(owe=lambda *_: 0.0),
        stopping=False,
        telling=lambda _tell: _Nothing(),
        watch=CallWatch(),
    )
    caller = Caller(key_id="k", source=FLOOD, roles=frozenset(), rate_per_s=None)
    return SimpleNamespace(
        caller=caller,
        request_id="r",
        traceparent=None,
        operator=None,
        remaining_s=None,
        gate=gate,
        watched=Watched(),
        owe=lambda _operations: None,
    )


def _operations(engine: Engine) -> Operations:
    return Operations(
        {"bet": SimpleNamespace(role=Role.GAME)},  # type: ignore[dict-item] - its role alone is looked at
        Execution(
            engine=engine,  # type: ignore[arg-type]
            directories=None,  # type: ignore[arg-type]
            request_timeout_s=10,
            window_operations=1,
            stream_lasts_s=10,
        ),
    )


class _Nothing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


async def test_a_large_batch_lets_the_loop_turn_while_it_is_converted_and_answered() -> None:
    engine = Engine()
    operations = _operations(engine)
    looks: list[int] = []
    handled = 0

    def fill(_outcome: Any, _message: Any, _request_id: str) -> None:
        nonlocal handled
        handled += 1

    async def look() -> None:
        while True:
            looks.append(handled)
            await asyncio.sleep(0)

    beside = asyncio.create_task(look())
    request = pb.ExecuteBatchRequest(operations=[pb.Operation(bet=pb.BetRequest())] * BATCH_OPERATIONS_MAX)
    await operations.batch(request, pb.ExecuteBatchResponse(), fill, call())
    beside.cancel()
    assert handled == BATCH_OPERATIONS_MAX
    pieces = BATCH_OPERATIONS_MAX // PIECE_OPERATIONS_MAX
    assert looks.count(0) >= pieces, "while it is converted"
    assert max(after - before for before, after in itertools.pairwise(looks)) <= PIECE_OPERATIONS_MAX
    assert engine.turns == [FLOOD] * (2 * pieces + 1), "and each piece waits for its source's turn"


async def test_a_call_waits_for_its_sources_turn_before_its_message_is_read() -> None:
    engine = Engine()
    seen: list[object] = []

    class Gate:
        metrics = CallMetrics(CollectorRegistry())
        watch = CallWatch()

        def head_of(self, _context: object) -> None:
            pass

        async def enter(self, *_: object, **__: object) -> Any:
            return call()

        def begin(self, _call: object) -> None:
            seen.append("begun")

    async def read() -> bytes:
        seen.append(list(engine.turns))
        return pb.BetRequest().SerializeToString()

    async def method(*_: object) -> str:
        return "answered"

    servicer = SimpleNamespace(gate=Gate(), operations=_operations(engine))
    context = SimpleNamespace(read=read, invocation_metadata=lambda: ())
    answer = _unary(servicer, GatedUnary(method, ()), pb.BetRequest.FromString, BET)
    assert await answer(None, context) == "answered"
    assert seen == [[FLOOD], "begun"]
    assert engine.arrived == [FLOOD], "others that flood make way for it while its message is read"


async def test_whose_deadline_is_near_waits_for_nobodys_turn() -> None:
    engine = Engine()
    hurried = call()
    hurried.remaining_s = 0.2
    request = pb.ExecuteBatchRequest(operations=[pb.Operation(bet=pb.BetRequest())] * 100)
    await _operations(engine).batch(request, pb.ExecuteBatchResponse(), lambda *_: None, hurried)
    assert engine.turns == []


async def test_each_operation_of_a_stream_waits_for_its_sources_turn_to_be_read_and_to_be_answered() -> None:
    engine = Engine()

    async def asked() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async def convert(_operation: int, _call: Any) -> Any:
        return object()

    answers = execute_stream(
        asked(),
        call(),
        engine=engine,
        convert=convert,
        window_operations=10,
        lasts_s=10,  # type: ignore[arg-type]
    )
    assert [answer async for answer in answers] == [REFUSED] * 3
    assert engine.turns == [FLOOD] * 6
