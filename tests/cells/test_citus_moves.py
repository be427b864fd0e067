"""Cells are moved under load, by whoever: nothing is lost or doubled, no bet fails, and all go on within a second."""

from __future__ import annotations

import os
import sys
import time

import pytest
from support import citus
from support.cell_loads import CellLoads
from support.contests import player_of
from support.database import Installation
from support.server import WalletServer

from wallet_grpc.domain.cells import Cell, schema_of

_PAUSE_MAX_S = float(os.environ.get("WALLET_TEST_PAUSE_MAX_S", "1"))
"""What is promised of a machine that does nothing else."""
_TIMES = 2
"""How often each cell moves: there, and back."""


def _check_nobody_noticed(loads: CellLoads, installation: Installation) -> None:
    for cell in range(installation.cells):
        assert not loads.refused(cell)
        assert loads.longest_pauses_s[cell] < _PAUSE_MAX_S
    loads.check_all_is_there(installation)


@pytest.mark.timeout(600)
def test_each_cell_moves_there_and_back_under_load(
    citus_installation: Installation, citus_server: WalletServer
) -> None:
    made = citus_installation
    with CellLoads(citus_server.wallet(), made.cells) as loads:
        for cell in range(made.cells):
            schema = schema_of(Cell(cell))
            for _ in range(_TIMES):
                node = citus.other_worker(made, schema)
                began = time.monotonic()
                citus.move(made, schema, node)
                sys.stderr.write(f"\n{schema} moved in {time.monotonic() - began:.1f} s, {loads}")
                assert citus.node_of(made, schema) == node
                loads.goes_on()
    _check_nobody_noticed(loads, made)


@pytest.mark.timeout(600)
def test_the_rebalancer_moves_cells_under_load(citus_installation: Installation, citus_server: WalletServer) -> None:
    """All are brought to one node by hand; the rebalancer brings some of them away again."""
    made = citus_installation
    schemas = [schema_of(Cell(cell)) for cell in range(made.cells)]
    node = citus.node_of(made, schemas[0])
    for schema in schemas[1:]:
        if citus.node_of(made, schema) != node:
            citus.move(made, schema, node)
    with CellLoads(citus_server.wallet(), made.cells) as loads:
        with made.connect(autocommit=True) as connection:
            connection.execute(
                "SELECT rebalance_table_shards(rebalance_strategy := 'by_shard_count', shard_transfer_mode := 'auto')"
            )
        sys.stderr.write(f"\nrebalanced, {loads}")
        loads.goes_on()
    assert len({citus.node_of(made, schema) for schema in schemas}) > 1
    _check_nobody_noticed(loads, made)


def test_events_of_one_player_keep_their_order_over_moves(
    citus_installation: Installation, citus_server: WalletServer
) -> None:
    wallet = citus_server.wallet()
    player = wallet.fund(player_of(0), "100")
    for _ in range(3):
        for _ in range(5):
            wallet.applied(player.bet("1"))
        citus.move(citus_installation, "cell_0", citus.other_worker(citus_installation, "cell_0"))
    wallet.applied(player.bet("1"))
    sequences = [
        sequence
        for (sequence,) in citus_installation.rows(
            "SELECT sequence FROM cell_0.outbox_events WHERE owner_id = %s ORDER BY outbox_id", player.player_id
        )
    ]
    assert sequences == sorted(sequences)
    assert len(sequences) == 17
