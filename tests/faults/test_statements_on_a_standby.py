"""A statement that is read from a real standby: what is past is told whole or not at all, however far it is behind."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from support.backoffice import BackofficeCaller, backoffice_of
from support.database import Cluster, Installation, create_installation
from support.refusals import Refusal
from support.server import WalletServer
from support.standby import Standby, running_standby
from support.waiting import wait_until
from support.wallet import Wallet

from devstack.servers.postgres import PostgresCluster
from wallet.v1 import backoffice_pb2 as pb
from wallet_grpc.store.operator.keys import create_key
from wallet_grpc.store.reads.keys import Role

Served = tuple[Wallet, BackofficeCaller, Standby]


@pytest.fixture
def served(own_cluster: tuple[Cluster, PostgresCluster, Installation]) -> Iterator[Served]:
    """A server that reads for operators from a standby."""
    _, postgres, template = own_cluster
    installation = create_installation(template)
    with installation.connect() as connection:
        made = create_key(connection, prefix="sk_test_", source="backoffice", roles=[Role.BACKOFFICE])
    installation.keys["backoffice"] = made.key
    with running_standby(postgres) as standby:
        copied = replace(installation, cluster=replace(installation.cluster, admin_dsn=standby.postgres.superuser_dsn))
        with WalletServer(installation, WALLET_BACKOFFICE_DATABASE_URL=copied.backoffice_dsn) as server:
            wallet = server.wallet()
            yield wallet, backoffice_of(wallet), standby


def test_a_statement_of_the_past_waits_for_the_standby(served: Served) -> None:
    wallet, office, standby = served
    player = wallet.player("90")
    so_far = pb.GetStatementRequest(player_id=player.player_id)
    wait_until(lambda: len(office.call(so_far).lines) == 1, what="the standby has the deposit")
    with psycopg.connect(standby.postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
        wait_until(lambda: connection.execute(paused).fetchone() == (True,), what="it stands still")
        wallet.applied(player.bet("40"))
        until = Timestamp()
        until.FromDatetime(datetime.now(UTC))
        past = pb.GetStatementRequest(player_id=player.player_id, to=until)
        refusal = office.attempt(past)
        assert isinstance(refusal, Refusal)
        assert (refusal.reason, "the replica has not come" in refusal.message) == ("DATABASE_UNAVAILABLE", True)
        assert [line.balance_after_minor for line in office.call(so_far).lines] == ["90"]
        connection.execute("SELECT pg_wal_replay_resume()")
    wait_until(lambda: not isinstance(office.attempt(past), Refusal), what="the standby has come to the end of it")
    answer = office.call(past)
    assert [line.balance_after_minor for line in answer.lines] == ["90", "50"]
    assert [(account.opening_minor, account.closing_minor) for account in answer.accounts] == [("0", "50")]
    assert answer.basis.closed_until == answer.basis.as_of == until
