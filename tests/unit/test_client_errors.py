"""What a client's error tells: whether to send the request again, and under which id."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import grpc
import pytest
from support.scripted import client_of, serving

from wallet.v1 import session_pb2 as pb
from wallet.v1 import session_pb2_grpc, wallet_pb2, wallet_pb2_grpc
from wallet_client import BlockingWalletClient, WalletClient, WalletError
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.rpc.status import abort, status_of

pytestmark = pytest.mark.timeout(60)

WHOSE = {"player_id": 42, "currency_network_id": 1}


def bet(name: str) -> pb.SessionBetRequest:
    return pb.SessionBetRequest(session_token="t", transaction_id=name, amount_minor="1", round_id="r")


class Failing(wallet_pb2_grpc.WalletServiceServicer):
    """Fails with statuses of gRPC's own, then takes what comes."""

    def __init__(self, *statuses: grpc.StatusCode) -> None:
        self._statuses = list(statuses)
        self.came: list[str] = []

    async def Bet(self, request: Any, context: Any) -> wallet_pb2.OperationResult:  # noqa: N802 - the proto's name
        self.came.append(request.transaction_id)
        if self._statuses:
            await context.abort(self._statuses.pop(0), "failed")
        return wallet_pb2.OperationResult(
            transaction_id=request.transaction_id, balance_after_minor="1", current_balance_minor="1"
        )


def placed(client: WalletClient) -> Any:
    return client.bet(**WHOSE, amount_minor=1, game_code="g", round_id="1")


@pytest.mark.parametrize("status", ["CANCELLED", "ABORTED", "DATA_LOSS", "INTERNAL", "UNKNOWN", "UNAVAILABLE"])
async def test_what_may_have_arrived_is_sent_again_under_its_id(status: str) -> None:
    server = Failing(grpc.StatusCode[status])
    async with client_of(server) as client:
        played = await placed(client)
    assert server.came == [played.transaction_id] * 2


