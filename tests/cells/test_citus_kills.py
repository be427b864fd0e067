"""Nodes of a Citus cluster are killed or frozen in mid-load: nothing acknowledged is lost or doubled, others go on.

WALLET_TEST_CITUS_CONTROL is a command of whoever runs the cluster: with `kill N` it kills a node (kill -9 of all its
processes), with `up N` it starts it and waits until it answers, with `freeze N` and `thaw N` it stops all its processes
and has them go on (SIGSTOP, SIGCONT); 0 is the coordinator, then the workers by their ports.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support import citus
from support.cell_loads import CellLoads, DepositLoad
from support.database import Installation
from support.server import WalletServer
from support.wallet import Wallet

from wallet_grpc.domain.cells import Cell, schema_of

pytestmark = pytest.mark.faults

_CONTROL_TIMEOUT_S = 120
_OTHERS_PAUSE_MAX_S = 4.0
"""Seen were 0.3 s; half of WALLET_DATABASE_TIMEOUT_MS, 5 s, is what a bet would wait in one commit with a deposit."""
COORDINATOR = 0


def _control(what: str, node: int) -> None:
    command = [os.environ["WALLET_TEST_CITUS_CONTROL"], what, str(node)]
    subprocess.run(command, check=True, timeout=_CONTROL_TIMEOUT_S, stdout=subprocess.DEVNULL)


def _cells_on(installation: Installation, node: int) -> list[int]:
    """Give the cells of a node by its number."""
    here = installation.cluster.nodes[node]
    return [cell for cell in range(installation.cells) if citus.node_of(installation, schema_of(Cell(cell))) == here]


@contextmanager
def _loads(installation: Installation, wallet: Wallet) -> Iterator[tuple[CellLoads, DepositLoad]]:
    """Bet and deposit in all cells while the block lasts; what was acknowledged is looked for afterwards."""
    cells = installation.cells
    with CellLoads(wallet, cells, again=True) as loads, DepositLoad(wallet, cells) as deposits:
        yield loads, deposits
    loads.check_all_is_there(installation)
    deposits.check_all_is_there(installation)


def _nodes_in_turn(installation: Installation, loads: CellLoads) -> Iterator[tuple[int, list[int], list[int]]]:
    """Give each node with its cells and the others' ones; the loads are counted anew for each."""
    cells_of_nodes = [_cells_on(installation, node) for node in range(len(installation.cluster.nodes))]
    for node, cells in enumerate(cells_of_nodes):
        loads.forget()
        yield node, cells, [cell for cell in range(installation.cells) if cell not in cells]


@pytest.mark.timeout(600)
def test_nodes_are_killed_in_mid_load(citus_installation: Installation, citus_server: WalletServer) -> None:
    made = citus_installation
    nodes = range(len(made.cluster.nodes))
    with _loads(made, citus_server.wallet()) as (loads, deposits):
        for node, cells, others in _nodes_in_turn(made, loads):
            _control("kill", node)
            loads.goes_on(*others)
            told = f"\nnode {node} with cells {cells} was killed. Before it is back: {loads}"
            assert not any(loads.refused(cell) for cell in others), told
            _control("up", node)
            loads.goes_on()
            deposits.goes_on()
            sys.stderr.write(f"{told}\nAfterwards: {loads}; deposits: {len(deposits.answered)}")
            assert not any(loads.refused(cell) for cell in others), str(loads)
            assert all(loads.longest_pauses_s[cell] < _OTHERS_PAUSE_MAX_S for cell in others), str(loads)
        loads.forget()
        for node in nodes:
            _control("kill", node)
        for node in nodes:
            _control("up", node)
        loads.goes_on()
        deposits.goes_on()
        sys.stderr.write(f"\nAll were killed, and are back: {loads}; deposits: {len(deposits.answered)}\n")


@pytest.mark.timeout(600)
def test_nodes_are_frozen_in_mid_load(citus_installation: Installation, citus_server: WalletServer) -> None:
    """A node that is frozen takes connections and says nothing, so whoever asks it waits: only its own cells may."""
    made = citus_installation
    with _loads(made, citus_server.wallet()) as (loads, deposits):
        for node, cells, others in _nodes_in_turn(made, loads):
            _control("freeze", node)
            try:
                for _ in range(3):  # long enough for what waits for the node to reach the others' queues
                    loads.goes_on(*others)
                told = f"\nnode {node} with cells {cells} is frozen: {loads}"
            finally:
                _control("thaw", node)
            loads.goes_on()
            deposits.goes_on()
            sys.stderr.write(f"{told}\nAfterwards: {loads}; deposits: {len(deposits.answered)}")
            assert not any(loads.refused(cell) for cell in others), str(loads)
            assert all(loads.longest_pauses_s[cell] < _OTHERS_PAUSE_MAX_S for cell in others), str(loads)
