"""Plans: whatever the tables hold, lanes, workers and relays read no row but their own.

In a SERIALIZABLE transaction what is read is locked against everybody's writes: a step that walks through an index
makes lanes abort each other. The plans that are made on a young ledger are the ones that lanes keep.
"""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from support.database import Installation, own_installation
from support.plans import nodes, prepared, scans

from wallet_grpc.store.connection.kinds import LOOKUPS_BY_KEY, OUTBOX_BY_ID
from wallet_grpc.store.connection.pool import _KEYED_LOOKUPS
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.proofs.verify_histories import ENDED, NOTHING_CARRIED

_READING_STEPS = (
    "step_changed_balances",
    "step_settled_sessions",
    "step_ended_reservations",
)
_LOADS = (
    "load_owners",
    "load_accounts",
    "load_transactions",
    "load_rounds",
    "load_deposit_outputs",
    "load_receipts",
    "load_sessions",
    "load_session_entries",
    "load_session_rounds",
    "load_wallets",
    "load_wallet_entries",
    "load_reservations",
    "load_journal_accounts",
    "load_journal_legs",
    "load_ledgers",
    "load_all_accounts",
    "keys_stand",
)
_BATCH = statements(
    "wallet_grpc.store.batch",
    *(
        f"{part}.sql"
        for part in ("accounts", "transactions", "players", "sessions", "credit", "ledgers", "inbox", "store")
    ),
)
_BACKGROUND = "wallet_grpc.store.background"
_PROOFS = "wallet_grpc.store.proofs"
_WORKERS = {
    "post": (_BACKGROUND, "wallet_postings.sql"),
    "mark_expired": (_BACKGROUND, "reservations.sql"),
}
_RELAY = ("told_transactions",)
_KEYS = re.compile(r"\b(\w+_id|ctid|\w+_hash|\w+_key|account_code) = |= ctid")
_SIZES = {"empty": 0, "eight players": 8, "two thousand players": 2_000}


def _name_of(ledger: tuple[str, bool]) -> str:
    size, is_analyzed = ledger
    return f"{size}, {'analyzed' if is_analyzed else 'not analyzed'}"


@pytest.fixture(scope="module", params=itertools.product(_SIZES, [False, True]), ids=_name_of)
def filled(migrated: Installation, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """A ledger of so many players, of which PostgreSQL has statistics or not. Tests only look at plans in it."""
    size, is_analyzed = request.param
    with own_installation(migrated) as made:
        with made.connect() as connection:
            connection.execute(_FILL % {"players": _SIZES[size]})
            if is_analyzed:
                connection.execute("ANALYZE")
        yield made


@pytest.mark.parametrize("step", [*_READING_STEPS, *_LOADS, *_WORKERS, *_RELAY])
def test_a_store_finds_its_rows_by_their_whole_keys(filled: Installation, step: str) -> None:
    with psycopg.connect(filled.admin_dsn, autocommit=True, prepare_threshold=None) as connection:
        plans = OUTBOX_BY_ID if step in _RELAY else LOOKUPS_BY_KEY
        settings = [f"SET {name} = {value}" for name, value in plans.items()]
        for setting in _KEYED_LOOKUPS if step in _WORKERS else settings:
            connection.execute(setting.replace("SET LOCAL", "SET"))  # type: ignore[arg-type]
        types, statement = prepared(statements(*_WORKERS[step])[step] if step in _WORKERS else _BATCH[step])
        connection.execute(f"PREPARE step ({', '.join(types)}) AS {statement}")  # type: ignore[arg-type]
        arguments = ", ".join(_argument(type_name) for type_name in types)
        row = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE step ({arguments})").fetchone()  # type: ignore[arg-type]
    assert row is not None
    found = scans(row)
    assert found, row
    for scan in found:
        condition = scan.get("Index Cond") or scan.get("Recheck Cond") or scan.get("TID Cond") or ""
        assert _KEYS.search(condition), f"{scan['Node Type']} with {condition or 'no'} condition"


@pytest.mark.parametrize("is_analyzed", [False, True], ids=["not analyzed", "analyzed"])
@pytest.mark.parametrize("chunk", ["sessions", "wallets"])
def test_verify_takes_as_long_as_the_journal_is(
    own_ledger: Installation,
    chunk: str,
    is_analyzed: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    entries = 3_000
    journals = {"sessions": _LONG_SESSION, "wallets": _LONG_WALLET}
    with psycopg.connect(own_ledger.admin_dsn, autocommit=True) as connection:
        if is_analyzed:
            connection.execute("ANALYZE")  # when nothing was there yet: what is planned for is long past
        connection.execute(journals[chunk] % {"entries": entries})
        row = connection.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {_VERIFY[chunk][f'{chunk}_chunk']}",  # type: ignore[arg-type]
            {
                "after": str(UUID(int=0)),
                "after_no": ENDED,
                "upto": str(UUID(int=2**128 - 1)),
                "upto_no": ENDED,
                "ended": ENDED,
                "carried": NOTHING_CARRIED,
            },
        ).fetchone()
    assert row is not None
    looked_at = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Join Filter", 0)) * node["Actual Loops"]
        for node in nodes(row[0][0]["Plan"])
    )
    assert entries < looked_at < 100 * entries


