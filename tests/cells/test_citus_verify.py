"""`wallet verify` on a cluster finds what is wrong between cells, wherever they are."""

from __future__ import annotations

import json
from collections.abc import Callable

import psycopg
import pytest
from support.contests import player_of
from support.database import Installation, look_into_cell
from support.server import WalletServer

from wallet_grpc.domain.cells import Cell

_CLAIMS = "claims_fit_their_transactions"
_OWNERS = "owners_are_in_their_cells"


def _no_claim(connection: psycopg.Connection) -> None:
    connection.execute("DELETE FROM claims WHERE claim_hash = (SELECT min(claim_hash::TEXT)::UUID FROM claims)")


def _claim_of_another(connection: psycopg.Connection) -> None:
    connection.execute("UPDATE claims SET owner_id = owner_id + 1000000")


def _no_transaction(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO claims (claim_hash, owner_id, tx_id) VALUES (gen_random_uuid(), 1, gen_random_uuid())"
    )


def _owner_in_another_cell(connection: psycopg.Connection) -> None:
    ((owner_id,),) = connection.execute("SELECT max(owner_id) FROM ledger_transactions").fetchall()
    number = owner_id
    query = "SELECT public.cell_of_owner(%s, 3) <> public.cell_of_owner(%s, 3)"
    while connection.execute(query, [number, owner_id]).fetchone() != (True,):
        number += 1
    connection.execute("UPDATE ledger_transactions SET owner_id = %s WHERE owner_id = %s", [number, owner_id])


@pytest.mark.parametrize(
    ("break_it", "found"),
    [(_no_claim, _CLAIMS), (_claim_of_another, _CLAIMS), (_no_transaction, _CLAIMS), (_owner_in_another_cell, _OWNERS)],
)
def test_what_is_wrong_between_cells_is_found(
    citus_installation: Installation,
    citus_server: WalletServer,
    break_it: Callable[[psycopg.Connection], None],
    found: str,
) -> None:
    wallet = citus_server.wallet()
    for cell in range(citus_installation.cells):
        player = wallet.fund(player_of(cell), "100")
        wallet.applied(player.reserve("1"))
    citus_server.end()
    with citus_installation.connect() as connection:
        connection.execute("SET citus.propagate_set_commands = 'local'")
        look_into_cell(connection, Cell(0))
        connection.execute("SET LOCAL session_replication_role = replica")
        break_it(connection)
    done = citus_installation.run("verify", "--json")
    checks = {finding["check"] for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode != 0
    assert found in checks, done.stdout
