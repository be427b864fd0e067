"""The server as a process: how it starts and refuses to, how it stops under load, TLS, and what it logs."""

import contextlib
import secrets
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from psycopg import sql
from support.certificates import make_authority, make_certificate
from support.database import Installation, let_service_log_in
from support.ledger import transactions_stored, verify
from support.load import GOING, Load
from support.requests import Player
from support.server import WalletServer
from support.wallet import Wallet, check_replay

from devstack.servers.ports import free_port
from wallet.v1 import wallet_pb2 as pb

New = Callable[..., Installation]

ENDS_WITHIN_S = 20


def test_a_stop_under_load_loses_and_doubles_nothing(new_installation: New) -> None:
    installation = new_installation()
    with WalletServer(installation) as server:
        wallet = server.wallet()
        player = wallet.player("1000000")
        with Load(wallet, [player]) as load:
            server.terminate()
            assert server.wait() == 0
    # All that was accepted was answered: what failed was not applied.
    stored = transactions_stored(installation, "games", *load.answered, *load.failed)
    assert stored == len(load.answered)
    for refusal in load.failed.values():
        assert refusal.status in GOING, refusal

    with WalletServer(installation) as server:
        wallet = server.wallet()
        for name, first in list(load.answered.items())[-50:]:
            row = pb.GetTransactionRequest(transaction_id=name)
            assert wallet.games.call(row).tx_id == first.tx_id
        assert wallet.main(player) == str(1_000_000 - len(load.answered))
    verify(installation)


def test_a_stop_answers_what_a_stream_sent(new_installation: New) -> None:
    installation = new_installation()
    with WalletServer(installation) as server:
        wallet = server.wallet()
        player = wallet.player("1000000")
        bets = [player.bet("1") for _ in range(3000)]
        outcomes = wallet.games.stub.Execute(
            iter([pb.Operation(bet=bet) for bet in bets]), metadata=wallet.games.credentials, timeout=30
        )
        answered = [next(outcomes).result]
        server.terminate()
        with contextlib.suppress(grpc.RpcError):
            answered.extend(outcome.result for outcome in outcomes if outcome.HasField("result"))
        assert outcomes.code() in {grpc.StatusCode.OK, *GOING}
        assert server.wait() == 0
    assert [result.transaction_id for result in answered] == [bet.transaction_id for bet in bets[: len(answered)]]
    assert transactions_stored(installation, "games", *(bet.transaction_id for bet in bets)) == len(answered)


def test_an_idle_stream_does_not_hold_the_stop(new_installation: New) -> None:
    with WalletServer(new_installation(), WALLET_STOP_TIMEOUT_MS="3000") as server:
        wallet = server.wallet()
        player, is_over = wallet.player("10"), threading.Event()

        def operations() -> object:
            yield pb.Operation(bet=player.bet("1"))
            is_over.wait(60)

        outcomes = wallet.games.stub.Execute(operations(), metadata=wallet.games.credentials, timeout=60)
        assert next(outcomes).result.balance_after_minor == "9"
        try:
            assert server.stop() == 0
        finally:
            is_over.set()


def test_a_second_start_finds_everything(new_installation: New) -> None:
    installation = new_installation()
    with WalletServer(installation) as server:
        wallet = server.wallet()
        player = wallet.player("100")
        bet = player.bet("10")
        first = wallet.applied(bet)
    with WalletServer(installation) as server:
        wallet = server.wallet()
        check_replay(wallet.send(bet), first)
        assert wallet.main(player) == "90"


@pytest.mark.parametrize("is_mutual", [False, True])
def test_tls(new_installation: New, tmp_path: Path, *, is_mutual: bool) -> None:
    authority, stranger = make_authority(tmp_path, "authority"), make_authority(tmp_path, "stranger")
    served, ours = make_certificate(tmp_path, "server", authority), make_certificate(tmp_path, "client", authority)
    foreign = make_certificate(tmp_path, "foreign", stranger)
    settings = {"WALLET_TLS_CERT_FILE": str(served.cert_file), "WALLET_TLS_KEY_FILE": str(served.key_file)}
    if is_mutual:
        settings["WALLET_TLS_CLIENT_CA_FILE"] = str(authority.cert_file)
    with_ours = grpc.ssl_channel_credentials(authority.chain, ours.key, ours.chain)
    without = grpc.ssl_channel_credentials(authority.chain)
    with_foreign = grpc.ssl_channel_credentials(authority.chain, foreign.key, foreign.chain)
    trusting_another = grpc.ssl_channel_credentials(stranger.chain)

    installation = new_installation()
    with WalletServer(installation, credentials=with_ours if is_mutual else without, **settings) as server:
        expected = {with_ours: True, without: not is_mutual, trusting_another: False, None: False}
        expected[with_foreign] = not is_mutual
        for credentials, is_served in expected.items():
            client = Wallet(server.target, installation.keys, credentials=credentials)
            outcome = client.payments.attempt(Player().balance(), timeout_s=20)
            assert isinstance(outcome, pb.GetBalanceResponse) == is_served, outcome
            client.close()