def test_a_copy_looks_for_the_journals_end_behind_what_is_copied(own_ledger: Installation) -> None:
    entries = 30_000
    with psycopg.connect(own_ledger.admin_dsn, autocommit=True) as connection:
        in_seconds = _LONG_SESSION.replace("FALSE, now()", "FALSE, now() - make_interval(secs => %(entries)s - number)")
        connection.execute(in_seconds % {"entries": entries})  # type: ignore[arg-type]
        connection.execute("SELECT brin_summarize_new_values('subledger_entries_created_idx')")
        connection.execute("ANALYZE subledger_entries")
        row = connection.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statements('wallet_grpc.store.copying', 'copying.sql')['last_entry']}",  # type: ignore[arg-type]
            {"begins_at": datetime.now(UTC) - timedelta(minutes=1)},
        ).fetchone()
    assert row is not None
    looked_at = sum(node["Actual Rows"] + node.get("Rows Removed by Index Recheck", 0) for node in scans(row))
    assert 0 < looked_at < entries / 2


_ASKS_FOR_POSTINGS = {
    "the poster": (_BACKGROUND, "wallet_postings.sql", "due_ledgers"),
    "the poster's metrics, the server's, and the overview": (_BACKGROUND, "backlog.sql", "postings"),
    "verify": ("wallet_grpc.store.proofs", "stuck.sql", "postings"),
}
_LEDGERS = 2_000
_QUEUE_A_FEW = f"""
    INSERT INTO ledgers
    SELECT md5('l' || number)::UUID, -number, 'credit', 'l', 1, now() FROM generate_series(1, {_LEDGERS}) AS number;
    INSERT INTO posting_rounds
    SELECT ledgers.ledger_id, '-infinity' FROM ledgers;
    INSERT INTO posting_queue (ledger_id, wallet_ids, queued_at)
    SELECT md5('l' || 1 + number % 4)::UUID, '{{}}', CASE number WHEN 3 THEN now() - INTERVAL '1 hour' ELSE now() END
    FROM generate_series(0, 999) AS number;
"""


@pytest.fixture(scope="module")
def queued(migrated: Installation) -> Iterator[Installation]:
    """Two thousand ledgers, of which four have a long queue."""
    with own_installation(migrated) as made:
        with made.connect() as connection:
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(_QUEUE_A_FEW)
            connection.execute("ANALYZE ledgers, posting_rounds, posting_queue")
        yield made


@pytest.mark.parametrize("asks", _ASKS_FOR_POSTINGS)
def test_who_asks_what_is_to_be_posted_reads_the_first_of_each_queue(queued: Installation, asks: str) -> None:
    package, file, name = _ASKS_FOR_POSTINGS[asks]
    named = {"interval_ms": 1, "left_out": "{}", "ledgers_max": 10, "count_max": 10, "after_s": 60, "rows_max": 10}
    with psycopg.connect(queued.admin_dsn, autocommit=True) as connection:
        statement = statements(package, file)[name]
        row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", named).fetchone()  # type: ignore[arg-type]
    assert row is not None
    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in scans(row)
        if node["Relation Name"] in {"ledgers", "posting_rounds", "posting_queue"}
    )
    assert 0 < read < 100


def test_the_oldest_is_told_however_much_waits(queued: Installation) -> None:
    with psycopg.connect(queued.admin_dsn, autocommit=True) as connection:
        row = connection.execute(statements(_BACKGROUND, "backlog.sql")["postings"], {"count_max": 3}).fetchone()
    assert row is not None
    assert row[:2] == ("postings", 3)
    assert row[2] >= 3600


