"""History: each transaction once, in pages that neither arrivals nor filters disturb."""

import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cookies import token
from support.database import Installation
from support.http_api import TRANSACTIONS, ApiServer
from support.requests import ETH_ETHEREUM, USDT_ETHEREUM, Player, fail, settle
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb

FIELDS = {
    "tx_id", "kind", "transaction_id", "amount_minor", "balance_after_minor", "currency", "network", "game_code",
    "round_id", "created_at",
}  # fmt: skip


def amounts(items: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(item["kind"], item["amount_minor"], item["balance_after_minor"]) for item in items]


def test_a_player_never_seen_has_no_history(api: ApiServer) -> None:
    assert api.get(TRANSACTIONS, 2**62 + 1) == {"transactions": [], "next_cursor": None}


def test_every_kind_is_shown_as_the_player_sees_it(api: ApiServer, wallet: Wallet) -> None:
    player = wallet.player("100")
    bet, win_bet, spin = player.bet("10"), player.bet("1"), player.bet_and_win("20", "5")
    win, first, second = player.win("30", of=win_bet), player.reserve("40"), player.reserve("15")
    for request in (
        bet,
        player.rollback(bet),
        win_bet,
        win,
        player.rollback(win),
        spin,
        player.rollback(spin),
        player.bet("0"),
        first,
        settle(first, "3"),
        second,
        fail(second),
        player.adjust("7", pb.DIRECTION_CREDIT),
        player.adjust("2", pb.DIRECTION_DEBIT),
        player.bet_and_win("1", "4"),
    ):
        wallet.applied(request)
    wallet.send(player.rollback("never-seen"))  # VOIDED, with a tombstone: nothing that a player would see
    wallet.send(player.state(pb.PLAYER_STATE_BLOCKED))
    items = api.history(player.player_id, limit=4)
    assert amounts(items)[::-1] == [
        ("DEPOSIT", "100", "100"),
        ("BET", "-10", "90"),
        ("ROLLBACK", "10", "100"),
        ("BET", "-1", "99"),
        ("WIN", "30", "129"),
        ("ROLLBACK", "-30", "99"),
        ("BET_AND_WIN", "-15", "84"),
        ("ROLLBACK", "15", "99"),
        ("BET", "0", "99"),
        ("WITHDRAWAL_RESERVATION", "-40", "59"),
        ("WITHDRAWAL_SETTLEMENT", "0", "59"),
        ("WITHDRAWAL_RESERVATION", "-15", "44"),
        ("WITHDRAWAL_FAILURE", "15", "59"),
        ("ADJUSTMENT", "7", "66"),
        ("ADJUSTMENT", "-2", "64"),
        ("BET_AND_WIN", "3", "67"),
    ]
    assert {frozenset(item) for item in items} == {frozenset(FIELDS)}
    shown = next(item for item in items if item["transaction_id"] == win.transaction_id)
    assert (shown["game_code"], shown["round_id"]) == (win.game_code, win.round_id)
    assert (shown["currency"], shown["network"]) == ("USDT", "TRON")
    assert items[-1]["game_code"] is None


def test_amounts_of_38_digits_are_exact(api: ApiServer, wallet: Wallet) -> None:
    player = Player(currency_network_id=ETH_ETHEREUM)
    most = "9" * 38
    wallet.fund(player, most)
    wallet.fund(player, most)
    wallet.applied(player.bet(most))
    total = str(2 * int(most))
    assert amounts(api.history(player.player_id)) == [
        ("BET", f"-{most}", most),
        ("DEPOSIT", most, total),
        ("DEPOSIT", most, most),
    ]
    assert api.balances(player.player_id)["ETH", "ETHEREUM"]["total_minor"] == most


@pytest.fixture(scope="module")
def long_history(wallet_and_installation: Any) -> Player:
    """A player with 450 transactions: two networks, and one adjustment far back."""
    wallet = wallet_and_installation.wallet
    player = wallet.player("1000000")
    wallet.applied(player.adjust("1", pb.DIRECTION_CREDIT))
    other = wallet.fund(player.on(USDT_ETHEREUM), "1000")
    wallet.batch([(other if number % 10 == 0 else player).bet("1") for number in range(447)])
    return player


