"""Preflight: on which databases the service refuses to serve, and what it only warns about."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from psycopg import sql
from support.database import SERVICE_ROLE, Cluster, Installation
from support.waiting import wait_until

from devstack.servers.ports import free_port
from wallet_cli.options import check_fitness
from wallet_grpc.settings import Settings
from wallet_grpc.store.operator.preflight import UnfitDatabaseError, check_database

TIMEOUT_S = 30


@contextmanager
def cluster_setting(cluster: Cluster, name: str, value: str) -> Iterator[None]:
    """Change a setting of the whole cluster, as an operator would: no restart, all sessions."""
    setting = sql.Identifier(name)
    cluster.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(setting, sql.Literal(value)))
    cluster.execute(sql.SQL("SELECT pg_reload_conf()"))
    try:
        _until(cluster, name, value)
        yield
    finally:
        cluster.execute(sql.SQL("ALTER SYSTEM RESET {}").format(setting))
        cluster.execute(sql.SQL("SELECT pg_reload_conf()"))
        _until(cluster, name, "on")


def _until(cluster: Cluster, name: str, value: str) -> None:
    postgres = Installation(cluster=cluster, database="postgres")  # a new session each time has the new settings
    wait_until(lambda: postgres.rows("SELECT current_setting(%s)", name) == [(value,)], what=f"{name} is {value}")


def test_a_fit_database_passes_without_a_word(ledger: Installation) -> None:
    assert check_database(ledger.service_dsn, "TEST", timeout_s=TIMEOUT_S).messages == []


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_refuses_a_cluster_that_is_not_durable(ledger: Installation, name: str) -> None:
    with cluster_setting(ledger.cluster, name, "off"), pytest.raises(UnfitDatabaseError, match=f"{name} is off"):
        check_database(ledger.service_dsn, "TEST", timeout_s=TIMEOUT_S)
    check_database(ledger.service_dsn, "TEST", timeout_s=TIMEOUT_S)


@pytest.mark.parametrize("scope", ["DATABASE", "ROLE", "ROLE IN DATABASE"])
def test_refuses_commits_that_are_not_durable_for_its_own_sessions_only(own_ledger: Installation, scope: str) -> None:
    database, role = sql.Identifier(own_ledger.database), sql.Identifier(SERVICE_ROLE)
    target = {
        "DATABASE": sql.SQL("DATABASE {}").format(database),
        "ROLE": sql.SQL("ROLE {}").format(role),
        "ROLE IN DATABASE": sql.SQL("ROLE {} IN DATABASE {}").format(role, database),
    }[scope]
    own_ledger.cluster.execute(sql.SQL("ALTER {} SET synchronous_commit = off").format(target))
    try:
        with pytest.raises(UnfitDatabaseError, match="synchronous_commit is off"):
            check_database(own_ledger.service_dsn, "TEST", timeout_s=TIMEOUT_S)
    finally:
        own_ledger.cluster.execute(sql.SQL("ALTER {} RESET synchronous_commit").format(target))


@pytest.mark.parametrize("value", ["local", "remote_write", "remote_apply"])
def test_takes_every_commit_that_is_durable_here(own_ledger: Installation, value: str) -> None:
    database = sql.Identifier(own_ledger.database)
    own_ledger.cluster.execute(
        sql.SQL("ALTER DATABASE {} SET synchronous_commit = {}").format(database, sql.Literal(value))
    )
    check_database(own_ledger.service_dsn, "TEST", timeout_s=TIMEOUT_S)


def test_refuses_another_environment(ledger: Installation) -> None:
    with pytest.raises(UnfitDatabaseError, match="TEST installation, and WALLET_ENVIRONMENT is LIVE"):
        check_database(ledger.service_dsn, "LIVE", timeout_s=TIMEOUT_S)


def test_refuses_an_empty_database(empty: Installation) -> None:
    with pytest.raises(UnfitDatabaseError, match="migrations are behind: shared/0001_installation"):
        check_database(empty.admin_dsn, "TEST", timeout_s=TIMEOUT_S)


def test_refuses_migrations_that_are_behind(own_ledger: Installation) -> None:
    with own_ledger.connect() as connection:
        connection.execute("DELETE FROM schema_migrations WHERE version = '0003_sessions'")
    with pytest.raises(UnfitDatabaseError, match="behind: cell_0/0003_sessions; run `wallet migrate` first"):
        check_database(own_ledger.service_dsn, "TEST", timeout_s=TIMEOUT_S)


def test_refuses_a_database_that_cannot_be_reached() -> None:
    with pytest.raises(UnfitDatabaseError, match="cannot be reached"):
        check_database(f"postgresql://nobody@127.0.0.1:{free_port()}/none", "TEST", timeout_s=TIMEOUT_S)


def test_refuses_a_wrong_password_without_telling_it(ledger: Installation) -> None:
    dsn = ledger.cluster.dsn(ledger.database, user=SERVICE_ROLE, password="guessed")
    with pytest.raises(UnfitDatabaseError) as caught:
        check_database(dsn, "TEST", timeout_s=TIMEOUT_S)
    assert "guessed" not in str(caught.value)


def test_warns_of_predicate_locks_that_are_few(ledger: Installation) -> None:
    with cluster_setting_of_page(ledger.cluster):
        messages = check_database(ledger.service_dsn, "TEST", timeout_s=TIMEOUT_S).messages
    assert [message.split(" ")[0] for message in messages] == ["max_pred_locks_per_page"]


def test_warns_of_a_table_of_locks_that_lanes_could_fill_by_half(ledger: Installation) -> None:
    ((room,),) = ledger.rows(
        "SELECT current_setting('max_locks_per_transaction')::BIGINT"
        " * (current_setting('max_connections')::BIGINT + current_setting('max_prepared_transactions')::BIGINT)"
    )

    def messages(owners: int) -> Sequence[str]:
        return check_database(ledger.service_dsn, "TEST", timeout_s=TIMEOUT_S, owners_locked_max=owners).messages

    assert messages(room // 2) == []
    (message,) = messages(room // 2 + 1)
    assert message.startswith(f"PostgreSQL's table of locks has room for {room}")
    assert f"lock up to {room // 2 + 1} owners at once" in message


def test_a_server_counts_the_lanes_of_all_its_workers(
    ledger: Installation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ledger.settings().items():
        monkeypatch.setenv(name, value)
    settings = Settings(lanes=32, batch_operations_max=500)  # type: ignore[call-arg] # the rest stands in the environment
    check_fitness(settings, [], workers=4)
    assert "lock up to 64000 owners at once" in capsys.readouterr().out


@contextmanager
def cluster_setting_of_page(cluster: Cluster) -> Iterator[None]:
    cluster.execute(sql.SQL("ALTER SYSTEM SET max_pred_locks_per_page = 2"))
    cluster.execute(sql.SQL("SELECT pg_reload_conf()"))
    try:
        _until(cluster, "max_pred_locks_per_page", "2")
        yield
    finally:
        cluster.execute(sql.SQL("ALTER SYSTEM RESET max_pred_locks_per_page"))
        cluster.execute(sql.SQL("SELECT pg_reload_conf()"))
        _until(cluster, "max_pred_locks_per_page", "200")


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_serve_says_why_it_refuses_to_start(own_ledger: Installation, name: str) -> None:
    with cluster_setting(own_ledger.cluster, name, "off"):
        done = own_ledger.run("serve", WALLET_GRPC_ADDRESS=f"127.0.0.1:{free_port()}")
    assert done.returncode != 0
    assert f"refusing to start: {name} is off" in done.stderr