@pytest.mark.parametrize("status", ["RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "UNAUTHENTICATED", "INVALID_ARGUMENT"])
async def test_what_grpc_would_refuse_again_is_not_sent_again(status: str) -> None:
    server = Failing(*[grpc.StatusCode[status]] * 9)
    async with client_of(server) as client:
        with pytest.raises(WalletError) as refused:
            await placed(client)
    assert (refused.value.reason, refused.value.retry, len(server.came)) == (status, "NEVER", 1)


async def test_a_bet_without_an_answer_can_be_rolled_back_by_its_id() -> None:
    server = Failing(*[grpc.StatusCode.UNAVAILABLE] * 100)
    async with client_of(server, deadline_s=0.5) as client:
        with pytest.raises(WalletError) as lost:
            await placed(client)
    assert lost.value.retry == "SAME_REQUEST"
    assert lost.value.transaction_id
    assert set(server.came) == {lost.value.transaction_id}


class Refusing(session_pb2_grpc.LedgerSessionServiceServicer):
    """Refuses everything, and tells after how long it may come again."""

    def __init__(self) -> None:
        self.came: list[Any] = []
        self.has_come = threading.Event()
        self._refusal = Refusal(reason=Reason.QUEUE_FULL, message="full", retry_after_ms=30_000)

    async def OpenSession(self, request: Any, context: Any) -> pb.Session:  # noqa: N802 - the proto's name
        return await self._refuse(request, context)

    async def Bet(self, request: Any, context: Any) -> pb.SessionResult:  # noqa: N802 - the proto's name
        return await self._refuse(request, context)

    async def Rollback(self, request: Any, context: Any) -> pb.SessionResult:  # noqa: N802 - the proto's name
        return await self._refuse(request, context)

    async def ExecuteBatch(self, request: Any, _: Any) -> pb.ExecuteSessionBatchResponse:  # noqa: N802
        outcomes = [pb.SessionOutcome(error=status_of(self._refusal, "")) for _ in request.operations]
        return pb.ExecuteSessionBatchResponse(outcomes=outcomes[:2])  # what lacks is sent again

    async def _refuse(self, request: Any, context: Any) -> Any:
        self.came.append(request)
        self.has_come.set()
        await abort(context, self._refusal, "")


async def test_every_error_tells_the_id_that_was_sent() -> None:
    server = Refusing()
    async with client_of(server) as client:

        async def id_told(asked: Any) -> str | None:
            with pytest.raises(WalletError) as refused:
                await asked
            return refused.value.transaction_id

        session = client.session("t")
        opening = {"game_code": "g", "lock_amount_minor": 1}
        for asked in (session.bet(amount_minor=1, round_id="1"), client.open_session(**WHOSE, **opening)):
            assert await id_told(asked) == server.came[-1].transaction_id != ""
        assert await id_told(session.bet(amount_minor=1, round_id="1", transaction_id="mine")) == "mine"
        assert await id_told(session.rollback(of="r1")) is None
        answers = await client.batch([bet("1"), pb.SettleSessionRequest(session_token="t"), bet("3")])
        told = [(answer.reason, answer.transaction_id) for answer in answers if isinstance(answer, WalletError)]
    assert told == [("QUEUE_FULL", "1"), ("QUEUE_FULL", None), ("QUEUE_FULL", "3")]


class Silent(session_pb2_grpc.LedgerSessionServiceServicer):
    """Answers nothing."""

    def __init__(self) -> None:
        self.came: set[str] = set()
        self.has_come = asyncio.Event()

    async def ExecuteBatch(self, request: Any, _context: Any) -> Any:  # noqa: N802 - the proto's name
        self.came.add(request.operations[0].bet.transaction_id)
        await self._stay_silent()

    async def Bet(self, _request: Any, _context: Any) -> Any:  # noqa: N802 - the proto's name
        await self._stay_silent()

    async def _stay_silent(self) -> None:
        self.has_come.set()
        await asyncio.Event().wait()


async def test_a_batch_has_one_deadline_however_many_calls_it_takes() -> None:
    server = Silent()
    async with client_of(server, deadline_s=1) as client:
        answers = await client.batch([bet(f"{place}") for place in range(2_500)])
    assert server.came == {"0"}
    assert {(answer.reason, answer.retry) for answer in answers} == {("DEADLINE_EXCEEDED", "SAME_REQUEST")}  # type: ignore[union-attr]
    assert [answer.transaction_id for answer in answers] == [f"{place}" for place in range(2_500)]  # type: ignore[union-attr]


async def test_a_client_that_is_closed_ends_what_is_under_way_with_an_error() -> None:
    server = Silent()
    async with client_of(server) as client:
        playing = asyncio.create_task(client.play(bet("mine")))
        await server.has_come.wait()
        await client.close()
        with pytest.raises(WalletError) as given_up:
            await playing
        assert (given_up.value.retry, given_up.value.transaction_id) == ("SAME_REQUEST", "mine")
        with pytest.raises(WalletError, match="closed"):
            await client.play(bet("another"))


async def test_without_asyncio_nobody_waits_for_a_client_that_another_thread_closed() -> None:
    server = Refusing()
    told: list[WalletError] = []

    def play(client: BlockingWalletClient) -> None:
        try:
            client.play(bet("mine"))
        except WalletError as error:
            told.append(error)

    def closed_meanwhile(address: str) -> None:
        client = BlockingWalletClient(address, key="sk_test_x", deadline_s=120)
        playing = threading.Thread(target=play, args=(client,), daemon=True)
        playing.start()
        server.has_come.wait(30)
        client.close()
        playing.join(20)
        with pytest.raises(WalletError, match="closed"):
            client.play(bet("another"))

    async with serving(server) as address:
        await asyncio.to_thread(closed_meanwhile, address)
    assert [error.retry for error in told] == ["SAME_REQUEST"]
