"""`wallet api` and `wallet token` as commands: what the process needs, refuses, shows and leaves in its log."""

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.cookies import SECRET, token
from support.database import Installation
from support.http_api import BALANCES, CURRENCIES, TRANSACTIONS, ApiServer
from support.wallet import Wallet


def test_it_stops_on_a_signal_with_status_0_and_logs_no_cookie(installation: Installation) -> None:
    cookie = token(4242)
    with ApiServer(installation) as api:
        assert api.ask(f"{TRANSACTIONS}?kind=BET", cookie=cookie).status == 200
        assert api.ask(f"{TRANSACTIONS}?kind=NONE", cookie=cookie).status == 400
        assert api.ask(BALANCES, cookie="bad").status == 401
        assert api.stop() == 0
        lines = [json.loads(line) for line in api.log.splitlines()]
    assert [line["event"] for line in lines] == ["serving", "stopped"]
    for secret in (cookie, SECRET, "4242", installation.cluster.service_password):
        assert secret not in api.log


def test_it_refuses_a_login_that_may_write(installation: Installation) -> None:
    for dsn in (installation.service_dsn, installation.admin_dsn):
        server = ApiServer(installation, WALLET_API_DATABASE_URL=dsn)
        assert server.launch().wait(timeout=20) == 1
        assert "use one with the rights of role wallet_api alone" in server.log


def test_it_refuses_an_address_that_is_taken(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = ApiServer(installation, WALLET_HTTP_ADDRESS=f"127.0.0.1:{taken.getsockname()[1]}")
        assert server.launch().wait(timeout=20) == 1
    assert "cannot be bound" in server.log


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"WALLET_API_DATABASE_URL": ""}, "WALLET_API_DATABASE_URL or WALLET_READ_DATABASE_URL is required"),
        ({"WALLET_COOKIE_SECRET": ""}, "WALLET_COOKIE_SECRET or WALLET_COOKIE_KEYS_FILE is required"),
        ({"WALLET_COOKIE_SECRET": "short"}, "WALLET_COOKIE_SECRET: Value error, is shorter than 32 bytes"),
        ({"WALLET_CORS_ORIGINS": "*"}, "* is no origin"),
        ({"WALLET_HTTP_ADDRESS": "here"}, "WALLET_HTTP_ADDRESS: Value error, is not host:port"),
    ],
)
def test_it_names_the_setting_that_is_wrong(installation: Installation, settings: dict[str, str], said: str) -> None:
    server = ApiServer(installation, **settings)
    assert server.launch().wait(timeout=20) == 1
    assert said in server.log
    assert "short" not in server.log.replace("shorter", "")


def test_on_a_replica_every_answer_tells_its_moment(installation: Installation, wallet: Wallet) -> None:
    player = wallet.player("100")
    settings = {"WALLET_API_DATABASE_URL": "", "WALLET_READ_DATABASE_URL": installation.api_dsn}
    with ApiServer(installation, **settings) as api:
        for path in (BALANCES, TRANSACTIONS, CURRENCIES):
            as_of = datetime.fromisoformat(api.get(path, player.player_id)["as_of"])
            assert abs(datetime.now(UTC) - as_of) < timedelta(seconds=30)


def test_on_the_primary_no_answer_does(api: ApiServer) -> None:
    assert all("as_of" not in api.get(path, 1) for path in (BALANCES, TRANSACTIONS, CURRENCIES))


def test_a_currency_network_that_is_added_is_seen(api: ApiServer, installation: Installation, wallet: Wallet) -> None:
    installation.command("currencies", "add", "EURC", "BASE", "--decimals", "6", "--id", "77")
    player = wallet.player("100", currency_network_id=77)
    assert api.balances(player.player_id)["EURC", "BASE"]["available_minor"] == "100"
    assert api.page(player.player_id, currency="EURC", network="BASE")[0][0]["amount_minor"] == "100"
    added = {"currency_network_id": 77, "currency": "EURC", "network": "BASE", "decimals": 6}
    assert added in api.get(CURRENCIES, player.player_id)["currencies"]


def test_metrics_count_by_path_and_never_by_player(api: ApiServer) -> None:
    api.ask(BALANCES, cookie=token(987654321))
    api.ask("/no/such/987654321")
    told = api.ask("/metrics").body.decode()
    assert 'wallet_api_requests_total{path="/api/wallet/balances",status="200"}' in told
    assert 'wallet_api_requests_total{path="other",status="404"}' in told
    assert "987654321" not in told


def test_wallet_token_prints_a_cookie_that_works(api: ApiServer, installation: Installation, wallet: Wallet) -> None:
    player = wallet.player("31")
    done = installation.run("token", "--player", str(player.player_id), WALLET_COOKIE_SECRET=SECRET)
    name, _, value = done.stdout.strip().partition("=")
    assert name == "wallet_session"
    assert api.ask(BALANCES, cookie=value).json["balances"][0]["available_minor"] == "31"


def test_wallet_token_finds_the_secret_of_make_run_or_says_what_is_missing(
    installation: Installation, tmp_path: Path
) -> None:
    missing = installation.run("token", "--player", "1", WALLET_DATA_DIR=str(tmp_path))
    assert missing.returncode == 1
    assert "set WALLET_COOKIE_SECRET, or start `make run`" in missing.stderr
    dev = tmp_path / "dev.json"
    dev.write_text(json.dumps({"cookie_secret": SECRET}))
    dev.chmod(0o600)
    found = installation.run("token", "--player", "1", WALLET_DATA_DIR=str(tmp_path))
    assert found.stdout.startswith("wallet_session=ey")
