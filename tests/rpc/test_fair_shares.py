"""Who floods the wallet is slowed down, and nobody else: rates of keys, and shares of the queue while others wait."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
import pytest
from support.database import Installation
from support.refusals import Refusal, check_refusal, refusal_of_call
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Caller, Wallet, expect_error

from devstack.servers.ports import free_port
from wallet.v1 import wallet_pb2 as pb
from wallet_client import WalletClient

New = Callable[..., Installation]

GENEROUS_S = 20.0
MODE = pytest.mark.parametrize("shared", ["group-commit"], indirect=True)


@contextmanager
def tables_held(installation: Installation) -> Iterator[None]:
    """Hold the tables that every mutation must write, so that what is admitted stays in the queue."""
    with installation.connect() as connection:
        connection.execute("LOCK TABLE ledger_transactions IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


class Sending:
    """Batches that are under way in threads of their own."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self.outcomes: dict[str, list[object] | Refusal] = {}

    def send(self, name: str, caller: Caller, player: Player, operations: int) -> None:
        """Send a batch of bets of 0."""
        bets = [player.bet("0") for _ in range(operations)]

        def run() -> None:
            try:
                self.outcomes[name] = caller.batch(bets, timeout_s=60)
            except grpc.RpcError as error:
                self.outcomes[name] = refusal_of_call(error)

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


def test_a_flood_has_its_share_of_the_queue_and_others_are_let_in(new_installation: New) -> None:
    installation = new_installation()
    metrics = f"127.0.0.1:{free_port()}"
    with WalletServer(
        installation,
        WALLET_QUEUE_OPERATIONS_MAX="1000",
        WALLET_DATABASE_TIMEOUT_MS="30000",
        WALLET_METRICS_ADDRESS=metrics,
    ) as server:
        wallet = server.wallet()
        players = [wallet.player("100") for _ in range(2)]
        sending = Sending()
        flood, quiet = wallet.games, wallet.other_games
        with tables_held(installation):
            sending.send("fills", flood, players[0], 1_000)  # nobody else waits: it may have all of the queue
            wait_until(lambda: queued(metrics) == 1_000, what="the queue is full", timeout_s=GENEROUS_S)
            flood.refused(players[0].bet("0"), "QUEUE_FULL")
            sending.send("comes", quiet, players[1], 300)  # to a full queue, and is let in: the flood holds too much
            wait_until(lambda: queued(metrics) == 1_300, what="the other source is let in", timeout_s=GENEROUS_S)
            assert flood.refused(players[0].bet("0"), "RATE_LIMITED", limit="share").retry_after_ms > 0
            assert sending.outcomes == {}
        sending.join()
        for name in ("fills", "comes"):
            assert all(isinstance(outcome, pb.OperationResult) for outcome in sending.outcomes[name]), name


def queued(metrics_address: str) -> int:
    """Read how many operations are admitted and not answered."""
    with urllib.request.urlopen(f"http://{metrics_address}/metrics", timeout=GENEROUS_S) as page:
        lines = page.read().decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("wallet_queued_operations "))))


def limited_caller(wallet: Wallet, installation: Installation, rate_per_s: int) -> tuple[str, Caller]:
    key_id, key = installation.create_key(
        f"limited-{time.monotonic_ns()}", ["game", "payments"], "--rate-per-s", str(rate_per_s)
    )
    return key_id, wallet.caller(key)


@MODE
def test_which_networks_there_are_is_asked_beside_the_rate_and_not_without_end(
    wallet: Wallet, installation: Installation, player: Player
) -> None:
    _, caller = limited_caller(wallet, installation, 1)
    asked = pb.ListCurrencyNetworksRequest()
    for _ in range(3):
        assert caller.call_once(asked).currency_networks
    assert caller.call_once(player.bet("1")).current_balance_minor == "99"
    refused = [outcome for outcome in caller.at_once(*[asked] * 100) if isinstance(outcome, Refusal)]
    assert refused
    for outcome in refused:
        check_refusal(outcome, "RATE_LIMITED", limit="rate", rate_per_s="10")


