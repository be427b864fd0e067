"""How a server leaves: it says so, serves on for a while, and no caller that sends again loses a call."""

import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.database import Installation
from support.http2 import RawConnection
from support.ledger import transactions_stored
from support.refusals import check_refusal, refusal_of_call
from support.requests import Player
from support.scrapes import Scrape
from support.server import SERVICE, WalletServer
from support.waiting import BUSY_S, wait_until
from support.wallet import CHANNEL_OPTIONS, Caller, Wallet

from devstack.servers.ports import free_port
from wallet.v1 import wallet_pb2 as pb
from wallet_client.policy import RETRY_POLICY

New = Callable[..., Installation]

RESTARTS = int(os.environ.get("WALLET_TEST_RESTARTS", "3"))
CALLS_PER_S = 200
SENDERS = 10
DEADLINE_S = 30.0
"""Patient, for slow machines: the policy sends again until then."""


class Sender(threading.Thread):
    """Bets at a steady pace on a connection with the documented retry policy, and nothing else."""

    def __init__(self, server: WalletServer, player: Player, over: threading.Event) -> None:
        super().__init__(daemon=True)
        options = (*CHANNEL_OPTIONS, ("grpc.service_config", json.dumps(RETRY_POLICY)))
        self._channel = grpc.insecure_channel(server.target, options=options)
        self._caller = Caller(self._channel, server.installation.keys["games"])
        self._player, self._over = player, over
        self.answered: list[str] = []
        self.failed: list[grpc.RpcError] = []

    def run(self) -> None:
        while not self._over.wait(SENDERS / CALLS_PER_S):
            bet = self._player.bet("1")
            try:
                self._caller.call_once(bet, timeout_s=DEADLINE_S)
                self.answered.append(bet.transaction_id)
            except grpc.RpcError as error:
                self.failed.append(error)
        self._channel.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_restarts_under_load_fail_no_call_that_is_sent_again(new_installation: New, workers: str) -> None:
    installation = new_installation()
    with WalletServer(installation, "--workers", workers, WALLET_LAME_DUCK_MS="100") as server:
        wallet, over = server.wallet(), threading.Event()
        senders = [Sender(server, wallet.player("1000000"), over) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        for _ in range(RESTARTS if workers == "1" else 1):
            enough = sum(len(sender.answered) for sender in senders) + CALLS_PER_S // 2
            wait_until(lambda enough=enough: sum(len(one.answered) for one in senders) > enough, what="load")
            assert server.stop() == 0
            server.start()
        over.set()
        for sender in senders:
            sender.join(DEADLINE_S * 2)
        failed = [refusal_of_call(error) for sender in senders for error in sender.failed]
        assert failed == []
    answered = [bet for sender in senders for bet in sender.answered]
    assert transactions_stored(installation, "games", *answered) == len(answered)


def test_a_lame_duck_serves_on_and_says_that_it_leaves(new_installation: New) -> None:
    with WalletServer(new_installation(), WALLET_LAME_DUCK_MS="5000") as server, server.channel() as channel:
        wallet = server.wallet()
        player = wallet.player("100")
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        began = time.monotonic()
        server.terminate()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert server.health(channel) == "NOT_SERVING"
        wallet.applied(player.bet("1"))
        with pytest.raises(grpc.RpcError) as caught:
            next(watch)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert server.wait() == 0
        assert time.monotonic() - began > 5.0


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("impatience", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_another_signal_ends_the_lame_duck_time(
    new_installation: New, workers: str, impatience: signal.Signals
) -> None:
    with (
        WalletServer(new_installation(), "--workers", workers, WALLET_LAME_DUCK_MS="3600000") as server,
        server.channel() as channel,
    ):
        server.terminate()
        wait_until(lambda: server.health(channel) == "NOT_SERVING", what="it leaves")
        server.process.send_signal(impatience)
        assert server.wait() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_watchers_do_not_hold_the_stop(new_installation: New, workers: str) -> None:
    """Nor do streams of reflection, what never sends its message, and who reads nothing."""
    installation = new_installation()
    with WalletServer(installation, "--workers", workers) as server:
        began = time.monotonic()
        assert server.stop() == 0
        unwatched_s = time.monotonic() - began  # a fraction of a second, where the machine has nothing else to do
    with (
        WalletServer(installation, "--workers", workers) as server,
        RawConnection(server.target) as deaf,
        server.channel() as channel,
    ):
        watches = [health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()) for _ in range(5)]
        assert all(next(watch).status == health_pb2.HealthCheckResponse.SERVING for watch in watches)
        over = threading.Event()

        def questions() -> Iterator[reflection_pb2.ServerReflectionRequest]:
            yield reflection_pb2.ServerReflectionRequest(list_services="")
            over.wait(60)

        answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(questions())
        assert next(answers).HasField("list_services_response")
        deaf.call("/grpc.health.v1.Health/Check")
        deaf.call("/wallet.v1.WalletService/Bet", {"authorization": f"Bearer {server.installation.keys['games']}"})
        began = time.monotonic()
        server.terminate()
        for stream in (*watches, answers):
            with pytest.raises(grpc.RpcError) as caught:
                list(stream)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert server.wait() == 0
        assert time.monotonic() - began < 2.0 + unwatched_s + BUSY_S
        over.set()


def test_connections_age_and_no_call_is_lost(new_installation: New) -> None:
    with WalletServer(
        new_installation(), WALLET_CONNECTION_AGE_MAX_MS="1000", WALLET_CONNECTION_AGE_GRACE_MS="2000"
    ) as server:
        wallet = server.wallet()
        player, port, ours = wallet.player("100000"), int(server.target.rpartition(":")[2]), psutil.Process()
        connections: set[int] = set()
        deadline = time.monotonic() + 60
        while len(connections) < 3:
            assert time.monotonic() < deadline, "connections do not age"
            wallet.applied(player.bet("1"))
            connections |= {
                found.laddr.port for found in ours.net_connections() if found.raddr and found.raddr.port == port
            }


def test_a_stream_ends_by_itself_before_its_connection_is_cut(new_installation: New) -> None:
    """A connection that has aged is closed with its last stream. A client that writes at that very moment may see its
    write fail before it has read how the stream ended, so one of several streams must tell; each must be UNAVAILABLE.
    """
    installation, address = new_installation(), f"127.0.0.1:{free_port()}"
    with WalletServer(
        installation,
        WALLET_CONNECTION_AGE_MAX_MS="1000",
        WALLET_CONNECTION_AGE_GRACE_MS="2000",
        WALLET_METRICS_ADDRESS=address,
    ) as server:
        wallet = server.wallet()
        player, told = wallet.player("100000"), None
        for _ in range(5):
            ended, sent, answered = stream_to_its_end(wallet, player)
            assert ended.code() is grpc.StatusCode.UNAVAILABLE
            assert answered
            assert answered == sent[: len(answered)]
            told = refusal_of_call(ended)
            if "sendmsg" not in told.message:
                break
        refusal = check_refusal(told, "DATABASE_UNAVAILABLE", retry="SAME_REQUEST")
        assert "stream" in refusal.message
        assert transactions_stored(installation, "games", *sent[len(answered) :]) == 0
        assert Scrape(address).value("wallet_calls_total", method="Execute", code="OVER"), "it was meant to end"
        assert Scrape(address).value("wallet_calls_total", method="Execute", code="UNAVAILABLE") == 0


def stream_to_its_end(wallet: Wallet, player: Player) -> tuple[grpc.RpcError, list[str], list[str]]:
    """Bet on a stream until the server ends it; how it ended, and the ids sent and answered."""
    sent: list[str] = []

    def operations() -> Iterator[pb.Operation]:
        for _ in itertools.count():
            bet = player.bet("1")
            sent.append(bet.transaction_id)
            yield pb.Operation(bet=bet)
            time.sleep(0.01)

    outcomes = wallet.games.stub.Execute(operations(), metadata=wallet.games.credentials, timeout=60)
    answered: list[str] = []
    with pytest.raises(grpc.RpcError) as caught:
        answered.extend(outcome.result.transaction_id for outcome in outcomes)
    return caught.value, sent, answered
