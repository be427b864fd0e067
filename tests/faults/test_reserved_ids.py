"""Account ids are reserved ahead of their use. A crash may take the reservation back, and must not give an id twice."""

from collections.abc import Iterator

import pytest
from store.lanes import SteppedLane
from support.database import Installation, embedded_cluster, let_service_log_in, look_into_the_first_cell
from support.ledger import check_invariants
from unit.desk import deposit

from devstack.servers.postgres import PostgresCluster
from devstack.servers.postgres_settings import PostgresSettings
from wallet_grpc.store.batch.store import BatchStore, StoreSettings
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.operator.migrate import migrate
from wallet_grpc.store.operator.networks import add_network

pytestmark = pytest.mark.faults


@pytest.fixture
def forgetful() -> Iterator[tuple[PostgresCluster, Installation]]:
    """A PostgreSQL that writes its log for nobody but a commit, so that a kill loses what no commit waited for."""
    settings = PostgresSettings.for_tests(extra={"wal_writer_delay": "10000ms"})
    with embedded_cluster(settings) as (cluster, postgres):
        installation = Installation(cluster=cluster, database="postgres")
        migrate(installation.admin_dsn, "TEST")
        look_into_the_first_cell(installation)
        with installation.connect() as connection:
            add_network(connection, currency="USDT", network="TRON", decimals=6, network_id=1)
        let_service_log_in(cluster)
        yield postgres, installation


async def test_a_crash_of_the_database_makes_no_two_lanes_use_the_same_account_ids(
    forgetful: tuple[PostgresCluster, Installation],
) -> None:
    postgres, installation = forgetful
    settings = StoreSettings(
        database_url=installation.service_dsn,
        timeout_ms=5_000,
        lock_timeout_ms=2_000,
        batch_operations_max=100,
    )
    lanes = [SteppedLane(BatchStore(settings)) for _ in range(2)]
    await lanes[0].decide(deposit("never", player=1))  # reserves ids; nothing is committed
    postgres.kill()
    postgres.start()
    with pytest.raises(DatabaseUnavailableError):
        await lanes[0].decide(deposit("d1", player=1))
    await lanes[0].attempt(*(deposit(f"d{player}", player=player) for player in range(1, 90)))
    # Nobody else is there to lose a race to: unless ids come twice, it goes through at once.
    await lanes[1].attempt(*(deposit(f"d{player}", player=player) for player in range(101, 190)))
    check_invariants(installation)
    for lane in lanes:
        await lane.store.close()
