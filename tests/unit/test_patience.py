"""The tests' clients send again what is refused because the database does not answer in time, and nothing else."""

import asyncio
from typing import Any

import grpc
import pytest
from support import waiting
from support.refusals import check_refusal
from support.requests import Player
from support.scripted import serving
from support.wallet import Wallet

from wallet.v1 import wallet_pb2, wallet_pb2_grpc
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.rpc.status import abort

AWAY, UNSURE, FULL = "DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN", "QUEUE_FULL"
TAKEN = wallet_pb2.OperationResult(status=wallet_pb2.OPERATION_STATUS_APPLIED)
REPLAYED = wallet_pb2.OperationResult(status=wallet_pb2.OPERATION_STATUS_APPLIED, replayed=True)


class Away(wallet_pb2_grpc.WalletServiceServicer):
    """Refuses as it is told to, then takes what comes."""

    def __init__(self, *reasons: str, answer: wallet_pb2.OperationResult = TAKEN) -> None:
        self._reasons = list(reasons)
        self._answer = answer
        self.came: list[Any] = []

    async def Bet(self, request: Any, context: Any) -> wallet_pb2.OperationResult:  # noqa: N802 - the proto's name
        await self._come(request, context)
        return self._answer

    async def ExecuteBatch(self, request: Any, context: Any) -> wallet_pb2.ExecuteBatchResponse:  # noqa: N802
        await self._come(request, context)
        return wallet_pb2.ExecuteBatchResponse(outcomes=[wallet_pb2.Outcome(result=TAKEN)])

    async def _come(self, request: Any, context: Any) -> None:
        self.came.append(request)
        if self._reasons:
            await abort(context, Refusal(reason=Reason(self._reasons.pop(0)), message="no"), "")


async def done(server: Away, what: str, *given: Any) -> Any:
    """Do something with a client of the server, in a thread."""
    async with serving(server) as address:
        wallet = Wallet(address, {"games": "sk_test_x"})
        try:
            return await asyncio.to_thread(getattr(wallet.games, what), *given)
        finally:
            wallet.close()


BET = Player().bet("1")


@pytest.mark.parametrize(("what", "given"), [("call", BET), ("first", BET), ("batch", [BET])])
@pytest.mark.parametrize("reason", [AWAY, UNSURE])
async def test_who_expects_an_answer_sends_again(what: str, given: Any, reason: str) -> None:
    server = Away(reason, reason)
    outcome = await done(server, what, given)
    assert outcome in (TAKEN, [TAKEN])
    assert len(server.came) == 3
    assert all(came == server.came[0] for came in server.came)


async def test_who_expects_a_refusal_sends_again_until_it_is_another_one() -> None:
    server = Away(AWAY, UNSURE, FULL)
    check_refusal(await done(server, "refusal", BET, FULL), FULL)
    assert len(server.came) == 3


@pytest.mark.parametrize("reason", [AWAY, UNSURE])
@pytest.mark.parametrize("what", ["attempt", "refused"])
async def test_who_looks_for_an_outage_is_told_at_once(what: str, reason: str) -> None:
    server = Away(reason, reason)
    check_refusal(await done(server, what, BET, *([reason] if what == "refused" else [])), reason)
    assert len(server.came) == 1


async def test_what_nobody_knew_to_be_stored_is_no_replay_to_who_sends_it_first() -> None:
    assert await done(Away(UNSURE, AWAY, answer=REPLAYED), "first", BET) == TAKEN


@pytest.mark.parametrize(("what", "reasons"), [("first", [AWAY]), ("call", [UNSURE])])
async def test_any_other_replay_is_one(what: str, reasons: list[str]) -> None:
    assert await done(Away(*reasons, answer=REPLAYED), what, BET) == REPLAYED


@pytest.mark.parametrize(("what", "given"), [("call", BET), ("batch", [BET])])
async def test_nothing_else_is_sent_again(what: str, given: Any) -> None:
    server = Away(FULL)
    with pytest.raises(grpc.RpcError):
        await done(server, what, given)
    assert len(server.came) == 1


async def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.3)
    server = Away(*[AWAY] * 1000)
    with pytest.raises(grpc.RpcError):
        await done(server, "call", BET)
    assert len(server.came) > 1
