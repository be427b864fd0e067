"""Fixtures of the whole suite: one PostgreSQL a run, a server for each way the engine commits, and fresh players.

Nothing is started before a test asks for it, so that tests without a database stay fast.
"""

import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # servers are started while channels are open; read at import
sys.path.insert(0, str(Path(__file__).parent))  # for `support`

import pytest
from hypothesis import HealthCheck, settings
from support.database import (
    TEST_CELLS,
    Cluster,
    Installation,
    create_empty_installation,
    create_installation,
    create_template,
    drop_database,
    embedded_cluster,
    own_installation,
    running_cluster,
)
from support.ledger import check_invariants, verify
from support.requests import CELLS, Player
from support.server import CELLS_OF_MODES, ENGINE_MODES, WalletServer
from support.side_by_side import SideBySide
from support.wallet import Wallet
from xdist.remote import Producer

from devstack.servers.postgres import PostgresCluster

pytest_plugins = ("support.broker", "support.events", "support.reruns")

# How long an example takes is the machine's affair, which does other things meanwhile.
settings.register_profile("wallet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wallet")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SideBySide:
    """Spread the tests over processes, where `-n` asks for some."""
    return SideBySide(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With WALLET_TEST_SKIPS=fail, as in CI, a test that cannot run here has failed."""
    report = yield
    if report.skipped and os.environ.get("WALLET_TEST_SKIPS") == "fail" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {report.longrepr}"
    return report


class SharedServer:
    """A server that many tests use, its client, and the database that it stands on."""

    def __init__(self, server: WalletServer) -> None:
        self.server = server
        self.installation = server.installation
        self.wallet = server.wallet()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as found:
        yield found


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[tuple[Cluster, PostgresCluster, Installation]]:
    """A cluster that a module's tests may stop and kill, and a template in it."""
    with embedded_cluster() as (cluster, postgres):
        yield cluster, postgres, create_template(cluster, ("games", "payments", "credit"))


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> Iterator[Installation]:
    made = create_template(cluster)
    yield made
    drop_database(made)


@pytest.fixture(scope="session")
def template_of_cells(cluster: Cluster) -> Iterator[Installation]:
    """What databases of three cells are copies of."""
    made = create_template(cluster, cells=CELLS)
    yield made
    drop_database(made)


@pytest.fixture
def new_installation(request: pytest.FixtureRequest, template: Installation) -> Iterator[Callable[..., Installation]]:
    """Make databases of a test's own, with callers and currency networks: of several cells, if it is said."""
    with ExitStack() as made:

        def make(*, cells: int = TEST_CELLS) -> Installation:
            copied = template if cells == template.cells else request.getfixturevalue("template_of_cells")
            return made.enter_context(own_installation(copied))

        yield make


@pytest.fixture(scope="module")
def module_installation(template: Installation) -> Iterator[Installation]:
    """A database of a module's own, with callers and currency networks."""
    with own_installation(template) as made:
        yield made


@pytest.fixture
def new_empty_installation(cluster: Cluster) -> Iterator[Callable[..., Installation]]:
    """Make databases that nobody migrated."""
    made: list[Installation] = []

    def make(*, environment: str = "test") -> Installation:
        made.append(create_empty_installation(cluster, environment=environment))
        return made[-1]

    yield make
    for installation in made:
        drop_database(installation)


@pytest.fixture(scope="session")
def shared_servers(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Callable[[str], SharedServer]]:
    """Start the server of an engine mode at its first use. It ends before the cluster does."""
    del cluster
    started: dict[str, SharedServer] = {}
    with ExitStack() as running:

        def of(mode: str) -> SharedServer:
            if mode not in started:
                template = "template" if CELLS_OF_MODES[mode] == TEST_CELLS else "template_of_cells"
                installation = create_installation(request.getfixturevalue(template))
                server = running.enter_context(WalletServer(installation, **ENGINE_MODES[mode]))
                started[mode] = SharedServer(server)
            return started[mode]

        yield of
    for shared in started.values():
        verify(shared.installation)
        drop_database(shared.installation)


@pytest.fixture(params=ENGINE_MODES)
def shared(
    request: pytest.FixtureRequest,
    shared_servers: Callable[[str], SharedServer],
    used_installations: dict[str, Installation],
) -> SharedServer:
    """The server of each engine mode in turn."""
    shared = shared_servers(request.param)
    used_installations[request.param] = shared.installation
    return shared


@pytest.fixture
def wallet(shared: SharedServer) -> Wallet:
    return shared.wallet


@pytest.fixture
def installation(shared: SharedServer) -> Installation:
    return shared.installation


@pytest.fixture
def player(wallet: Wallet) -> Player:
    """A fresh player with 100 in MAIN."""
    return wallet.player("100")


@pytest.fixture(scope="session")
def used_installations() -> dict[str, Installation]:
    """The databases of shared servers that were used since they were last verified."""
    return {}


@pytest.fixture(scope="module", autouse=True)
def _ledger_is_right(used_installations: dict[str, Installation]) -> Iterator[None]:
    """After each module, the books of the databases that it used are right."""
    yield
    while used_installations:
        check_invariants(used_installations.popitem()[1])
