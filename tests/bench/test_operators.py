"""The ledger that operators look into: what is filled in by SQL is what the wallet would have written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from support.database import Installation

from bench.servers.database import Server
from bench.steps.operators.fill import Extent, fill

TRANSACTIONS = 20_000
ACCEPTED = {
    "holds_equal_open_withdrawals",
    "house_balances_equal_postings",
    "main_balances_are_remembered",
    "session_holds_equal_open_sessions",
    "balances_equal_postings",
    "balances_follow_their_postings",
    "no_player_account_is_negative",
    "acts_are_in_the_trail",
    "approvals_fit_their_adjustments",
}
"""Balances are made up, so that players can bet; so is the trail."""
_INDEXES = """
    SELECT pg_get_indexdef(indexrelid) FROM pg_index
     WHERE indrelid IN ('cell_0.ledger_transactions'::REGCLASS, 'cell_0.ledger_entries'::REGCLASS,
                        'cell_0.subledger_entries'::REGCLASS)
"""
_CONSTRAINTS = """
    SELECT conrelid::REGCLASS::TEXT, conname, pg_get_constraintdef(oid) FROM pg_constraint
     WHERE connamespace = 'cell_0'::REGNAMESPACE AND contype <> 'n'
"""


def test_a_filled_ledger_differs_from_one_that_the_wallet_wrote_in_its_balances_alone(
    new_installation: Callable[..., Installation],
) -> None:
    installation = new_installation(cells=1)
    made_up: Any = SimpleNamespace(dsn=lambda _name: installation.admin_dsn)
    server = Server(cluster=made_up, folder=Path(), service_password="")
    with installation.connect() as connection:
        before = [set(connection.execute(query).fetchall()) for query in (_INDEXES, _CONSTRAINTS)]

    fill(server, "any", Extent.of(TRANSACTIONS), say=lambda _state: None)

    with installation.connect() as connection:
        assert [set(connection.execute(query).fetchall()) for query in (_INDEXES, _CONSTRAINTS)] == before
        unlogged = connection.execute("SELECT relname FROM pg_class WHERE relpersistence = 'u'").fetchall()
        assert unlogged == []
        kinds = connection.execute("SELECT kind, count(*) FROM cell_0.ledger_transactions GROUP BY kind").fetchall()
    assert {kind for kind, _ in kinds} == {
        "BET", "WIN", "ROLLBACK", "DEPOSIT", "ADJUSTMENT", "PLAYER_STATE", "WITHDRAWAL_RESERVATION",
        "WITHDRAWAL_SETTLEMENT", "WITHDRAWAL_FAILURE", "SESSION_OPENING", "SESSION_SETTLEMENT",
    }  # fmt: skip
    assert sum(count for _, count in kinds) == TRANSACTIONS
    found = json.loads(installation.run("verify", "--json").stdout)
    assert found["transactions"] == TRANSACTIONS
    assert found["session_entries"] > TRANSACTIONS / 10
    assert {check for check, findings in found["checks"].items() if findings} == ACCEPTED
