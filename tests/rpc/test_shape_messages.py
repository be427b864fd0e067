"""Shape of whole messages: how many operations, how many bytes, and bytes that are no message."""

import random
import urllib.request
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from support.database import Installation
from support.refusals import Refusal, check_refusal, refusal_of_call, refusal_of_status
from support.requests import Player, changed
from support.server import WalletServer
from support.wallet import Wallet, expect_error, expect_status

from devstack.servers.ports import free_port
from wallet.v1 import wallet_pb2 as pb

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
UNARY = ["Bet", "Win", "Rollback", "ReserveWithdrawal", "GetBalance", "GetTransaction", "ExecuteBatch"]
BET = "/wallet.v1.WalletService/Bet"
MODE = pytest.mark.parametrize("shared", ["group-commit"], indirect=True)


def padded(request: Any, size: int) -> pb.ExecuteBatchRequest:
    """Return a batch of exactly this many bytes: the request with an overlong round, a fault of shape."""
    batch = pb.ExecuteBatchRequest(operations=[pb.Operation(bet=request)])
    for _ in range(4):  # lengths of lengths change as the text grows
        missing = size - batch.ByteSize()
        batch.operations[0].bet.round_id += "x" * missing if missing > 0 else ""
        if missing < 0:
            batch.operations[0].bet.round_id = batch.operations[0].bet.round_id[:missing]
    assert batch.ByteSize() == size
    return batch


def test_no_operations(wallet: Wallet) -> None:
    refusal = expect_status(lambda: wallet.games.batch([]), grpc.StatusCode.INVALID_ARGUMENT)
    assert refusal.reason in {"MISSING_FIELD", "INVALID_FIELD"}
    assert refusal.metadata["field"] == "operations"
    assert refusal.fields == ("operations",)


@pytest.mark.parametrize("way", ["batch", "stream"])
def test_an_operation_without_content(wallet: Wallet, player: Player, way: str) -> None:
    first, empty, last = getattr(wallet.games, way)([player.bet("10"), pb.Operation(), player.bet("10")])
    assert (first.balance_after_minor, last.balance_after_minor) == ("90", "80")
    check_refusal(empty, "MISSING_FIELD", field="operation")


@pytest.mark.parametrize("way", ["batch", "stream"])
def test_the_longest_stream_of_faults_stays_in_order(wallet: Wallet, player: Player, way: str) -> None:
    sent: list[Message] = []
    for number in range(250):
        sent += [player.bet("0"), player.bet("x"), player.bet("101"), changed(player.bet("1"), player_id=number + 1)]
    outcomes = getattr(wallet.games, way)(sent)
    for index in range(0, 1000, 4):
        applied, not_amount, too_much, poor = outcomes[index : index + 4]
        assert applied.transaction_id == sent[index].transaction_id
        check_refusal(not_amount, "INVALID_AMOUNT", field="amount_minor")
        check_refusal(too_much, "INSUFFICIENT_FUNDS", balance_minor="100")
        check_refusal(poor, "INSUFFICIENT_FUNDS", balance_minor="0")


