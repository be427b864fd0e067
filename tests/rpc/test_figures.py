"""Figures over gRPC: what they are made of, who may ask, and what is refused."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from support.backoffice import BackofficeCaller, backoffice_of
from support.database import Installation
from support.refusals import Refusal
from support.sessions import sessions_of
from support.waiting import wait_until
from support.wallet import Wallet

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import wallet_pb2
from wallet_grpc.rpc.backoffice.pages import write_token

REQUESTS = (
    pb.GetTrialBalanceRequest(),
    pb.GetLiabilitiesRequest(),
    pb.GetGamingRevenueRequest(),
    pb.GetStatementRequest(player_id=1),
)


@pytest.fixture(autouse=True)
def office(wallet: Wallet) -> BackofficeCaller:
    """The back office of a server that has begun to count: one that has just been started has not."""
    made = backoffice_of(wallet)
    wait_until(lambda: not isinstance(made.attempt(REQUESTS[0]), Refusal), what="the open day is counted")
    return made


def whole(office: BackofficeCaller, request: Any, field: str) -> list[Any]:
    """Read a report to its end, page by page."""
    rows: list[Any] = []
    while True:
        answer = office.call(request)
        rows += getattr(answer, field)
        if not answer.next_page_token:
            return rows
        request.page_token = answer.next_page_token


def stamp(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_backoffice_and_auditors_may_ask(wallet: Wallet, request_: pb.GetTrialBalanceRequest) -> None:
    for name in ("backoffice", "auditor"):
        assert backoffice_of(wallet, name).call(request_).HasField("basis")
    for name in ("games", "payments", "credit"):
        backoffice_of(wallet, name).refused(request_, "CALL_NOT_ALLOWED")


def test_the_trial_balance_sums_to_zero_with_the_open_day_live(wallet: Wallet, office: BackofficeCaller) -> None:
    player = wallet.player("70")
    before = office.call(pb.GetTrialBalanceRequest())
    wallet.send(player.bet("30"))
    after = office.call(pb.GetTrialBalanceRequest())
    assert after.basis.includes_open_day
    assert after.basis.as_of.ToDatetime() >= before.basis.as_of.ToDatetime()
    main = [
        next(
            int(row.balance_minor)
            for row in answer.rows
            if (row.currency_network_id, row.account) == (player.currency_network_id, "MAIN")
        )
        for answer in (before, after)
    ]
    assert main[1] - main[0] == -30
    for network in {row.currency_network_id for row in after.rows}:
        assert sum(int(row.balance_minor) for row in after.rows if row.currency_network_id == network) == 0
    for row in after.rows:
        assert int(row.credits_minor) - int(row.debits_minor) == int(row.balance_minor)
        assert row.rows.currency_network_id == row.currency_network_id
        assert row.account in row.rows.in_words


def test_what_is_owed_counts_play_that_is_not_settled(wallet: Wallet, office: BackofficeCaller) -> None:
    player = wallet.player("100")

    def owed() -> dict[str, int]:
        return {
            row.account: int(row.amount_minor)
            for row in office.call(pb.GetLiabilitiesRequest()).rows
            if row.currency_network_id == player.currency_network_id
        }

    before = owed()
    sessions = sessions_of(wallet)
    play = sessions.open(player, "60")
    sessions.applied(play.bet("25"))
    after = owed()
    assert after["MAIN"] - before["MAIN"] == -60
    assert after["SESSION_HOLD"] - before.get("SESSION_HOLD", 0) == 60
    assert after["SESSION_PLAY"] - before.get("SESSION_PLAY", 0) == -25


def test_revenue_of_a_game_is_its_bets_less_its_wins(wallet: Wallet, office: BackofficeCaller) -> None:
    player = wallet.player("1000")
    game = f"game-{player.player_id}"
    bet = player.bet("50", game_code=game)
    wallet.send(bet)
    wallet.send(player.win("20", of=bet))
    other = player.bet("7", game_code=game)
    wallet.send(other)
    wallet.send(player.rollback(other))
    asked = pb.GetGamingRevenueRequest(by=[pb.REVENUE_BY_GAME, pb.REVENUE_BY_DAY, pb.REVENUE_BY_SOURCE], page_size=50)
    (row,) = [row for row in whole(office, asked, "rows") if row.game_code == game]
    assert (row.bets_minor, row.wins_minor, row.rolled_back_bets_minor, row.revenue_minor) == ("57", "20", "7", "30")
    assert (row.bets, row.wins, row.source, row.is_open) == (2, 1, "games", True)
    assert row.rows.game_code == game
    assert row.day.ToDatetime() <= datetime.now(UTC).replace(tzinfo=None)


def test_revenue_of_a_period_tells_which_whole_days_it_counted(wallet: Wallet, office: BackofficeCaller) -> None:
    wallet.send(wallet.player("10").bet("1"))
    by_day = whole(office, pb.GetGamingRevenueRequest(by=[pb.REVENUE_BY_DAY]), "rows")
    began = max(row.day.ToDatetime(tzinfo=UTC) for row in by_day)
    minute, day = timedelta(minutes=1), timedelta(days=1)
    asked = pb.GetGamingRevenueRequest(**{"from": stamp(began - minute), "to": stamp(began + minute)})
    row = office.call(asked).rows[0]
    assert getattr(row.rows, "from").ToDatetime(tzinfo=UTC) == began
    assert row.rows.to.ToDatetime(tzinfo=UTC) == began + day
    for ends_at in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)):
        office.call(pb.GetGamingRevenueRequest(**{"from": stamp(ends_at), "to": stamp(ends_at)}))


def test_a_statement_tells_what_moved(wallet: Wallet, office: BackofficeCaller) -> None:
    player = wallet.player("90")
    wallet.send(player.bet("40"))
    answer = office.call(pb.GetStatementRequest(player_id=player.player_id))
    (account,) = answer.accounts
    assert (account.account, account.opening_minor, account.closing_minor) == ("MAIN", "0", "50")
    assert [(total.kind, total.amount_minor) for total in account.totals] == [
        (wallet_pb2.TRANSACTION_KIND_BET, "-40"),
        (wallet_pb2.TRANSACTION_KIND_DEPOSIT, "90"),
    ]
    assert [line.balance_after_minor for line in answer.lines] == ["90", "50"]
    line_by_line = whole(office, pb.GetStatementRequest(player_id=player.player_id, page_size=1), "lines")
    assert line_by_line == list(answer.lines)


def test_a_statement_goes_on_after_a_page_of_another_release(
    wallet: Wallet, office: BackofficeCaller, installation: Installation
) -> None:
    """Its tokens are those of 0.1.0, given and taken, so a page may come from either server while one is rolled out."""
    player = wallet.player("90")
    wallet.send(player.bet("40"))
    asked = pb.GetStatementRequest(player_id=player.player_id)
    deposited, bet = office.call(asked).lines
    ((entry_no,),) = installation.rows(
        f"SELECT entry_no FROM ledger_entries WHERE tx_id = '{deposited.tx_id}' AND account_version IS NOT NULL"
    )
    made_before = write_token((deposited.tx_id, entry_no))
    asked.page_size, asked.page_token = 1, made_before
    assert list(office.call(asked).lines) == [bet]
    asked.page_token = ""
    assert office.call(asked).next_page_token == made_before
    for place in ((str(uuid.uuid4()), 1), (7, 1)):
        asked.page_token = write_token(place)
        answer = office.attempt(asked)
        assert isinstance(answer, Refusal)
        assert answer.reason == "INVALID_FIELD"


def test_a_statement_of_the_past_waits_for_who_is_storing(
    wallet: Wallet, office: BackofficeCaller, installation: Installation
) -> None:
    """A row of that time may still appear; so nothing is told until the store has ended."""
    player = wallet.player("90")
    asked = pb.GetStatementRequest(player_id=player.player_id, to=stamp(datetime.now(UTC)))
    with installation.connect() as storing:
        storing.execute("LOCK TABLE ledger_transactions IN ROW EXCLUSIVE MODE")
        assert office.attempt(asked).reason == "DATABASE_UNAVAILABLE"
    answer = office.call(asked)
    assert answer.basis.closed_until == answer.basis.as_of == asked.to
    asked.to.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    assert not office.call(asked).basis.HasField("closed_until")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.GetTrialBalanceRequest(at=stamp(datetime.now(UTC) + timedelta(days=2))), "at"),
        (pb.GetLiabilitiesRequest(at=Timestamp(nanos=-1)), "at"),
        (pb.GetGamingRevenueRequest(by=[9]), "by"),
        (pb.GetGamingRevenueRequest(page_token="x"), "page_token"),
        (pb.GetStatementRequest(player_id=0), "player_id"),
    ],
    ids=["ahead", "no time", "no way", "no token", "nobody"],
)
def test_what_cannot_be_asked_is_refused(
    office: BackofficeCaller, request_: pb.GetStatementRequest, field: str
) -> None:
    refusal = office.attempt(request_)
    assert refusal.reason in {"INVALID_FIELD", "MISSING_FIELD"}
    assert field in str(refusal)


def test_commands_report_the_same(installation: Installation, wallet: Wallet, office: BackofficeCaller) -> None:
    player = wallet.player("33")
    wallet.send(player.bet("12", game_code=f"game-{player.player_id}"))
    told = office.call(pb.GetTrialBalanceRequest())

    def reported(*arguments: str) -> Any:
        done = installation.run("report", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    rows = reported("trial-balance")
    assert [(row["currency_network_id"], row["account"], row["balance_minor"]) for row in rows] == [
        (row.currency_network_id, row.account, row.balance_minor) for row in told.rows
    ]
    assert {"MAIN", "SESSION_HOLD"} >= {row["account"] for row in reported("liabilities")} & {"MAIN", "HOUSE"}
    (game,) = [row for row in reported("revenue", "--by", "game") if row["game_code"] == f"game-{player.player_id}"]
    assert (game["bets_minor"], game["revenue_minor"], game["is_open"]) == ("12", "12", True)
    lines = reported("statement", str(player.player_id))
    assert [line["amount_minor"] for line in lines] == ["33", "-12"]
    (account,) = reported("statement", str(player.player_id), "--accounts")
    assert account["closing_minor"] == "21"
    done = installation.run("report", "trial-balance", "--at", "2999-01-01")
    assert done.returncode == 2
    assert "is yet to come" in done.stderr
    printed = installation.run("report", "statement", str(player.player_id), "--csv").stdout
    assert printed.startswith("created_at,tx_id,kind,")
