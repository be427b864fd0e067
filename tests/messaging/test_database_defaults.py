"""A database and logins with defaults of their own: nothing that the wallet computes or tells follows from them."""

import json
import re
from collections.abc import Iterator

import pytest
from psycopg import sql
from support.cookies import token
from support.database import API_ROLE, SERVICE_ROLE, Installation, own_installation
from support.events import Platform, deposit_settled
from support.http_api import TRANSACTIONS, ApiServer
from support.requests import USDT_TRON, Player, fresh_id
from support.wallet import Wallet

_OF_THE_DATABASE = {
    "timezone": "Asia/Kathmandu",
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "client_encoding": "LATIN1",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "default_transaction_isolation": "serializable",
    "enable_indexscan": "off",
}
_OF_THE_LOGINS = {
    "search_path": "pg_catalog",
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "idle_session_timeout": "1s",
    "idle_in_transaction_session_timeout": "1ms",
}
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture(scope="module")
def module_installation(template: Installation) -> Iterator[Installation]:
    """A database whose administrators like other defaults than the wallet does."""
    with own_installation(template) as made:
        database = sql.Identifier(made.database)
        targets = [(sql.SQL("DATABASE {}").format(database), _OF_THE_DATABASE)]
        for role in (SERVICE_ROLE, API_ROLE):
            target = sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), database)
            targets.append((target, _OF_THE_LOGINS))
        for target, settings in targets:
            for name, value in settings.items():
                made.cluster.execute(
                    sql.SQL("ALTER {} SET {} = {}").format(target, sql.Identifier(name), sql.Literal(value))
                )
        yield made


@pytest.fixture(scope="module")
def played(platform: Platform) -> Player:
    """A player with a deposit that came by event, and a bet."""
    player = Player()
    deposit = deposit_settled(player.deposit("100", tx_hash="0xfeed", output_index=0))
    platform.bus.publish(deposit)
    platform.becomes(deposit, "APPLIED")
    platform.wallet.applied(player.bet("10", metadata={"who": "Žofie 日本"}))
    return player


def test_case_59_events_tell_their_times_in_utc(platform: Platform, played: Player) -> None:
    for event in platform.events_of(played, 2):
        assert _UTC.fullmatch(event["time"]), event
        assert _UTC.fullmatch(event["data"]["occurredAt"]), event


def test_case_59_every_service_answers(platform: Platform, played: Player, module_installation: Installation) -> None:
    wallet: Wallet = platform.wallet
    assert wallet.balance(played).available_minor == "90"
    reserved = played.reserve("5")
    wallet.applied(reserved)
    module_installation.command(
        "ledgers", "create", "points", "--source", "credit", "--currency-network", str(USDT_TRON)
    )


def test_the_http_api_tells_times_in_utc(played: Player, module_installation: Installation) -> None:
    with ApiServer(module_installation) as api:
        answer = api.ask(TRANSACTIONS, cookie=token(played.player_id))
        items = answer.json["transactions"]
        assert items
        assert all(_UTC.fullmatch(item["created_at"]) for item in items)
        before = api.page(played.player_id, to=items[-1]["created_at"])
        assert before == ([], None)


@pytest.mark.usefixtures("played")
def test_operators_commands_work(module_installation: Installation) -> None:
    """Also those that write, and those that tell times."""
    run = module_installation.command
    listed = json.loads(run("keys", "list", "--json"))
    assert all(key["created_at"].endswith("+00:00") for key in listed)
    module_installation.create_key(fresh_id("source"), ["game"])
    (received,) = json.loads(run("inbox", "list", "--state", "applied", "--json"))
    assert received["received_at"].endswith("+00:00")
    times = ("--from", "2020-01-01", "--to", "2100-01-01")
    told = run("reconcile", "--source", "games", *times, "--format", "csv")
    assert "+00:00" in told
    run("balances", "rebuild")
    run("verify")
    assert "up to date" in run("migrate")
