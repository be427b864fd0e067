"""Nodes of a Citus cluster are killed or frozen in mid-load: nothing acknowledged is lost or doubled, others go on.

WALLET_TEST_CITUS_CONTROL is a command of whoever runs the cluster: with `kill N` it kills a node (kill -9 of all its
processes), with `up N` it starts it and waits until it answers, with `freeze N` and `thaw N` it stops all its processes
and has them go on (SIGSTOP, SIGCONT); 0 is the coordinator, then the workers by their ports.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support import citus
from support.cell_loads import CellLoads, DepositLoad
from support.database import Installation
from support.server import WalletServer

from wallet_grpc.domain.cells import Cell, schema_of

pytestmark = pytest.mark.faults

_CONTROL_TIMEOUT_S = 120
COORDINATOR = 0


def _control(what: str, node: int) -> None:
    command = [os.environ["WALLET_TEST_CITUS_CONTROL"], what, str(node)]
    subprocess.run(command, check=True, timeout=_CONTROL_TIMEOUT_S, stdout=subprocess.DEVNULL)


def _cells_on(installation: Installation, node: int) -> list[int]:
    """Give the cells of a node by its number."""
    here = installation.cluster.nodes[node]
    return [cell for cell in range(installation.cells) if citus.node_of(installation, schema_of(Cell(cell))) == here]


@pytest.mark.timeout(600)
def test_nodes_are_killed_in_mid_load(citus_installation: Installation, citus_server: WalletServer) -> None:
    made = citus_installation
    nodes = range(len(made.cluster.nodes))
    of_nodes = {node: _cells_on(made, node) for node in nodes}
    wallet = citus_server.wallet()
    with CellLoads(wallet, made.cells, again=True) as loads, DepositLoad(wallet, made.cells) as deposits:
        for node in nodes:
            loads.forget()
            others = [cell for cell in range(made.cells) if cell not in of_nodes[node]]
            _control("kill", node)
            loads.goes_on(*others)
            told = f"\nnode {node} with cells {of_nodes[node]} was killed. Before it is back: {loads}"
            assert not any(loads.refused(cell) for cell in others), told
            _control("up", node)
            loads.goes_on()
            deposits.goes_on()
            sys.stderr.write(f"{told}\nAfterwards: {loads}; deposits: {len(deposits.answered)}")
            assert not any(loads.refused(cell) for cell in others), str(loads)
        loads.forget()
        for node in nodes:
            _control("kill", node)
        for node in nodes:
            _control("up", node)
        loads.goes_on()
        deposits.goes_on()
        sys.stderr.write(f"\nAll were killed, and are back: {loads}; deposits: {len(deposits.answered)}\n")
    loads.check_all_is_there(made)
    deposits.check_all_is_there(made)


@pytest.mark.timeout(600)
def test_nodes_are_frozen_in_mid_load(citus_installation: Installation, citus_server: WalletServer) -> None:
    """A node that is frozen takes connections and says nothing, so whoever asks it waits: only its own cells may."""
    made = citus_installation
    nodes = range(len(made.cluster.nodes))
    of_nodes = {node: _cells_on(made, node) for node in nodes}
    wallet = citus_server.wallet()
    with CellLoads(wallet, made.cells, again=True) as loads, DepositLoad(wallet, made.cells) as deposits:
        for node in nodes:
            loads.forget()
            others = [cell for cell in range(made.cells) if cell not in of_nodes[node]]
            _control("freeze", node)
            try:
                for _ in range(3):  # long enough for what waits for the node to reach the others' queues
                    loads.goes_on(*others)
                told = f"\nnode {node} with cells {of_nodes[node]} is frozen: {loads}"
            finally:
                _control("thaw", node)
            loads.goes_on()
            deposits.goes_on()
            sys.stderr.write(f"{told}\nAfterwards: {loads}; deposits: {len(deposits.answered)}")
            assert not any(loads.refused(cell) for cell in others), str(loads)
    loads.check_all_is_there(made)
    deposits.check_all_is_there(made)
