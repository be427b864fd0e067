"""Operators' look-ups touch as many rows as a page has, wherever it lies: over 100,000 transactions.

With and without statistics: a list that was planned for a young ledger is read in an old one.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from support.database import Installation, own_installation

from wallet_grpc.domain.identifiers import first_id_at
from wallet_grpc.store.background.summaries import INDEXES, SummaryStore
from wallet_grpc.store.connection import kinds
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.slices import MOVEMENTS, PLANS, SLICES

_TRANSACTIONS = 100_000
_PLAYERS = 500
_COLLECTOR = 8
"""A player with more open sessions than one page may look at, who opened them in no order of their ids."""
_OPEN_SESSIONS = 3_000
_SCAN_ROWS = 1_000
_SEARCHES = 300
_PAGE = 101
_LAST_UUID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_FIRST_UUID = "00000000-0000-0000-0000-000000000000"
_BIG = {"ledger_transactions", "ledger_entries", "sessions", "subledger_entries", "withdrawals", "accounts"}

_FILL = """
    SET session_replication_role = replica;
    INSERT INTO ledger_transactions (
        tx_id, owner_id, owner_version, source, reference, key_hash, kind, status, currency_network_id, amount_minor,
        game_code, round_id, round_hash, closes_round, entry_count, details, created_at
    )
    SELECT
        (lpad(to_hex(1767225600000 + number), 12, '0') || '7' || substr(md5(number::TEXT), 1, 3)
            || '8' || substr(md5(number::TEXT), 4, 15))::UUID,
        1 + number % {players}, 1 + number / {players}, CASE WHEN number = 77 THEN 'rare' ELSE 'games' END, number,
        md5(number::TEXT)::UUID,
        CASE number % 1000 WHEN 3 THEN 'DEPOSIT' WHEN 4 THEN 'PLAYER_STATE' WHEN 5 THEN 'WITHDRAWAL_RESERVATION'
            ELSE 'BET' END,
        'APPLIED', 1, 1, 'g', 'r-' || number, md5('r' || number)::UUID, FALSE, 0,
        CASE number % 1000 WHEN 3 THEN jsonb_build_object('tx_hash', md5(number::TEXT)) END,
        '2026-01-01T00:00:00Z'::TIMESTAMPTZ + number * INTERVAL '1 millisecond'
    FROM generate_series(1, {transactions}) AS number;
    INSERT INTO sessions (
        session_id, owner_id, source, currency_network_id, game_code, lock_amount_minor, rail, ttl_asked_s, opened_at,
        expires_at, state, payout_minor, open_rounds, settlement_tx_id, settled_at
    )
    SELECT tx_id, owner_id, 'games', 1, 'g', 1, 'ledger', 0, created_at, created_at, 'SETTLED', 0, 0, tx_id, created_at
    FROM ledger_transactions WHERE owner_version % 10 = 0;
    INSERT INTO sessions (
        session_id, owner_id, source, currency_network_id, game_code, lock_amount_minor, rail, ttl_asked_s, opened_at,
        expires_at, state
    )
    SELECT tx_id, {collector}, 'games', 1, 'g', 1, 'ledger', 0, created_at, created_at, 'OPEN'
    FROM ledger_transactions WHERE owner_version % 10 = 2 ORDER BY md5(tx_id::TEXT) LIMIT {open_sessions};
    INSERT INTO withdrawals
    SELECT tx_id::TEXT, owner_id, 1, 1, CASE WHEN owner_version % 100 = 0 THEN 'RESERVED' ELSE 'SETTLED' END,
        created_at, created_at
    FROM ledger_transactions WHERE owner_version % 10 = 1;
    INSERT INTO players
    SELECT number, CASE WHEN number % 10 = 0 THEN 'BLOCKED' ELSE 'ACTIVE' END FROM generate_series(1, {players}) number;
    INSERT INTO subledger_entries (
        subledger_id, entry_no, owner_id, kind, status, transaction_id, key_hash, amount_minor, change_minor,
        balance_after_minor, open_rounds, round_id, round_hash, closes_round, late, created_at
    )
    SELECT session_id, 1, owner_id, 'BET', 'APPLIED', 's-' || session_id, session_id, 1, -1, 1, 0,
        'r-' || session_id, session_id, FALSE, FALSE, opened_at
    FROM sessions;
    INSERT INTO adjustment_proposals (
        proposal_id, proposed_at, key_hash, player_id, currency_network_id, amount_minor, direction, source,
        transaction_id, operator, actor, reason
    )
    SELECT tx_id, created_at, key_hash, owner_id, 1, 1, 'CREDIT', 'desk', reference, 'anna', 'anna', 'seen'
    FROM ledger_transactions WHERE owner_version % 10 = 3;
    INSERT INTO adjustment_decisions (proposal_id, decided_at, verdict, operator, reason)
    SELECT proposal_id, proposed_at, 'REFUSED', 'bert', 'seen' FROM adjustment_proposals WHERE player_id % 10 > 0;
    INSERT INTO operator_actions (action_id, acted_at, kind, channel, operator, subject, player_id)
    SELECT proposal_id, proposed_at, 'PROPOSAL', 'CALL', 'anna', 'a player', player_id FROM adjustment_proposals;
