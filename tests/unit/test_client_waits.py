"""The client waits as long as the wallet asks. The server is one that asks for it: a real one is not full on demand."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from support.scripted import client_of

from wallet.v1 import session_pb2 as pb
from wallet.v1 import session_pb2_grpc, wallet_pb2
from wallet_client import WalletClient, WalletError, lines
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.rpc.status import abort, status_of

ASKED_S = 0.4
"""Much longer than the client's own first wait."""
BET = pb.SessionBetRequest(session_token="t", transaction_id="b", amount_minor="1", round_id="r")


def full(retry_after_s: float) -> Refusal:
    return Refusal(reason=Reason.QUEUE_FULL, message="full", retry_after_ms=round(retry_after_s * 1000))


class FullAtFirst(session_pb2_grpc.LedgerSessionServiceServicer):
    """Refuses once for each time that it is given, saying how long to wait; then takes what comes."""

    def __init__(self, *asked_s: float) -> None:
        self._asked_s = list(asked_s)
        self.came_at: list[float] = []

    def _refusal(self) -> Refusal | None:
        self.came_at.append(time.monotonic())
        return full(self._asked_s.pop(0)) if self._asked_s else None

    async def Execute(  # noqa: N802 - the proto's name
        self, operations: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[pb.SessionOutcome]:
        refusal = self._refusal()
        if refusal is not None:
            await abort(context, refusal, "")
        async for operation in operations:
            yield pb.SessionOutcome(result=pb.SessionResult(transaction_id=operation.bet.transaction_id))

    async def ExecuteBatch(  # noqa: N802 - the proto's name
        self, request: Any, _context: Any
    ) -> pb.ExecuteSessionBatchResponse:
        refusal = self._refusal()
        done = pb.SessionOutcome(result=pb.SessionResult(transaction_id="b"))
        outcomes = [done if refusal is None else pb.SessionOutcome(error=status_of(refusal, ""))]
        return pb.ExecuteSessionBatchResponse(outcomes=outcomes * len(request.operations))


def between(times: list[float]) -> Iterator[float]:
    return (after - before for before, after in itertools.pairwise(times))


async def test_a_stream_that_was_refused_is_opened_again_when_the_wallet_said() -> None:
    server = FullAtFirst(ASKED_S, ASKED_S)
    async with client_of(server) as client:
        answers = [answer async for _, answer in client.stream([BET])]
    assert len(answers) == 1
    assert len(server.came_at) == 3
    assert all(waited >= ASKED_S for waited in between(server.came_at))


async def test_what_was_refused_in_a_batch_is_sent_again_when_the_wallet_said() -> None:
    server = FullAtFirst(ASKED_S, ASKED_S)
    async with client_of(server) as client:
        (answer,) = await client.batch([BET])
    assert not isinstance(answer, WalletError)
    assert len(server.came_at) == 3
    assert all(waited >= ASKED_S for waited in between(server.came_at))


class SilentAtFirst(session_pb2_grpc.LedgerSessionServiceServicer):
    """Never answers what comes over its first connection, as one does whose packets are swallowed."""

    def __init__(self) -> None:
        self.came_from: list[str] = []

    async def Bet(self, request: Any, context: Any) -> pb.SessionResult:  # noqa: N802 - the proto's name
        await self._meet(context)
        return pb.SessionResult(
            transaction_id=request.transaction_id, balance_after_minor="1", current_balance_minor="1"
        )

    async def Execute(  # noqa: N802 - the proto's name
        self, operations: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[pb.SessionOutcome]:
        async for operation in operations:
            await self._meet(context)
            yield pb.SessionOutcome(result=pb.SessionResult(transaction_id=operation.bet.transaction_id))

    async def ExecuteBatch(  # noqa: N802 - the proto's name
        self, _request: Any, context: Any
    ) -> pb.ExecuteSessionBatchResponse:
        await self._meet(context)
        return pb.ExecuteSessionBatchResponse(outcomes=[pb.SessionOutcome(result=pb.SessionResult(transaction_id="b"))])

    async def _meet(self, context: Any) -> None:
        self.came_from.append(context.peer())
        if context.peer() == self.came_from[0]:
            await asyncio.Event().wait()


async def test_what_a_connection_swallowed_goes_out_again_over_another_one() -> None:
    server = SilentAtFirst()
    async with client_of(server, deadline_s=10) as client:
        played = await client.play(BET)
    assert played.transaction_id == "b"
    assert len(set(server.came_from)) == 2


async def test_a_stream_that_falls_silent_is_opened_again_over_another_connection() -> None:
    server = SilentAtFirst()
    async with client_of(server, deadline_s=10) as client:
        answers = [answer async for _, answer in client.stream([BET, BET])]
    assert len(answers) == 2
    assert len(set(server.came_from)) == 2


async def test_what_is_still_under_way_when_a_doubted_connection_ends_goes_out_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "_ENDS_WITHIN_S", 0.1)
    server = SilentAtFirst()
    async with client_of(server, deadline_s=20) as client:  # so a batch waits for 10 s, a call for 2
        played, (answer,) = await asyncio.gather(client.play(BET), client.batch([BET]))
    assert played.transaction_id == "b"
    assert not isinstance(answer, WalletError)


async def test_nobody_waits_for_what_comes_after_the_deadline() -> None:
    server = FullAtFirst(*[30.0] * 100)
    async with client_of(server, deadline_s=5) as client:
        started = time.monotonic()
        (answer,) = await client.batch([BET])
        assert isinstance(answer, WalletError)
        assert answer.retry_after_s == 30
        with pytest.raises(WalletError) as refused:
            _ = [answer async for _, answer in client.stream([BET])]
        assert refused.value.reason == "QUEUE_FULL"
    assert len(server.came_at) == 2
    assert time.monotonic() - started < 5


async def test_opening_a_session_has_one_deadline_though_it_asks_for_currencies_first() -> None:
    """Both are sent with what is left of it."""
    deadlines: list[float | None] = []

    class Client(WalletClient):
        async def currency_networks(self, *, deadline: float | None = None) -> list[wallet_pb2.CurrencyNetwork]:
            deadlines.append(deadline)
            return [wallet_pb2.CurrencyNetwork(currency_network_id=1, currency="USDC", network="ETHEREUM")]

        async def play(self, request: Any, *, deadline: float | None = None) -> Any:
            del request
            deadlines.append(deadline)
            raise WalletError(reason="CONFLICT", message="", metadata={}, retryable=False)

    async with Client("127.0.0.1:1", key="k", deadline_s=0.2) as client:
        with pytest.raises(WalletError):
            await client.ledger.open_session(user_id=1, game_code="g", currency="USDC", lock_amount=1)
    first, second = deadlines
    assert first is not None
    assert first == second
