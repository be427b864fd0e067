"""What a connection sets before it is used, whatever the database's and the login's defaults are."""

import dataclasses
from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from support.database import SERVICE_ROLE, Cluster, Installation, drop_database

from wallet_grpc.store.connection import kinds
from wallet_grpc.store.connection.kinds import ConnectionKind, connect, connect_async
from wallet_grpc.store.operator.migrate import MigrationError, migrate
from wallet_grpc.store.operator.preflight import UnfitDatabaseError, check_database

KINDS = [
    kinds.lane_locks(timeout_ms=5_000, lock_timeout_ms=1_000),
    kinds.lane_ledger(timeout_ms=5_000, lock_timeout_ms=1_000),
    kinds.pooled(writes=False, timeout_ms=5_000),
    kinds.pooled(writes=True, timeout_ms=5_000),
    kinds.relay(timeout_ms=5_000),
    kinds.command(),
    kinds.verifier(statement_timeout_ms=60_000),
]


_OTHERWISE = {
    "client_encoding": "LATIN1",
    "timezone": "Asia/Kathmandu",
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "extra_float_digits": "-1",
    "bytea_output": "escape",
    "search_path": "pg_catalog",
    "client_min_messages": "error",
    "tcp_keepalives_idle": "70",
    "tcp_keepalives_interval": "70",
    "tcp_keepalives_count": "9",
    "tcp_user_timeout": "70s",
    "plan_cache_mode": "force_custom_plan",
    "default_transaction_isolation": "repeatable read",
    "on": "off",
    "off": "on",
}
_SET = "SELECT name, current_setting(name) FROM unnest(%s::TEXT[]) AS asked (name)"


@pytest.fixture
def latin_1(any_cluster: Cluster) -> Iterator[Installation]:
    made = Installation(cluster=any_cluster, database="in_latin_1")
    any_cluster.execute(
        sql.SQL("CREATE DATABASE {} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0").format(
            sql.Identifier(made.database)
        )
    )
    yield made
    drop_database(made)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.application_name)
async def test_no_default_of_the_login_gets_through(own_ledger: Installation, kind: ConnectionKind) -> None:
    with connect(own_ledger.service_dsn, kind) as connection:
        names = list(kind.session_settings(connection.info.server_version))
        quiet = dict(connection.execute(_SET, [names]).fetchall())
    for name, value in quiet.items():
        otherwise = _OTHERWISE.get(name) or _OTHERWISE.get(value) or ("1min" if value == "0" else "50s")
        own_ledger.cluster.execute(_alter("SET {} = {}", own_ledger, sql.Identifier(name), sql.Literal(otherwise)))
    with psycopg.connect(own_ledger.service_dsn) as connection:
        spoiled = dict(connection.execute(_SET, [names]).fetchall())
        assert [name for name in names if spoiled[name] == quiet[name]] == []
    with connect(own_ledger.service_dsn, kind) as connection:
        assert dict(connection.execute(_SET, [names]).fetchall()) == quiet
    async with await connect_async(own_ledger.service_dsn, kind) as opened:
        assert dict(await (await opened.execute(_SET, [names])).fetchall()) == quiet


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.application_name)
async def test_a_time_limit_of_the_login_does_not_end_what_lifts_it(
    own_ledger: Installation, kind: ConnectionKind
) -> None:
    """However slow the server is: a session's settings take a moment, and the login's limit is a shorter one."""
    own_ledger.cluster.execute(_alter("SET statement_timeout = '1ms'", own_ledger))
    slow = dataclasses.replace(kind, plans={**kind.plans, **{f"wallet.a{number}": "on" for number in range(300)}})
    for _ in range(3):
        with connect(own_ledger.service_dsn, slow) as connection:
            connection.execute("SELECT pg_sleep(0.01)")
        async with await connect_async(own_ledger.service_dsn, slow) as opened:
            await opened.execute("SELECT pg_sleep(0.01)")


def _alter(change: LiteralString, installation: Installation, *parts: sql.Composable) -> sql.Composable:
    role, database = sql.Identifier(SERVICE_ROLE), sql.Identifier(installation.database)
    return sql.SQL("ALTER ROLE {} IN DATABASE {} ").format(role, database) + sql.SQL(change).format(*parts)


def test_the_options_of_a_dsn_stay(ledger: Installation) -> None:
    dsn = psycopg.conninfo.make_conninfo(ledger.service_dsn, options="-c work_mem=7MB -c timezone=Asia/Kathmandu")
    with connect(dsn, kinds.pooled(writes=False, timeout_ms=5_000)) as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("7MB",)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)


@pytest.mark.parametrize(
    ("given", "kept"), [("off", "on"), ("local", "on"), ("remote_write", "remote_write"), ("on", "on")]
)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.is_durable], ids=lambda kind: kind.application_name)
def test_who_commits_waits_for_the_disk_and_a_standby_whatever_the_login_does(
    own_ledger: Installation, kind: ConnectionKind, given: str, kept: str
) -> None:
    own_ledger.cluster.execute(_alter("SET synchronous_commit = {}", own_ledger, sql.Literal(given)))
    with connect(own_ledger.service_dsn, kind) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == (kept,)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.application_name)
def test_every_connection_notices_that_its_other_end_is_gone_and_keeps_no_transaction_open_for_ever(
    own_ledger: Installation, kind: ConnectionKind
) -> None:
    with connect(own_ledger.service_dsn, kind) as connection:
        told = connection.info.get_parameters()
        assert {"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"} <= told.keys()
        settings = kind.session_settings(connection.info.server_version)
        assert int(settings["idle_in_transaction_session_timeout"]) > 0
    given = psycopg.conninfo.make_conninfo(own_ledger.service_dsn, keepalives_idle=7)
    with connect(given, kind) as connection:
        assert connection.info.get_parameters()["keepalives_idle"] == "7", "what the DSN says stays"


def test_a_database_that_was_made_read_only_stays_so(own_ledger: Installation) -> None:
    own_ledger.cluster.execute(_alter("SET default_transaction_read_only = on", own_ledger))
    for kind in KINDS:
        with connect(own_ledger.service_dsn, kind) as connection:
            assert connection.execute("SHOW transaction_read_only").fetchone() == ("on",)


@pytest.mark.parametrize(("hosts", "timeout_s"), [("a", 6), ("a,b", 3), ("a,b,c", 2), ("a,b,c,d,e", 2)])
def test_the_hosts_of_a_dsn_share_the_time_to_connect(hosts: str, timeout_s: int) -> None:
    parameters = kinds.pooled(writes=False, timeout_ms=6_000).parameters(f"host={hosts} dbname=wallet")
    assert parameters["connect_timeout"] == timeout_s


def test_another_encoding_is_refused_before_anything_is_made(latin_1: Installation) -> None:
    with pytest.raises(MigrationError, match="encoding is LATIN1; the wallet needs UTF8"):
        migrate(latin_1.admin_dsn, "TEST")
    assert latin_1.rows("SELECT to_regclass('schema_migrations')") == [(None,)]
    with pytest.raises(UnfitDatabaseError, match="encoding is LATIN1; the wallet needs UTF8"):
        check_database(latin_1.admin_dsn, "TEST", timeout_s=30)


def test_a_login_that_skips_triggers_is_refused(own_ledger: Installation) -> None:
    own_ledger.cluster.execute(_alter("SET session_replication_role = replica", own_ledger))
    with pytest.raises(UnfitDatabaseError, match="session_replication_role is replica"):
        check_database(own_ledger.service_dsn, "TEST", timeout_s=30)
