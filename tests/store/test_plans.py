"""Plans: whatever the tables hold, lanes and workers read no row but their own (design.md, section 6).

In a SERIALIZABLE transaction what is read is locked against everybody's writes: a step that walks through an index
makes lanes abort each other. The plans that are made on a young ledger are the ones that lanes keep.
"""

import re
from collections.abc import Iterator
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from support.database import Installation

from wallet_grpc.store.batch import _LANE_SETTINGS, _SQL
from wallet_grpc.store.pool import _KEYED_LOOKUPS
from wallet_grpc.store.sql import positional, statements

_PARAMETER = re.compile(r"%\((\w+)\)s::(\w+ ?(?:\[\])?)")
_READING_STEPS = (
    "step_raised_owners",
    "step_changed_balances",
    "step_raised_wallets",
    "step_ended_reservations",
    "step_changed_journal_balances",
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
)
_WORKERS = {"post": "postings.sql", "sweep_wallets": "reservations.sql", "mark_expired": "reservations.sql"}
_KEYS = re.compile(r"\b(\w+_id|ctid|\w+_hash|\w+_key|account_code) = |= ctid")
_SIZES = {"empty": 0, "eight players": 8, "two thousand players": 2_000}


@pytest.mark.parametrize("players", _SIZES.values(), ids=_SIZES)
@pytest.mark.parametrize("is_analyzed", [False, True], ids=["not analyzed", "analyzed"])
@pytest.mark.parametrize("step", [*_READING_STEPS, *_LOADS, *_WORKERS])
def test_a_store_finds_its_rows_by_their_whole_keys(
    own_ledger: Installation,
    step: str,
    players: int,
    is_analyzed: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    with psycopg.connect(own_ledger.admin_dsn, autocommit=True, prepare_threshold=None) as connection:
        connection.execute(_FILL % {"players": players})
        if is_analyzed:
            connection.execute("ANALYZE")
        for setting in _KEYED_LOOKUPS if step in _WORKERS else _LANE_SETTINGS:
            connection.execute(setting.replace("SET LOCAL", "SET"))  # type: ignore[arg-type]
        types, statement = _prepared(statements(_WORKERS[step])[step] if step in _WORKERS else _SQL[step])
        connection.execute(f"PREPARE step ({', '.join(types)}) AS {statement}")  # type: ignore[arg-type]
        arguments = ", ".join(_argument(type_name) for type_name in types)
        row = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE step ({arguments})").fetchone()  # type: ignore[arg-type]
    assert row is not None
    scans = [node for node in _nodes(row[0][0]["Plan"]) if "Relation Name" in node and "Scan" in node["Node Type"]]
    assert scans, row
    for scan in scans:
        condition = scan.get("Index Cond") or scan.get("Recheck Cond") or scan.get("TID Cond") or ""
        assert _KEYS.search(condition), f"{scan['Node Type']} with {condition or 'no'} condition"


_FILL = """
    INSERT INTO owners SELECT number, 1 FROM generate_series(1, %(players)s) AS number;
    INSERT INTO accounts (player_id, account_type, currency_network_id)
    SELECT number, 'MAIN', 1 FROM generate_series(1, %(players)s) AS number;
    INSERT INTO credit_wallets
    SELECT md5(number::TEXT)::UUID, -number, md5('l')::UUID, number::TEXT, 9, 9, now(), 1, 1, now()
    FROM generate_series(1, %(players)s) AS number;
    INSERT INTO reservations
    SELECT md5(number::TEXT)::UUID, md5(number::TEXT)::UUID, -number, 9, 1, now(), 'OPEN'
    FROM generate_series(1, %(players)s) AS number;
    INSERT INTO account_balances
    SELECT account_id, 0, player_id, 0, 0 FROM accounts WHERE player_id IS NOT NULL;
    INSERT INTO ledger_transactions (
        tx_id, owner_id, source, reference, key_hash, kind, status, currency_network_id, amount_minor, closes_round,
        round_hash, entry_count, created_at
    )
    SELECT gen_random_uuid(), number, 'games', number, gen_random_uuid(), 'BET', 'APPLIED', 1, 1, FALSE,
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


def _prepared(statement: LiteralString) -> tuple[list[str], str]:
    """Give a statement as lanes prepare it, and the types of its parameters."""
    types = dict(_PARAMETER.findall(statement))
    prepared = positional(statement)
    return [types.get(name, "TEXT") for name in prepared.names], prepared.text.decode()


def _argument(type_name: str) -> str:
    values = {"UUID": str(UUID(int=1)), "TIMESTAMPTZ": "now"}
    value = values.get(type_name.removesuffix("[]"), "1")
    return f"'{{{value}}}'" if type_name.endswith("[]") else f"'{value}'"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)
