"""`wallet find`, and `players`, `transactions`, `withdrawals`, `sessions`: as a table, as JSON and as CSV."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from support.database import Installation
from support.requests import Player, settle
from support.sessions import Play, sessions_of
from support.wallet import Wallet

from wallet.v1 import wallet_pb2

MODES = ("one-a-transaction",)
"""Its installation has three cells; what differs with one is shown by the calls (test_backoffice_lists.py)."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """A player with a bet, a paid withdrawal, one under way, and an open session."""

    installation: Installation
    player: Player
    bet: wallet_pb2.BetRequest
    bet_tx_id: str
    paid: wallet_pb2.ReserveWithdrawalRequest
    held: wallet_pb2.ReserveWithdrawalRequest
    session: Play

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """Run a command with --json, and the same with --csv, which must tell the same."""
        rows: list[dict[str, Any]] = json.loads(self.installation.command(*arguments, "--json"))
        told = list(csv.DictReader(io.StringIO(self.installation.command(*arguments, "--csv"))))
        assert [list(row) for row in told] == [list(row) for row in rows]
        assert [row.get("tx_id") for row in told] == [row.get("tx_id") for row in rows]
        return rows


@pytest.fixture(scope="module", params=MODES)
def played(request: pytest.FixtureRequest, shared_servers: Callable[[str], Any]) -> Played:
    shared = shared_servers(request.param)
    wallet: Wallet = shared.wallet
    player = wallet.player("100")
    bet, paid, held = player.bet("10"), player.reserve("5"), player.reserve("6")
    bet_tx_id = wallet.applied(bet).tx_id
    for request_ in (player.win("4", of=bet), paid, settle(paid), held, player.state(wallet_pb2.PLAYER_STATE_BLOCKED)):
        wallet.applied(request_)
    other = wallet.player("100")
    session = sessions_of(wallet).open(other, "20")
    return Played(
        installation=shared.installation,
        player=player,
        bet=bet,
        bet_tx_id=bet_tx_id,
        paid=paid,
        held=held,
        session=session,
    )


def test_find(played: Played) -> None:
    (hit,) = played.rows("find", played.bet.transaction_id)
    assert (hit["kind"], hit["tx_id"]) == ("TRANSACTION", played.bet_tx_id)
    assert played.bet_tx_id in played.installation.command("find", played.bet.transaction_id)
    assert "nothing has this name" in played.installation.command("find", "no such thing")
    assert json.loads(played.installation.command("find", "no such thing", "--json")) == []


def test_players(played: Played) -> None:
    player_id = played.player.player_id
    (row,) = played.rows("players", "list", "--after", str(player_id - 1), "--limit", "1")
    assert (row["player_id"], row["state"]) == (str(player_id), "BLOCKED")
    assert str(player_id) in [row["player_id"] for row in played.rows("players", "list", "--state", "blocked")]
    shown = json.loads(played.installation.command("players", "show", str(player_id), "--json"))
    assert (shown["state"], shown["balances"][0]["total_minor"]) == ("BLOCKED", "89")
    assert [row["withdrawal_id"] for row in shown["withdrawals_under_way"]] == [played.held.withdrawal_id]
    assert played.held.withdrawal_id in played.installation.command("players", "show", str(player_id))


def test_transactions(played: Played) -> None:
    player = str(played.player.player_id)
    rows = played.rows("transactions", "list", "--player", player)
    assert [row["kind"] for row in rows] == [
        "PLAYER_STATE", "WITHDRAWAL_RESERVATION", "WITHDRAWAL_SETTLEMENT", "WITHDRAWAL_RESERVATION", "WIN", "BET",
        "DEPOSIT",
    ]  # fmt: skip
    two = played.installation.run("transactions", "list", "--player", player, "--limit", "2", "--json")
    assert [row["tx_id"] for row in json.loads(two.stdout)] == [row["tx_id"] for row in rows[:2]]
    assert "there may be more" in two.stderr
    only = played.rows("transactions", "list", "--player", player, "--kind", "bet", "--from", "2020-01-01")
    assert [row["tx_id"] for row in only] == [played.bet_tx_id]
    assert played.rows("transactions", "list", "--player", player, "--to", "2020-01-01") == []
    shown = json.loads(played.installation.command("transactions", "show", played.bet_tx_id, "--json"))
    assert [posting["amount_minor"] for posting in shown["postings"]] == ["-10", "10"]
    assert [(it["kind"], it["link"]) for it in shown["chain"]] == [("BET", "ASKED"), ("WIN", "REFERRER")]
    assert "REFERRER" in played.installation.command("transactions", "show", played.bet_tx_id)
    missing = played.installation.run("transactions", "show", "01890000-0000-7000-8000-00000000dead")
    assert (missing.returncode, "there is no transaction" in missing.stderr) == (1, True)
    assert played.installation.run("transactions", "show", "x").returncode == 2


def test_withdrawals(played: Played) -> None:
    player = str(played.player.player_id)
    rows = played.rows("withdrawals", "list", "--player", player)
    assert [row["state"] for row in rows] == ["SETTLED", "RESERVED"]
    (row,) = played.rows("withdrawals", "list", "--player", player, "--state", "reserved")
    assert row["withdrawal_id"] == played.held.withdrawal_id
    assert played.rows("withdrawals", "list", "--player", player, "--older-than", "1h") == []
    shown = json.loads(played.installation.command("withdrawals", "show", played.paid.withdrawal_id, "--json"))
    assert (shown["state"], shown["amount_minor"]) == ("SETTLED", "5")
    assert shown["ending_tx_id"]
    assert played.installation.run("withdrawals", "show", "none").returncode == 1
    assert "is no age" in played.installation.run("withdrawals", "list", "--older-than", "soon").stderr


def test_sessions(played: Played) -> None:
    (token,) = [
        row["session_token"]
        for row in played.rows("sessions", "list", "--status", "open", "--source", "games", "--limit", "1000")
        if row["session_token"] == played.session.token
    ]
    shown = json.loads(played.installation.command("sessions", "show", token, "--json"))
    assert (shown["lock_amount_minor"], shown["status"]) == ("20", "OPEN")
    assert played.installation.run("sessions", "show", "none").returncode == 1