def refuses_to_start(server: WalletServer) -> str:
    """Launch a server that must end by itself with an error, and return what it wrote."""
    process = server.launch()
    try:
        assert process.wait(timeout=ENDS_WITHIN_S) != 0, server.log
    except subprocess.TimeoutExpired:
        pytest.fail(f"the server runs:\n{server.log}")
    finally:
        server.end()
    return server.log


def test_it_does_not_start_before_the_migrations(new_empty_installation: New) -> None:
    installation = new_empty_installation()
    let_service_log_in(installation.cluster)
    server = WalletServer(installation)
    assert "migrat" in refuses_to_start(server).lower()


def test_it_does_not_start_in_another_environment(new_installation: New) -> None:
    server = WalletServer(new_installation(), WALLET_ENVIRONMENT="live")
    assert "environment" in refuses_to_start(server).lower()


def test_it_does_not_start_without_synchronous_commit(new_installation: New) -> None:
    installation = new_installation()
    name = sql.Identifier(installation.database)
    installation.cluster.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
    assert "synchronous_commit" in refuses_to_start(WalletServer(installation))


@pytest.mark.parametrize(
    ("name", "value"),
    [("WALLET_BATCH_OPERATIONS_MAX", "0"), ("WALLET_GRPC_ADDRESS", "nowhere"), ("WALLET_ENVIRONMENT", "staging")],
)
def test_it_does_not_start_with_a_setting_that_makes_no_sense(new_installation: New, name: str, value: str) -> None:
    assert (
        name.lower().removeprefix("wallet_")
        in refuses_to_start(WalletServer(new_installation(), **{name: value})).lower()
    )


def test_migrating_twice_changes_nothing(new_installation: New) -> None:
    installation = new_installation()
    before = installation.rows("SELECT environment, created_at FROM installation")
    installation.command("migrate")
    assert installation.rows("SELECT environment, created_at FROM installation") == before
    assert installation.run("migrate", WALLET_ENVIRONMENT="live").returncode != 0
    assert installation.rows("SELECT environment, created_at FROM installation") == before


def test_a_live_installation(new_empty_installation: New) -> None:
    installation = new_empty_installation(environment="live")
    installation.command("migrate")
    let_service_log_in(installation.cluster)
    installation.command("currencies", "add", "USDT", "TRON", "--decimals", "6", "--id", "1")
    for name, roles in (("games", ["game"]), ("payments", ["payments"])):
        installation.keys[name] = installation.create_key(name, roles)[1]
    assert installation.keys["games"].startswith("sk_live_")
    with WalletServer(installation) as server:
        wallet = server.wallet()
        player = wallet.player("100")
        test_key = wallet.caller(installation.keys["games"].replace("sk_live_", "sk_test_"))
        wallet.refused(player.bet("1"), "ENVIRONMENT_MISMATCH", by=test_key)
        wallet.applied(player.bet("1"))
    verify(installation)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_logs_hold_no_secrets(new_installation: New, log_format: str) -> None:
    installation = new_installation()
    settings = {"WALLET_LOG_LEVEL": "DEBUG", "WALLET_LOG_FORMAT": log_format}
    unknown = f"sk_test_{secrets.token_hex(20)}"
    note = secrets.token_hex(20)
    with WalletServer(installation, **settings) as server:
        wallet = server.wallet()
        player = wallet.player("100")
        wallet.applied(player.bet("1", metadata={"note": note}))
        wallet.refused(player.bet("1000", metadata={"note": note}), "INSUFFICIENT_FUNDS")
        wallet.refused(player.bet("x"), "INVALID_AMOUNT")
        wallet.refused(player.bet("1"), "CALLER_UNKNOWN", by=wallet.caller(unknown))
        server.stop()
        assert server.log
        server.check_log_holds_no_secrets()
        for secret in (unknown, note):
            assert secret not in server.log


def test_an_address_that_is_taken(new_installation: New) -> None:
    installation = new_installation()
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        refuses_to_start(WalletServer(installation, WALLET_GRPC_ADDRESS=f"127.0.0.1:{port}"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_without_load(new_installation: New, number: signal.Signals) -> None:
    with WalletServer(new_installation()) as server:
        server.process.send_signal(number)
        assert server.process.wait(timeout=10) == 0