def test_pages_are_as_long_as_was_asked(api: ApiServer, long_history: Player) -> None:
    for limit in (1, 50, 200):
        items, cursor = api.page(long_history.player_id, limit=limit)
        assert len(items) == limit
        assert cursor is not None
    assert len(api.page(long_history.player_id)[0]) == 50
    assert len(api.history(long_history.player_id, limit=200)) == 450


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    limit=st.integers(1, 200),
    kind=st.sampled_from([None, "BET", "DEPOSIT", "ADJUSTMENT", "WIN"]),
    network=st.sampled_from([None, "TRON", "ETHEREUM", "NOWHERE"]),
    currency=st.sampled_from([None, "USDT", "ETH"]),
    window=st.tuples(st.integers(0, 449), st.integers(0, 449)) | st.none(),
)
def test_pages_together_are_the_filtered_whole(
    api: ApiServer,
    long_history: Player,
    *,
    limit: int,
    kind: str | None,
    network: str | None,
    currency: str | None,
    window: tuple[int, int] | None,
) -> None:
    if limit < 20:
        limit = 20 + limit  # enough pages, and not hundreds of requests for each example
    whole = api.history(long_history.player_id, limit=200)
    filters = {"kind": kind, "network": network, "currency": currency}
    if window is not None:
        filters |= {"from_": whole[max(window)]["created_at"], "to": whole[min(window)]["created_at"]}
    wanted = {name: value for name, value in filters.items() if value is not None}
    expected = [
        item
        for item in whole
        if kind in {None, item["kind"]}
        and network in {None, item["network"]}
        and currency in {None, item["currency"]}
        and (window is None or filters["from_"] <= item["created_at"] < filters["to"])  # type: ignore[operator]
    ]
    assert api.history(long_history.player_id, limit=limit, **wanted) == expected


def test_a_rare_kind_costs_a_bounded_page_and_is_found_by_going_on(api: ApiServer, long_history: Player) -> None:
    items, cursor = api.page(long_history.player_id, kind="ADJUSTMENT")
    assert items == []
    assert cursor is not None
    assert [item["kind"] for item in api.history(long_history.player_id, kind="ADJUSTMENT")] == ["ADJUSTMENT"]


def test_times_may_have_any_offset_and_bound_half_open(api: ApiServer, long_history: Player) -> None:
    items = api.history(long_history.player_id, limit=200)
    first = items[-1]["created_at"]
    east = (datetime.fromisoformat(first) + timedelta(hours=5)).replace(tzinfo=None).isoformat() + "+05:00"
    assert [item["kind"] for item in api.history(long_history.player_id, to=first)] == []
    before_the_second = items[-2]["created_at"]
    assert api.history(long_history.player_id, from_=east, to=before_the_second) == items[-1:]
    assert api.history(long_history.player_id, from_="9999-12-31T23:59:59Z") == []
    assert api.history(long_history.player_id, to="0001-01-01T00:00:00Z") == []


@pytest.fixture
def odd_times(wallet: Wallet, installation: Installation) -> Iterator[Player]:
    """A player whose transactions lie up to a minute beside their place in the order; put right for others' tests."""
    player = wallet.player("1000000")
    wallet.batch([player.bet("1") for _ in range(240)])
    known = {"owner_id": player.player_id}
    with psycopg.connect(installation.admin_dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "CREATE TEMPORARY TABLE right_times AS"
            " SELECT tx_id, created_at FROM ledger_transactions WHERE owner_id = %(owner_id)s",
            known,
        )
        connection.execute(
            """
            UPDATE ledger_transactions
            SET created_at = '2026-01-01T00:00:00Z'::TIMESTAMPTZ
                + owner_version * INTERVAL '5 seconds' - (owner_version * 37 %% 60) * INTERVAL '1 second'
            WHERE owner_id = %(owner_id)s
            """,
            known,
        )
        connection.commit()
        yield player
        connection.execute(
            "UPDATE ledger_transactions AS rows SET created_at = right_times.created_at FROM right_times"
            " WHERE rows.owner_id = %(owner_id)s AND rows.tx_id = right_times.tx_id",
            known,
        )


def test_times_are_found_where_the_databases_clock_went_back_by_up_to_a_minute(
    api: ApiServer, odd_times: Player
) -> None:
    """What is between two of such times is shown all the same."""
    whole = api.history(odd_times.player_id, limit=200)
    times = sorted(item["created_at"] for item in whole)
    assert times != [item["created_at"] for item in reversed(whole)]
    for first, last in itertools.combinations(times[::30], 2):
        between = [item for item in whole if first <= item["created_at"] < last]
        assert between
        assert api.history(odd_times.player_id, limit=200, from_=first, to=last) == between