"""

_WALK = {
    "player_id": 7,
    "source": None,
    "kinds": None,
    "currency_network_id": None,
    "game_code": None,
    "round_id": None,
    "begins_at": None,
    "ends_at": None,
    "before_tx_id": _LAST_UUID,
    "from_tx_id": _FIRST_UUID,
    "before_version": 2**62,
    "scan_rows_max": _SCAN_ROWS,
    "rows_max": _PAGE,
}
_LATE_SIX = "2026-01-01T00:00:10Z"
_SESSIONS = {
    "player_id": 7,
    "source": "games",
    "status": None,
    "after_id": _LAST_UUID,
    "first_id_after": _LAST_UUID,
    "scan_rows_max": _SCAN_ROWS,
    "rows_max": _PAGE,
}
_WITHDRAWALS = {
    "states": ["RESERVED", "SETTLED"],
    "player_id": 7,
    "older_than": "1 second",
    "after_time": "2026-01-01T00:00:30Z",
    "after_id": "",
    "rows_max": _PAGE,
}
_TRAIL = {
    "player_id": None,
    "state": None,
    "actor": None,
    "kind": None,
    "operator": None,
    "before": _LAST_UUID,
    "begins": _FIRST_UUID,
    "begins_at": "-infinity",
    "ends_at": "infinity",
    "looked_max": _SCAN_ROWS,
    "rows_max": _PAGE,
}
TRAIL_CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "proposals": ("proposals.sql", _TRAIL),
    "proposals, a long page": ("proposals.sql", _TRAIL | {"rows_max": _SCAN_ROWS}),
    "proposals that are open": ("proposals.sql", _TRAIL | {"state": "OPEN"}),
    "proposals of a player": ("proposals.sql", _TRAIL | {"player_id": 7}),
    "actions": ("actions.sql", _TRAIL),
    "actions, a long page": ("actions.sql", _TRAIL | {"rows_max": _SCAN_ROWS}),
    "actions of an operator": ("actions.sql", _TRAIL | {"actor": "anna", "operator": "anna"}),
    "actions of a kind": ("actions.sql", _TRAIL | {"kind": "PROPOSAL"}),
}
_SEARCH = {"rows_max": 51, "looked_at_max": 1_000, "uuid": _FIRST_UUID, "named": "r-31415", "player_id": 7}
_STATEMENT = {
    "player_id": 7,
    "network_id": None,
    "since_tx_id": first_id_at(datetime(2026, 1, 1, 0, 1, 34, tzinfo=UTC)),
    "until_tx_id": _LAST_UUID,
    "first_tx_id": first_id_at(datetime(2026, 1, 1, 0, 1, 35, tzinfo=UTC)),
    "end_tx_id": _LAST_UUID,
    "after_version": 188,
    "upto_version": 200,
    "after_tx_id": _FIRST_UUID,
    "owner_version": 200,
    "from_version": 189,
    "end_version": 201,
    "after_entry_no": 0,
    "rows_max": _PAGE,
}
"""Of the player's 200 transactions the last twelve or so, of 5,000 that all did."""
CASES: dict[str, tuple[str, str, dict[str, Any], int]] = {
    # What is looked up, and how many rows it may touch at most.
    "all, the newest": ("transactions.sql", "walk_all", _WALK, _SCAN_ROWS),
    "all, of a rare source": ("transactions.sql", "walk_all", _WALK | {"source": "rare"}, _SCAN_ROWS),
    "all, of a rare kind": ("transactions.sql", "walk_rare", _WALK | {"kinds": ["DEPOSIT", "PLAYER_STATE"]}, 1_000),
    "of a player": ("transactions.sql", "walk_player", _WALK, _SCAN_ROWS),
    "of a player in a period": (
        "transactions.sql",
        "walk_player",
        _WALK | {"begins_at": _LATE_SIX, "ends_at": _LATE_SIX},
        _SCAN_ROWS,
    ),
    "sessions, all": ("sessions.sql", "all_newest_first", _SESSIONS, _SCAN_ROWS),
    "sessions of a source": ("sessions.sql", "of_source_newest_first", _SESSIONS, _SCAN_ROWS),
    "sessions of a player": ("sessions.sql", "of_player_newest_first", _SESSIONS, _SCAN_ROWS),
    "sessions that are open": ("sessions.sql", "open_newest_first", _SESSIONS | {"status": "OPEN"}, _SCAN_ROWS),
    "open sessions of a player": ("sessions.sql", "open_of_player_newest_first", _SESSIONS, 10),
    "open sessions of a player who has many": (
        "sessions.sql",
        "open_of_player_oldest_first",
        _SESSIONS | {"player_id": _COLLECTOR, "after_id": "019b7700-0000-7000-8000-000000000000"},
        _PAGE,
    ),
    "withdrawals by age": ("withdrawals.sql", "oldest_first", _WITHDRAWALS, 3 * _PAGE),
    "withdrawals, the newest": ("withdrawals.sql", "newest_first", _WITHDRAWALS, 3 * _PAGE),
    "withdrawals of a player": ("withdrawals.sql", "of_player_newest_first", _WITHDRAWALS, 3 * _PAGE),
    "players of a state": (
        "players.sql",
        "walk_state",
        {"state": "BLOCKED", "after_player_id": 100, "rows_max": _PAGE},
        3 * _PAGE,
    ),
    "players, all": (
        "players.sql",
        "walk_all",
        {"state": None, "after_player_id": 100, "rows_max": _PAGE, "scan_rows_max": _SCAN_ROWS},
        6 * _PAGE,
    ),
    "a player's state": ("players.sql", "state", {"player_id": 7}, 10),
    "a player's day": ("players.sql", "today", {"player_id": 7, "scan_rows_max": 100}, 200),
    "search, by keys and hashes": (
        "search.sql",
        "transactions",
        _SEARCH | {"keys": [_FIRST_UUID] * 100, "tx_hashes": ["x", "y"]},
        10,
    ),
    "search, a round": ("search.sql", "rounds", _SEARCH, 16_000),
    "search, what was played in sessions": ("search.sql", "journals", _SEARCH, 16_000),
}


