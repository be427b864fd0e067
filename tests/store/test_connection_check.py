"""The start's look at connections: lists of hosts, what a login is allowed, and what is said where one fails."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from support.cookies import token
from support.database import API_ROLE, SERVICE_ROLE, Installation
from support.http_api import BALANCES, ApiServer
from support.proxy import Proxy
from support.server import WalletServer

from devstack.servers.ports import free_port
from wallet_grpc.store.connection import kinds
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.operator.preflight import UnfitDatabaseError, check_database

TIMEOUT_MS = 5_000
KINDS = kinds.of_server(timeout_ms=TIMEOUT_MS, lock_timeout_ms=1_000)
OF_A_PRIMARY = ["any", "read-write", "primary", "prefer-standby"]


def hosts(dsn: str, *, first: int | None = None, **changes: str) -> str:
    """Return the DSN as one of two hosts, at the first of which is nobody, or who has this port."""
    port = psycopg.conninfo.conninfo_to_dict(dsn)["port"]
    return psycopg.conninfo.make_conninfo(
        dsn, host="127.0.0.1,127.0.0.1", port=f"{first or free_port()},{port}", **changes
    )


def check(dsn: str) -> None:
    check_database(dsn, "TEST", timeout_s=TIMEOUT_MS // 1_000, kinds=KINDS)


@contextmanager
def role_has(installation: Installation, role: str, change: str, back: str) -> Iterator[None]:
    name = sql.Identifier(role)
    installation.cluster.execute(sql.SQL("ALTER ROLE {} ").format(name) + sql.SQL(change))  # type: ignore[arg-type]
    try:
        yield
    finally:
        installation.cluster.execute(sql.SQL("ALTER ROLE {} ").format(name) + sql.SQL(back))  # type: ignore[arg-type]


def test_a_host_that_says_nothing_leaves_time_for_the_next(ledger: Installation) -> None:
    """However short a round trip's limit is."""

    async def read() -> object:
        with Proxy(ledger.service_dsn) as proxy:
            proxy.fall_silent()
            pool = Pool(
                hosts(ledger.service_dsn, first=proxy.port), connections_max=1, wait_ms=60_000, timeout_ms=1_000
            )
            try:
                async with pool.connection() as connection:
                    return await (await connection.execute("SELECT count(*) FROM installation")).fetchone()
            finally:
                await pool.close()

    assert asyncio.run(read()) == (1,)


@pytest.mark.parametrize("attributes", OF_A_PRIMARY)
def test_a_list_of_hosts_leads_every_kind_to_the_primary(ledger: Installation, attributes: str) -> None:
    dsn = hosts(ledger.service_dsn, target_session_attrs=attributes)
    check(dsn)

    async def read() -> object:
        pool = Pool(dsn, connections_max=2, wait_ms=TIMEOUT_MS, timeout_ms=TIMEOUT_MS)
        try:
            async with pool.connection() as connection:
                with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                    await connection.execute("DELETE FROM outbox_events")
                return await (await connection.execute("SELECT count(*) FROM installation")).fetchone()
        finally:
            await pool.close()

    assert asyncio.run(read()) == (1,)


@pytest.mark.parametrize("attributes", ["read-only", "standby"])
def test_attributes_that_no_server_meets_are_named(ledger: Installation, attributes: str) -> None:
    with pytest.raises(UnfitDatabaseError, match="cannot be reached"):
        check(hosts(ledger.service_dsn, target_session_attrs=attributes))


@pytest.mark.parametrize("attributes", ["read-write", "primary"])
def test_a_login_that_is_read_only_by_default_is_told_what_is_set(ledger: Installation, attributes: str) -> None:
    read_only = ("SET default_transaction_read_only = on", "RESET default_transaction_read_only")
    told = pytest.raises(UnfitDatabaseError, match="default_transaction_read_only")
    with role_has(ledger, SERVICE_ROLE, *read_only), told:
        check(hosts(ledger.service_dsn, target_session_attrs=attributes))


def test_a_login_with_too_few_connections_is_told_which_one_fails(ledger: Installation) -> None:
    told = pytest.raises(UnfitDatabaseError, match=r"`wallet-read` cannot be opened: .*too many connections")
    with role_has(ledger, SERVICE_ROLE, "CONNECTION LIMIT 2", "CONNECTION LIMIT -1"), told:
        check(ledger.service_dsn)


@pytest.mark.parametrize("attributes", ["read-write", "prefer-standby"])
def test_server_and_api_work_on_a_list_of_hosts(module_installation: Installation, attributes: str) -> None:
    service = hosts(module_installation.service_dsn, target_session_attrs=attributes)
    readers = hosts(module_installation.api_dsn, target_session_attrs=attributes)
    with (
        WalletServer(module_installation, WALLET_DATABASE_URL=service) as server,
        ApiServer(module_installation, WALLET_API_DATABASE_URL=readers) as api,
    ):
        wallet = server.wallet()
        player = wallet.player("100")
        wallet.applied(player.bet("10"))
        assert wallet.balance(player).available_minor == "90"
        assert api.balances(player.player_id)["USDT", "TRON"]["available_minor"] == "90"


def test_the_api_says_why_its_connections_fail_and_serves_once_they_do_not(module_installation: Installation) -> None:
    with role_has(module_installation, API_ROLE, "NOLOGIN", "LOGIN"), ApiServer(module_installation) as api:
        assert "`wallet-api` cannot be opened" in api.log
        assert "is not permitted to log in" in api.log
        assert api.ask(BALANCES, cookie=token(1)).status == 503
