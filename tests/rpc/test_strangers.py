"""Calls without a key, by the thousand and without an end: who has a key is served as if they were not there."""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2
from support.database import Installation
from support.http2 import RawConnection
from support.refusals import Refusal, check_refusal
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb

New = Callable[..., Installation]

STREAMS = 2_050
MIB = 1024 * 1024
ANSWER_BYTES = 7
"""Of one message about health, with its head."""
BET = "/wallet.v1.WalletService/Bet"
BATCH = "/wallet.v1.WalletService/ExecuteBatch"
EXECUTE = "/wallet.v1.WalletService/Execute"
WATCH = "/grpc.health.v1.Health/Watch"
CHECK = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
MODE = pytest.mark.parametrize("shared", ["group-commit"], indirect=True)


@MODE
@pytest.mark.parametrize(
    ("path", "message"),
    [(BET, None), (EXECUTE, None), (WATCH, b""), (WATCH, None), (CHECK, None), (REFLECTION, None), ("/no/Such", None)],
)
def test_case_66_streams_without_a_key(shared: Any, wallet: Wallet, path: str, message: bytes | None) -> None:
    player = wallet.player("100")
    with RawConnection(shared.server.target) as stranger, RawConnection(shared.server.target) as another:
        for _ in range(STREAMS // 2):
            stranger.call(path, message=message)
            another.call(path, message=message)
        for left in range(99, 49, -1):  # before, while and after all of it has come in
            assert wallet.applied(player.bet("1")).balance_after_minor == str(left)
        assert [result.balance_after_minor for result in wallet.games.stream([player.bet("1")])] == ["49"]
        with shared.server.channel() as channel:
            assert shared.server.health(channel) == "SERVING"


@MODE
def test_a_call_without_a_key_ends_at_its_headers(shared: Any) -> None:
    with RawConnection(shared.server.target) as stranger:
        streams = {stranger.call(path) for path in (BET, BATCH, EXECUTE)}
        assert stranger.wait_for_ends(streams, timeout_s=10)


@MODE
@pytest.mark.parametrize("metadata", [{}, {"authorization": f"Bearer sk_test_{secrets.token_hex(16)}"}])
def test_messages_without_an_end_hold_no_memory(shared: Any, wallet: Wallet, metadata: dict[str, str]) -> None:
    server = psutil.Process(shared.server.process.pid)
    before = server.memory_info().rss
    with contextlib.ExitStack() as connections:
        strangers = [connections.enter_context(RawConnection(shared.server.target)) for _ in range(12)]
        for stranger in strangers:
            stream = stranger.call(BATCH, metadata)
            stranger.announce(stream, message_bytes=16 * MIB, sent_bytes=15 * MIB, patience_s=0.5)
        assert server.memory_info().rss - before < 60 * MIB
        assert wallet.games.attempt(Player().balance()).available_minor == "0"


@MODE
def test_places_without_a_key_are_few_and_given_back(shared: Any) -> None:
    """A connection watches ten times at most; what it lets go is free again."""
    for _ in range(2):
        with shared.server.channel() as channel:
            watch = channel.unary_stream(
                WATCH,
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            calls = [watch(health_pb2.HealthCheckRequest(), timeout=30) for _ in range(10)]
            assert {next(call).status for call in calls} == {health_pb2.HealthCheckResponse.SERVING}
            with pytest.raises(grpc.RpcError) as caught:
                next(watch(health_pb2.HealthCheckRequest(), timeout=30))
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            for call in calls:
                call.cancel()


@MODE
def test_a_stranger_who_takes_all_places_keeps_no_other_host_out(shared: Any) -> None:
    stranger, another = "127.0.0.2", "127.0.0.3"
    with contextlib.ExitStack() as connections:

        def connection(source: str) -> RawConnection:
            return connections.enter_context(RawConnection(shared.server.target, source=source))

        strangers = [connection(stranger) for _ in range(10)]
        taken = [(each, each.call(WATCH, message=b"")) for _ in range(10) for each in strangers]
        assert all(each.wait_for_data(stream, ANSWER_BYTES, 20) for each, stream in taken), "all places are taken"

        one_more, ours = connection(stranger), connection(another)
        assert one_more.wait_for_ends({one_more.call(WATCH, message=b"")}, 20), "it has most of them already"
        watched = [ours.call(WATCH, message=b"") for _ in range(10)]
        assert all(ours.wait_for_data(stream, ANSWER_BYTES, 20) for stream in watched)
        wait_until(lambda: sum(len(each.ended) for each in strangers) == 10, what="as many have given way")
        assert not ours.ended
        with shared.server.channel() as channel:
            assert shared.server.health(channel) == "SERVING"


@MODE
def test_compressed_messages_are_not_taken(wallet: Wallet) -> None:
    """A limit of bytes that come in says nothing of what they become."""
    bets = pb.ExecuteBatchRequest(operations=[pb.Operation(bet=Player().bet("0"))] * 100)
    with pytest.raises(grpc.RpcError) as caught:
        wallet.games.stub.ExecuteBatch(
            bets, metadata=wallet.games.credentials, compression=grpc.Compression.Gzip, timeout=10
        )
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_silent_streams_of_a_key_leave_room_for_its_calls(new_installation: New) -> None:
    with WalletServer(new_installation(), WALLET_CONCURRENT_CALLS_MAX="10") as server:
        wallet = server.wallet()
        player, is_over = wallet.player("100"), time.monotonic() + 30

        def silent() -> Iterator[pb.Operation]:
            yield pb.Operation(bet=player.bet("1"))
            while time.monotonic() < is_over:
                time.sleep(0.05)

        streams = [wallet.games.stub.Execute(silent(), metadata=wallet.games.credentials) for _ in range(5)]
        assert all(next(stream).HasField("result") for stream in streams)
        outcomes = wallet.games.attempt_stream([player.bet("1")])
        assert isinstance(outcomes, Refusal)
        check_refusal(outcomes, "QUEUE_FULL")
        wallet.applied(player.bet("1"))
        for stream in streams:
            stream.cancel()
        wait_until(lambda: isinstance(wallet.games.attempt_stream([player.bet("1")]), list), what="a place is free")
        is_over = 0.0
