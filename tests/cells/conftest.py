"""Cells on a real Citus cluster: WALLET_TEST_CITUS_URL is a superuser's DSN of its coordinator, with two workers.

Somebody else runs it. Without it these tests are no part of the run: nothing here can stand in for a cluster.
"""

import os
from collections.abc import Iterator

import pytest
from support.database import Cluster, Installation, create_citus_installation, drop_database
from support.server import WalletServer

_URL = "WALLET_TEST_CITUS_URL"
_CONTROL = "WALLET_TEST_CITUS_CONTROL"
_CELLS = 3


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of a cluster out, where none is given, and those that kill its nodes, where none may."""
    needed = {"test_citus_": _URL, "test_citus_kills": _CONTROL}
    left_out = [
        item
        for item in items
        if any(item.path.name.startswith(tests) and name not in os.environ for tests, name in needed.items())
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def citus() -> Cluster:
    cluster = Cluster(admin_dsn=os.environ[_URL])
    assert len(cluster.nodes) > 2, f"{_URL} leads to no coordinator of two workers"
    return cluster


@pytest.fixture
def citus_installation(citus: Cluster) -> Iterator[Installation]:
    """An installation of three cells, on two workers."""
    made = create_citus_installation(citus, cells=_CELLS)
    try:
        yield made
    finally:
        drop_database(made)


@pytest.fixture
def citus_server(citus_installation: Installation) -> Iterator[WalletServer]:
    server = WalletServer(citus_installation)
    server.start()
    try:
        yield server
    finally:
        server.end()