@MODE
def test_a_message_of_16_mib(wallet: Wallet, player: Player) -> None:
    call, credentials = wallet.games.stub.ExecuteBatch, wallet.games.credentials
    (outcome,) = call(padded(player.bet("1"), MESSAGE_BYTES_MAX), metadata=credentials, timeout=30).outcomes
    assert outcome.WhichOneof("outcome") == "error"

    too_long = padded(player.bet("1"), MESSAGE_BYTES_MAX + 1)
    expect_status(lambda: call(too_long, metadata=credentials, timeout=30), grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert wallet.main(player) == "100"


@MODE
def test_a_batch_that_is_full_of_metadata(wallet: Wallet, player: Player) -> None:
    """All of it is allowed: 850 operations with 32 entries of 64 and 512 characters, together just under the limit."""
    metadata = {f"{number:02}".ljust(64, "k"): "v" * 512 for number in range(32)}
    bets = [player.bet("0", metadata=metadata) for _ in range(850)]
    size = pb.ExecuteBatchRequest(operations=[pb.Operation(bet=bet) for bet in bets]).ByteSize()
    assert MESSAGE_BYTES_MAX * 0.9 < size <= MESSAGE_BYTES_MAX
    outcomes = wallet.games.batch(bets, timeout_s=60)
    assert {type(outcome) for outcome in outcomes} == {pb.OperationResult}
    stored = wallet.games.call(pb.GetTransactionRequest(transaction_id=bets[-1].transaction_id))
    assert dict(stored.metadata) == metadata


@MODE
@pytest.mark.parametrize("method", UNARY)
@pytest.mark.parametrize(
    "content", [b"\xff" * 10, b"\x0a\xff", b"\x0a\x02\xc3\x28", b"\x08"], ids=["junk", "cut", "no UTF-8", "no value"]
)
def test_bytes_that_are_no_message(wallet: Wallet, method: str, content: bytes) -> None:
    raw = wallet.channel().unary_unary(
        f"/wallet.v1.WalletService/{method}", request_serializer=bytes, response_deserializer=bytes
    )
    is_only_foreign = method == "GetBalance" and content.startswith(b"\x0a\x02")  # a field that it does not know
    for caller in wallet.callers.values():  # whatever its rights: they come first
        with pytest.raises(grpc.RpcError) as caught:
            raw(content, metadata=caller.credentials, timeout=10)
        refusal = refusal_of_call(caught.value)
        if refusal.reason != "CALL_NOT_ALLOWED" and not is_only_foreign:
            check_refusal(refusal, "INVALID_FIELD", field="request")
    expect_error(lambda: raw(content, timeout=10), "CALLER_UNKNOWN")


@MODE
@pytest.mark.parametrize("path", ["WalletService/Execute", "LedgerSessionService/Execute"])
def test_bytes_that_are_no_operation(wallet: Wallet, path: str) -> None:
    raw = wallet.channel().stream_stream(
        f"/wallet.v1.{path}", request_serializer=bytes, response_deserializer=pb.Outcome.FromString
    )
    content = [b"\x0a\x02\xc3\x28"]
    expect_error(
        lambda: list(raw(iter(content), metadata=wallet.games.credentials, timeout=10)),
        "INVALID_FIELD",
        field="request",
    )
    expect_error(lambda: list(raw(iter(content), timeout=10)), "CALLER_UNKNOWN")


def test_bytes_that_are_no_message_are_counted_and_not_logged(new_installation: Callable[..., Installation]) -> None:
    address = f"127.0.0.1:{free_port()}"
    with WalletServer(new_installation(), WALLET_METRICS_ADDRESS=address) as server:
        wallet = server.wallet()
        raw = wallet.channel().unary_unary(BET, request_serializer=bytes, response_deserializer=bytes)
        written = server.log
        for _ in range(3):
            expect_error(lambda: raw(b"\xff", metadata=wallet.games.credentials, timeout=10), "INVALID_FIELD")
            expect_error(lambda: raw(b"\xff", timeout=10), "CALLER_UNKNOWN")
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            assert b"wallet_undecodable_messages_total 3.0" in answer.read()
        assert server.log == written


@MODE
def test_a_call_without_a_message(wallet: Wallet) -> None:
    raw = wallet.channel().stream_unary(BET, request_serializer=bytes, response_deserializer=bytes)
    expect_error(lambda: raw(iter(()), metadata=wallet.games.credentials, timeout=10), "MISSING_FIELD", field="request")


@MODE
def test_bytes_that_are_no_operation_end_the_stream(wallet: Wallet, player: Player) -> None:
    raw = wallet.channel().stream_stream(
        "/wallet.v1.WalletService/Execute", request_serializer=bytes, response_deserializer=pb.Outcome.FromString
    )
    good = pb.Operation(bet=player.bet("1")).SerializeToString()
    with pytest.raises(grpc.RpcError) as caught:
        list(raw(iter([good, b"\xff" * 10]), metadata=wallet.games.credentials, timeout=10))
    check_refusal(refusal_of_call(caught.value), "INVALID_FIELD", field="request")
    assert wallet.main(player) == "99"  # what was sent before is decided, and answered


@MODE
def test_random_bytes(shared: Any, wallet: Wallet) -> None:
    """Whatever arrives, the server answers, does not fall over, and takes no caller's mistake for its own."""
    chance = random.Random(7)
    call = wallet.channel().unary_unary(
        "/wallet.v1.WalletService/ExecuteBatch",
        request_serializer=bytes,
        response_deserializer=pb.ExecuteBatchResponse.FromString,
    )
    player = Player()
    template = pb.ExecuteBatchRequest(
        operations=[pb.Operation(bet=player.bet("1")), pb.Operation(win=player.win("1"))]
    ).SerializeToString()
    for _ in range(300):
        spoiled = bytearray(template)
        for _ in range(chance.randrange(1, 6)):
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        for refusal in refusals_of(call, bytes(spoiled), wallet.games.credentials):
            assert refusal.status is not grpc.StatusCode.DEADLINE_EXCEEDED
            assert refusal.reason != "INTERNAL", refusal
    server: WalletServer = shared.server
    assert server.process.poll() is None
    assert wallet.main(Player()) == "0"


def refusals_of(call: Any, content: bytes, credentials: Any) -> list[Refusal]:
    """Send bytes as a batch, and return its error, or those of its outcomes."""
    try:
        outcomes = call(content, metadata=credentials, timeout=10).outcomes
    except grpc.RpcError as error:
        return [refusal_of_call(error)]
    return [refusal_of_status(outcome.error) for outcome in outcomes if outcome.HasField("error")]


def test_an_unknown_call(wallet: Wallet) -> None:
    raw = wallet.channel().unary_unary(
        "/wallet.v1.WalletService/PrintMoney", request_serializer=bytes, response_deserializer=bytes
    )
    expect_status(lambda: raw(b"", metadata=wallet.games.credentials, timeout=10), grpc.StatusCode.UNIMPLEMENTED)


def test_a_batch_is_refused_as_a_whole_only_for_its_size(wallet: Wallet, player: Player) -> None:
    outcomes = wallet.games.batch([pb.BetRequest(), pb.WinRequest(), player.deposit("1"), pb.Operation()])
    assert all(isinstance(outcome, Refusal) for outcome in outcomes)
    expect_error(lambda: wallet.games.batch([pb.Operation()] * 1001), "INVALID_FIELD", field="operations")