@pytest.fixture(scope="module", params=[True, False], ids=["analyzed", "not analyzed"])
def filled(migrated: Installation, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """A ledger with a long history, of which the wallet has made the summaries."""
    with own_installation(migrated) as made:
        with made.connect(autocommit=True) as connection:
            connection.execute(
                _FILL.format(
                    players=_PLAYERS,
                    transactions=_TRANSACTIONS,
                    collector=_COLLECTOR,
                    open_sessions=_OPEN_SESSIONS,
                )
            )
            if request.param:
                connection.execute("ANALYZE")
        asyncio.run(summarize(made.service_dsn))
        yield made


async def summarize(service_dsn: str) -> None:
    """Make the summaries as a server does, by its own rights."""
    pool = Pool(service_dsn, connections_max=1, wait_ms=5_000, timeout_ms=60_000, writes=True)
    try:
        for index_name in INDEXES:
            assert await SummaryStore(pool).summarize(index_name, since_page=0) > 0, index_name
    finally:
        await pool.close()


@pytest.mark.parametrize("case", CASES)
def test_a_look_up_touches_what_a_page_has(filled: Installation, case: str) -> None:
    file, name, parameters, rows_max = CASES[case]
    statement = statements("wallet_grpc.store.backoffice", file)[name]
    with kinds.connect(filled.admin_dsn, kinds.backoffice(timeout_ms=60_000), autocommit=True) as connection:
        plan = explained(connection, statement, parameters)
    scans = [node for node in nodes(plan) if node.get("Relation Name") in _BIG]
    assert not [node["Relation Name"] for node in scans if node["Node Type"] == "Seq Scan"]
    touched = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))
        * node["Actual Loops"]
        for node in scans
    )
    assert touched <= rows_max, plan