@MODE
def test_calls_above_the_rate_of_a_key_are_refused_and_told_when_to_come_again(
    wallet: Wallet, installation: Installation, player: Player
) -> None:
    key_id, caller = limited_caller(wallet, installation, 2)
    bet = player.bet("1")
    outcomes = [caller.attempt(bet) for _ in range(30)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert 0 < len(refused) < 30
    for outcome in refused:
        check_refusal(outcome, "RATE_LIMITED", limit="rate", rate_per_s="2")
        assert 0 < outcome.retry_after_ms <= 500
    time.sleep(refused[-1].retry_after_ms / 1000)
    assert caller.call(bet).replayed
    assert wallet.main(player) == "99"

    listed = {key["key_id"]: key["rate_per_s"] for key in json.loads(installation.command("keys", "list", "--json"))}
    assert listed[key_id] == 2
    assert None in listed.values()
    assert "rate_per_s" in installation.command("keys", "list")

    installation.command("keys", "limit", key_id)
    wait_until(
        lambda: all(not isinstance(caller.attempt(bet), Refusal) for _ in range(10)),
        what="the key has no bound any more",
        timeout_s=GENEROUS_S,
    )


@MODE
def test_other_keys_of_the_same_source_are_not_slowed(
    wallet: Wallet, installation: Installation, player: Player
) -> None:
    _, caller = limited_caller(wallet, installation, 1)
    assert any(isinstance(caller.attempt(player.balance()), Refusal) for _ in range(5))
    assert not any(isinstance(wallet.games.attempt(player.balance()), Refusal) for _ in range(5))


@MODE
def test_each_operation_of_a_batch_counts_and_a_large_one_is_paid_for_later(
    wallet: Wallet, installation: Installation, player: Player
) -> None:
    _, caller = limited_caller(wallet, installation, 10)
    outcomes = caller.batch([player.bet("0") for _ in range(100)])
    assert all(isinstance(outcome, pb.OperationResult) for outcome in outcomes)
    refusal = caller.refused(player.bet("0"), "RATE_LIMITED", limit="rate")
    assert 5_000 < refusal.retry_after_ms <= 9_100
    expect_error(lambda: caller.batch([player.bet("0")]), "RATE_LIMITED", limit="rate")


@MODE
def test_a_stream_above_the_rate_is_read_more_slowly(
    wallet: Wallet, installation: Installation, player: Player
) -> None:
    _, caller = limited_caller(wallet, installation, 20)
    started = time.monotonic()
    outcomes = caller.stream(player.bet("0") for _ in range(50))
    assert all(isinstance(outcome, pb.OperationResult) for outcome in outcomes)
    assert len(outcomes) == 50
    assert time.monotonic() - started > 1.2, "20 at once, the others at 20 a second"


@MODE
def test_a_revoked_key_ends_a_stream_that_waits_for_its_rate(
    wallet: Wallet, installation: Installation, player: Player
) -> None:
    key_id, caller = limited_caller(wallet, installation, 1)
    caller.batch([player.bet("0") for _ in range(100)])  # a debt of a minute and a half
    outcomes = caller.stub.Execute(
        iter([pb.Operation(bet=player.bet("0"))]), metadata=caller.credentials, timeout=GENEROUS_S
    )
    installation.command("keys", "revoke", key_id)
    expect_error(lambda: list(outcomes), "CALLER_UNKNOWN")


@MODE
async def test_the_client_waits_as_long_as_it_is_told(
    wallet: Wallet, installation: Installation, player: Player
) -> None:
    _, key = installation.create_key("patient-source", ["game"], "--rate-per-s", "5")
    started = time.monotonic()
    async with WalletClient(wallet.target, key=key) as client:
        for _ in range(9):
            await client.bet(
                player_id=player.player_id, currency_network_id=player.currency_network_id, amount_minor=1,
                game_code="g", round_id="r",
            )  # fmt: skip
    assert wallet.main(player) == "91"
    assert time.monotonic() - started > 0.6, "5 at once, the others at 5 a second"


@pytest.mark.parametrize("rate", ["0", "1.5"])
@MODE
def test_what_is_no_rate_is_refused(installation: Installation, rate: str) -> None:
    done = installation.run("keys", "create", "--source", "s", "--role", "game", "--rate-per-s", rate)
    assert done.returncode == 2
    assert "--rate-per-s" in done.stderr
