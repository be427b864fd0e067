"""`wallet reconcile`: what a source played in a period, inside sessions and outside, and how its own file differs."""

import csv
import io
import json
from pathlib import Path

import pytest
from support.database import Installation
from support.server import WalletServer
from support.sessions import sessions_of

PERIOD = ("reconcile", "--source", "games", "--from", "2020-01-01", "--to", "2100-01-01")


@pytest.fixture(scope="module")
def played(module_installation: Installation) -> tuple[Installation, str]:
    """A few transactions of two sources, and what is to be told of one of them."""
    with WalletServer(module_installation) as server:
        wallet = server.wallet()
        player = wallet.player("100")
        games, others = sessions_of(wallet), sessions_of(wallet, wallet.other_games)
        play = games.open(player, "50")
        bet = play.bet("10", transaction_id="b1", round_id="1")
        win = play.win("7", of=bet, transaction_id="w1", round_closed=True)
        games.batch(
            [bet, win, play.bet("5", transaction_id="b2", round_id="2"), play.rollback("never", transaction_id="r")]
        )
        games.call(play.settle())
        games.applied(play.win("3", win_kind=4, transaction_id="late"), late=True)
        outside = player.bet("1", transaction_id="outside", round_id="9")
        wallet.applied(outside)
        others.applied(others.open(player, "1").bet("1", transaction_id="b1"))
    return module_installation, play.token


def test_transactions_as_csv_json_and_table(played: tuple[Installation, str]) -> None:
    installation, token = played
    rows = list(csv.DictReader(io.StringIO(installation.command(*PERIOD, "--format", "csv"))))
    told = {row["transaction_id"]: row for row in rows}
    assert set(told) == {"b1", "w1", "b2", "r", "never", "late", "outside"}
    assert len(rows) == len(told)
    assert (told["b1"]["session_token"], told["b1"]["amount_minor"], told["b1"]["round_id"]) == (token, "10", "1")
    assert (told["outside"]["session_token"], told["late"]["late"], told["b1"]["late"]) == ("", "True", "False")
    as_json = json.loads(installation.command(*PERIOD, "--format", "json"))
    assert {row["transaction_id"]: row["amount_minor"] for row in as_json} == {
        name: row["amount_minor"] for name, row in told.items()
    }
    table = installation.command(*PERIOD)
    assert len(table.splitlines()) == 8
    assert token in table
    nothing = ("reconcile", "--source", "games", "--from", "2020-01-01", "--to", "2020-01-02", "--format", "json")
    assert json.loads(installation.command(*nothing)) == []


def test_the_columns_are_printed_in_their_order_with_and_without_rows(
    played: tuple[Installation, str], tmp_path: Path
) -> None:
    installation, _ = played
    theirs = tmp_path / "theirs.csv"
    theirs.write_text("transaction_id\n")
    nothing = ("reconcile", "--source", "games", "--from", "2020-01-01", "--to", "2020-01-02")
    transactions = (
        "session_token,transaction_id,kind,status,player_id,currency_network_id,game_code,round_id,round_closed,"
        "amount_minor,win_amount_minor,reference_transaction_id,late,tx_id,created_at"
    )
    rounds = (
        "session_token,player_id,currency_network_id,game_code,round_id,closed,bets_minor,wins_minor,"
        "rolled_back_bets_minor,rolled_back_wins_minor,transactions"
    )
    differences = "finding,session_token,transaction_id,detail"
    for flags, columns in (((), transactions), (("--rounds",), rounds), (("--against", str(theirs)), differences)):
        assert installation.run(*PERIOD, *flags, "--format", "csv").stdout.splitlines()[0] == columns
        assert installation.run(*nothing, *flags, "--format", "csv").stdout.splitlines() == [columns]


def test_rounds(played: tuple[Installation, str]) -> None:
    installation, token = played
    rows = json.loads(installation.command(*PERIOD, "--rounds", "--format", "json"))
    told = {(row["session_token"], row["round_id"]): row for row in rows}
    assert set(told) == {(token, "1"), (token, "2"), ("", "9")}
    first = told[token, "1"]
    assert (first["closed"], first["bets_minor"], first["wins_minor"], first["transactions"]) == (True, "10", "7", 2)
    assert told[token, "2"]["closed"] is False


def test_against_a_file(played: tuple[Installation, str], tmp_path: Path) -> None:
    installation, token = played
    theirs = tmp_path / "theirs.csv"
    right = [
        (token, "b1", "BET", "10"),
        (token, "w1", "win", "7"),
        (token, "b2", "BET", "5"),
        (token, "late", "WIN", "3"),
        ("", "outside", "BET", "1"),
    ]

    def compared(rows: list[tuple[str, ...]]) -> tuple[int, dict[str, tuple[str, str]]]:
        lines = ["session_token,transaction_id,kind,amount_minor", *(",".join(row) for row in rows)]
        theirs.write_text("\n".join(lines))
        done = installation.run(*PERIOD, "--against", str(theirs), "--format", "json")
        assert done.returncode in {0, 1}, done.stderr
        return done.returncode, {
            row["transaction_id"]: (row["finding"], row["detail"]) for row in json.loads(done.stdout)
        }

    assert compared(right) == (0, {})
    assert compared([*right[:2], (token, "b2", "BET", "6"), right[3], ("", "unknown", "BET", "1")]) == (
        1,
        {
            "b2": ("different", "amount_minor 5 here, 6 there"),
            "outside": ("extra", ""),
            "unknown": ("missing", ""),
        },
    )
    theirs.write_text("id,amount\nx,1\n")
    done = installation.run(*PERIOD, "--against", str(theirs))
    assert done.returncode == 1
    assert "transaction_id" in done.stderr
