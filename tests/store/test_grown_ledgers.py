"""Stretches of a ledger that has grown since statistics were taken are read once, whatever PostgreSQL plans.

Right after a load, and on a young installation, PostgreSQL expects few rows of a stretch, and joins two of them by
comparing all of one with all of the other: a statement that lets it takes the square of what is there.
"""

import psycopg
import pytest
from support.database import Installation
from support.plans import nodes, prepared

from wallet_grpc.store.connection.statements import positional, statements
from wallet_grpc.store.proofs.verify_histories import ENDED, NOTHING_CARRIED
from wallet_grpc.store.reads.slices import PLANS

_PROOFS = "wallet_grpc.store.proofs"
_HISTORY = """
    INSERT INTO accounts (player_id, account_type, currency_network_id)
    SELECT number, 'MAIN', 1 FROM generate_series(1, 100) AS number
    ON CONFLICT DO NOTHING;
    WITH made AS (
        INSERT INTO ledger_transactions (
            tx_id, owner_id, owner_version, source, reference, key_hash, kind, status, currency_network_id,
            amount_minor, closes_round, round_hash, entry_count, created_at
        )
        SELECT
            (lpad(to_hex(number), 8, '0') || '-0000-7000-8000-000000000000')::UUID,
            1 + number %% 100, number, 'games', number, gen_random_uuid(),
            CASE number %% 2 WHEN 0 THEN 'BET' ELSE 'DEPOSIT' END, 'APPLIED', 1, 1, FALSE, gen_random_uuid(), 2, now()
        FROM generate_series(%(first)s::INTEGER, %(last)s::INTEGER) AS number
        RETURNING tx_id, owner_id
    )

    INSERT INTO ledger_entries (
        tx_id, owner_id, account_id, account_version, currency_network_id, entry_no, amount_minor, balance_after
    )
    SELECT made.tx_id, made.owner_id, accounts.account_id, entry_no, 1, entry_no, 3 - 2 * entry_no, 1
    FROM made INNER JOIN accounts ON made.owner_id = accounts.player_id CROSS JOIN generate_series(1, 2) AS entry_no;
"""
_TRANSACTIONS = 2_000
_FIRST_TX_ID, _END_TX_ID = (
    f"{number:08x}-0000-7000-8000-000000000000" for number in (_TRANSACTIONS // 4, 3 * _TRANSACTIONS // 4)
)
_READS_A_STRETCH = {
    "verify's transactions": (
        (_PROOFS, "verify_transactions.sql", "transactions_chunk"),
        {"after": _FIRST_TX_ID, "upto": _END_TX_ID, "cut": _END_TX_ID},
    ),
    "verify's owners": (
        (_PROOFS, "verify_players.sql", "owners_chunk"),
        {"after": -(2**62), "after_no": ENDED, "upto": 2**62, "upto_no": ENDED, "ended": ENDED}
        | {"carried": NOTHING_CARRIED},
    ),
    "verify's days": (
        (_PROOFS, "verify_days.sql", "movements"),
        {"first_tx_id": _FIRST_TX_ID, "end_tx_id": _END_TX_ID},
    ),
    "a slice's totals": (
        ("wallet_grpc.store.reads", "slices.sql", "ledger_totals"),
        {"first_tx_id": _FIRST_TX_ID, "end_tx_id": _END_TX_ID},
    ),
    "a slice's movements": (
        ("wallet_grpc.store.reads", "slices.sql", "ledger_movements"),
        {"first_tx_id": _FIRST_TX_ID, "end_tx_id": _END_TX_ID},
    ),
}


@pytest.mark.parametrize("plan", ["custom", "generic"])
@pytest.mark.parametrize("analyzed", ["never", "empty", "young"])
@pytest.mark.parametrize("reads", _READS_A_STRETCH)
def test_a_stretch_of_a_ledger_that_has_grown_is_read_once(
    own_ledger: Installation, reads: str, analyzed: str, plan: str
) -> None:
    place, named = _READS_A_STRETCH[reads]
    with psycopg.connect(own_ledger.admin_dsn, autocommit=True) as connection:
        if analyzed == "empty":
            connection.execute("ANALYZE")
        connection.execute(_HISTORY % {"first": 1, "last": _TRANSACTIONS // 20})
        if analyzed == "young":
            connection.execute("ANALYZE")
        connection.execute(_HISTORY % {"first": _TRANSACTIONS // 20 + 1, "last": _TRANSACTIONS})
        if "first_tx_id" in named:
            connection.execute(PLANS.replace("SET LOCAL", "SET"))  # type: ignore[arg-type]
        connection.execute(f"SET plan_cache_mode = force_{plan}_plan")  # type: ignore[arg-type]
        package, file, name = place
        names = positional(statements(package, file)[name]).names
        types, statement = prepared(statements(package, file)[name])
        connection.execute(f"PREPARE stretch ({', '.join(types)}) AS {statement}")  # type: ignore[arg-type]
        arguments = ", ".join(f"'{named[parameter]}'" for parameter in names)
        row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE stretch ({arguments})").fetchone()  # type: ignore[arg-type]
    assert row is not None
    looked_at = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Join Filter", 0)) * node["Actual Loops"]
        for node in nodes(row[0][0]["Plan"])
    )
    assert _TRANSACTIONS / 4 <= looked_at < 60 * _TRANSACTIONS