_VERIFY = {
    "sessions": statements(_PROOFS, "verify_sessions.sql"),
    "wallets": statements(_PROOFS, "verify_credit.sql"),
}
_LONG_SESSION = """
    INSERT INTO sessions
    SELECT md5('s')::UUID, 7, 'games', 1, 'g', %(entries)s, 'ledger', 0, now(), now(), 'OPEN';
    INSERT INTO subledger_entries (
        subledger_id, entry_no, owner_id, kind, status, transaction_id, key_hash, amount_minor, change_minor,
        balance_after_minor, open_rounds, round_id, round_hash, closes_round, late, created_at
    )
    SELECT session_id, number, 7, 'BET', 'APPLIED', number, md5('e' || number)::UUID, 1, -1, %(entries)s - number,
        number, number, md5('r' || number)::UUID, FALSE, FALSE, now()
    FROM sessions CROSS JOIN generate_series(1, %(entries)s) AS number;
"""
_LONG_WALLET = """
    INSERT INTO credit_wallets SELECT md5('w')::UUID, -1, md5('l')::UUID, 'w', now();
    INSERT INTO subledger_entries (
        subledger_id, entry_no, owner_id, kind, status, transaction_id, key_hash, amount_minor, change_minor,
        balance_after_minor, closes_round, late, created_at
    )
    SELECT wallet_id, number, -1, 'CREDIT', 'APPLIED', number, md5('e' || number)::UUID, 1, 1, number, FALSE, FALSE,
        now()
    FROM credit_wallets CROSS JOIN generate_series(1, %(entries)s) AS number;
    INSERT INTO wallet_postings
    SELECT wallet_id, number, number, 1, gen_random_uuid(), now()
    FROM credit_wallets CROSS JOIN generate_series(1, %(entries)s) AS number;
"""
_FILL = """
    INSERT INTO accounts (player_id, account_type, currency_network_id)
    SELECT number, 'MAIN', 1 FROM generate_series(1, %(players)s) AS number;
    INSERT INTO credit_wallets
    SELECT md5(number::TEXT)::UUID, -number, md5('l')::UUID, number::TEXT, now()
    FROM generate_series(1, %(players)s) AS number;
    INSERT INTO subledger_entries (
        subledger_id, entry_no, owner_id, kind, status, transaction_id, key_hash, amount_minor, change_minor,
        balance_after_minor, held_minor, held_as_of, closes_round, late, created_at
    )
    SELECT wallet_id, 1, owner_id, 'CREDIT', 'APPLIED', 'id', gen_random_uuid(), 9, 9, 9, 9, now(), FALSE, FALSE, now()
    FROM credit_wallets;
    INSERT INTO reservations
    SELECT md5(number::TEXT)::UUID, md5(number::TEXT)::UUID, -number, 9, 1, now(), 'OPEN'
    FROM generate_series(1, %(players)s) AS number;
    INSERT INTO account_balances (account_id, owner_id, balance_minor, version)
    SELECT account_id, player_id, 0, 0 FROM accounts WHERE player_id IS NOT NULL;
    INSERT INTO ledger_transactions (
        tx_id, owner_id, owner_version, source, reference, key_hash, kind, status, currency_network_id, amount_minor,
        closes_round, round_hash, entry_count, created_at
    )
    SELECT gen_random_uuid(), number, 1, 'games', number, gen_random_uuid(), 'BET', 'APPLIED', 1, 1, FALSE,
        gen_random_uuid(), 0, now()
    FROM generate_series(1, %(players)s) AS number;
    INSERT INTO deposit_outputs SELECT gen_random_uuid(), number, gen_random_uuid()
    FROM generate_series(1, %(players)s) AS number;
    INSERT INTO inbox_events (
        key_hash, source, event_id, event_type, body_hash, body, state, received_at, changed_at
    )
    SELECT gen_random_uuid(), 's', number, 't', gen_random_uuid(), '{}', 'APPLIED', now(), now()
    FROM generate_series(1, %(players)s) AS number;
"""


def _argument(type_name: str) -> str:
    values = {"UUID": str(UUID(int=1)), "TIMESTAMPTZ": "now"}
    value = values.get(type_name.removesuffix("[]"), "1")
    return f"'{{{value}}}'" if type_name.endswith("[]") else f"'{value}'"