def test_what_arrives_meanwhile_shifts_no_page(api: ApiServer, wallet: Wallet) -> None:
    player = wallet.player("1000000")
    wallet.batch([player.bet("1") for _ in range(300)])
    before = api.history(player.player_id, limit=200)
    stop = threading.Event()

    def play() -> None:
        while not stop.is_set():
            wallet.applied(player.bet("1"))

    playing = threading.Thread(target=play)
    playing.start()
    try:
        for limit in (7, 50, 199):
            seen = api.history(player.player_id, limit=limit)
            ids = [item["tx_id"] for item in seen]
            assert len(set(ids)) == len(ids)
            assert ids == sorted(ids, reverse=True)
            assert seen[-len(before) :] == before
    finally:
        stop.set()
        playing.join()


@pytest.mark.parametrize(
    ("field", "parameters"),
    [
        ("limit", "limit=0"),
        ("limit", "limit=201"),
        ("limit", "limit=-1"),
        ("limit", "limit=1.5"),
        ("limit", "limit="),
        ("limit", "limit=%D9%A2"),
        ("limit", "limit=01"),
        ("limit", "limit=1&limit=1"),
        ("cursor", "cursor="),
        ("cursor", "cursor=abc"),
        ("cursor", "cursor=" + "A" * 28),
        ("cursor", "cursor=" + "%00" * 28),
        ("cursor", "cursor=" + "%F0%9F%98%80" * 28),
        ("currency", "currency="),
        ("currency", "currency=US%20DT"),
        ("currency", "currency=%ff"),
        ("network", "network=" + "N" * 65),
        ("kind", "kind=bet"),
        ("kind", "kind=TOMBSTONE"),
        ("kind", "kind=PLAYER_STATE"),
        ("kind", "kind='%20OR%201=1"),
        ("from", "from=yesterday"),
        ("from", "from=2026-01-01"),
        ("from", "from=2026-01-01T00:00:00"),
        ("from", "from=2026-13-01T00:00:00Z"),
        ("to", "to=1767225600"),
        ("to", "to=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(api: ApiServer, field: str, parameters: str) -> None:
    problem = api.ask(f"{TRANSACTIONS}?{parameters}", cookie=token(1)).problem(400, "INVALID_FIELD")
    assert problem["field"] == field


def test_a_cursor_that_was_changed_is_refused(api: ApiServer, long_history: Player) -> None:
    _, cursor = api.page(long_history.player_id)
    assert cursor is not None
    for position in range(len(cursor)):
        other = "B" if cursor[position] != "B" else "C"
        changed = cursor[:position] + other + cursor[position + 1 :]
        answer = api.ask(f"{TRANSACTIONS}?cursor={changed}", cookie=token(1))
        assert answer.problem(400, "INVALID_FIELD")["field"] == "cursor"


def test_another_players_cursor_shows_ones_own_history_alone(
    api: ApiServer, wallet: Wallet, long_history: Player
) -> None:
    _, cursor = api.page(long_history.player_id)
    newcomer = wallet.player("5")
    items, further = api.page(newcomer.player_id, cursor=cursor)
    assert (items, further) == (api.history(newcomer.player_id), None)


def test_a_page_walks_the_owners_index_and_no_further_than_it_must(
    installation: Installation, long_history: Player
) -> None:
    from wallet_api.database import _PLANS
    from wallet_api.sql import HISTORY, statement

    page = statement(HISTORY, "page")
    values = {
        "player_id": long_history.player_id,
        "before_version": 2**63 - 1,
        "kind": None,
        "currency_network_ids": None,
        "created_from": None,
        "created_to": None,
        "scan_rows_max": 200,
        "rows_max": 51,
    }

    def looked_at(**changes: Any) -> int:
        options = " ".join(f"-c {name}={value}" for name, value in _PLANS.items())
        with psycopg.connect(installation.api_dsn, cursor_factory=psycopg.RawCursor, options=options) as connection:
            explain = b"EXPLAIN (ANALYZE, FORMAT JSON) " + page.text
            row = connection.execute(explain, page.values(values | changes)).fetchone()
        assert row is not None
        scans = [node for node in _nodes(row[0][0]["Plan"]) if node.get("Relation Name") == "ledger_transactions"]
        assert {node["Index Name"] for node in scans} == {"ledger_transactions_owner_version_key"}, scans
        return sum(int(node["Actual Rows"] * node["Actual Loops"]) for node in scans)

    assert looked_at() <= 52
    assert looked_at(kind="ADJUSTMENT") == 200
    now = datetime.now(UTC)
    assert looked_at(created_to=now + timedelta(hours=1)) <= 52 + 1 + 9  # 450 transactions are halved nine times
    assert looked_at(created_from=now + timedelta(hours=1)) <= 1 + 9


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in _nodes(child))]