@pytest.mark.parametrize("case", TRAIL_CASES)
def test_a_page_of_the_trail_touches_each_row_that_is_looked_at_a_few_times(filled: Installation, case: str) -> None:
    file, parameters = TRAIL_CASES[case]
    statement = statements("wallet_grpc.store.trail", file)["page"]
    with kinds.connect(filled.admin_dsn, kinds.backoffice(timeout_ms=60_000), autocommit=True) as connection:
        plan = explained(connection, statement, parameters)
    touched = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0))
        * node["Actual Loops"]
        for node in nodes(plan)
    )
    assert touched <= 30 * _SCAN_ROWS, plan


@pytest.mark.parametrize("name", ["statement_start", "statement_moved", "statement_lines", "statement_made"])
def test_a_statement_reads_the_players_own_rows_since_it_began(filled: Installation, name: str) -> None:
    statement = statements("wallet_grpc.store.backoffice", "figures.sql")[name]
    with kinds.connect(filled.admin_dsn, kinds.backoffice(timeout_ms=60_000), autocommit=True) as connection:
        plan = explained(connection, statement, _STATEMENT)
    read = [node for node in nodes(plan) if str(node.get("Index Name")).startswith("ledger_transactions")]
    by_key = {"ledger_transactions_pkey"} if name == "statement_start" else set()
    assert {node["Index Name"] for node in read} == {"ledger_transactions_owner_version_key"} | by_key
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in read) <= 50


def test_a_round_that_nobody_played_is_looked_for_in_hardly_any_range(filled: Installation) -> None:
    statement = statements("wallet_grpc.store.backoffice", "search.sql")["rounds"]
    blocks = []
    with filled.connect() as connection:  # also the newest range, which autovacuum might do in between
        connection.execute("SELECT brin_summarize_new_values('ledger_transactions_round_id_idx')")
    with kinds.connect(filled.admin_dsn, kinds.backoffice(timeout_ms=60_000), autocommit=True) as connection:
        for number in range(_SEARCHES):
            plan = explained(connection, statement, _SEARCH | {"named": f"nothing-{number}"})
            (scan,) = [node for node in nodes(plan) if node["Node Type"] == "Bitmap Heap Scan"]
            blocks.append(scan["Lossy Heap Blocks"])
        pages = connection.execute("SELECT pg_relation_size('ledger_transactions') / 8192").fetchone()
    assert pages is not None
    assert sum(blocks) <= _SEARCHES * pages[0] * 0.005, "these rows are narrow: a range has more of them"


def test_what_bets_moved_is_counted_without_a_look_at_their_entries(filled: Installation) -> None:
    whole = {"first_tx_id": _FIRST_UUID, "end_tx_id": _LAST_UUID}
    with (
        kinds.connect(filled.admin_dsn, kinds.pooled(writes=False, timeout_ms=60_000), autocommit=True) as connection,
        connection.transaction(),
    ):
        connection.execute(PLANS)
        plan = explained(connection, SLICES[MOVEMENTS], whole)
    looks = [node["Actual Loops"] for node in nodes(plan) if node.get("Relation Name") == "ledger_entries"]
    assert looks == [_TRANSACTIONS * 3 // 1000], "one for each that is no bet"


@pytest.mark.parametrize(("walk", "begins"), [("oldest", _FIRST_UUID), ("newest", _LAST_UUID)])
def test_a_player_who_has_opened_any_number_of_sessions_has_all_of_them_listed(
    filled: Installation, walk: str, begins: str
) -> None:
    statement = statements("wallet_grpc.store.backoffice", "sessions.sql")[f"open_of_player_{walk}_first"]
    listed: list[str] = []
    with kinds.connect(filled.admin_dsn, kinds.backoffice(timeout_ms=60_000), autocommit=True) as connection:
        while True:
            asked = _SESSIONS | {"player_id": _COLLECTOR, "after_id": listed[-1] if listed else begins}
            found = connection.execute(statement, asked).fetchall()  # type: ignore[arg-type]
            listed += [session_id for session_id, is_wanted, _ in found if is_wanted]
            if len(found) < _PAGE:
                break
    assert listed == sorted(set(listed), reverse=walk == "newest")
    assert len(listed) == _OPEN_SESSIONS


def explained(connection: psycopg.Connection[Any], statement: str, parameters: dict[str, Any]) -> dict[str, Any]:
    row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).fetchone()  # type: ignore[arg-type]
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)
