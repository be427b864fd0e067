"""What libpq reads by itself stays good: a password file, and a service file that names the database."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from support.database import API_ROLE, SERVICE_ROLE, Cluster, Installation
from support.http_api import ApiServer
from support.server import WalletServer

New = Callable[..., Installation]


def by_password_file(installation: Installation, folder: Path, user: str) -> tuple[str, dict[str, str]]:
    """Return a DSN without a password, and the variables of libpq that lead to it."""
    file = folder / "pgpass"
    file.write_text(f"*:*:{installation.database}:{user}:{installation.cluster.service_password}\n")
    file.chmod(0o600)
    return installation.cluster.dsn(installation.database, user=user), {"PGPASSFILE": str(file)}


def by_service_file(installation: Installation, folder: Path, user: str) -> tuple[str, dict[str, str]]:
    """Return a DSN that names a service, and the variables of libpq that lead to its file."""
    dsn, variables = by_password_file(installation, folder, user)
    facts = {name: value for name, value in conninfo_to_dict(dsn).items() if value is not None}
    file = folder / "pg_service.conf"
    file.write_text("\n".join(["[wallet]", *(f"{name}={value}" for name, value in facts.items()), ""]))
    return "service=wallet", variables | {"PGSERVICEFILE": str(file)}


@pytest.mark.parametrize("found", [by_password_file, by_service_file])
def test_the_service_and_the_api_log_in_by_files_of_libpq(
    new_installation: New, tmp_path: Path, found: Callable[[Installation, Path, str], tuple[str, dict[str, str]]]
) -> None:
    installation = new_installation()
    dsn, variables = found(installation, tmp_path, SERVICE_ROLE)
    assert installation.cluster.service_password not in dsn
    with WalletServer(installation, WALLET_DATABASE_URL=dsn, **variables) as server:
        wallet = server.wallet()
        player = wallet.player("10")
        assert wallet.main(player) == "10"
        api_folder = tmp_path / "api"
        api_folder.mkdir()
        api_dsn, api_variables = found(installation, api_folder, API_ROLE)
        with ApiServer(installation, WALLET_API_DATABASE_URL=api_dsn, **api_variables) as api:
            assert api.balances(player.player_id)["USDT", "TRON"]["available_minor"] == "10"


@pytest.fixture
def own_login(cluster: Cluster) -> Iterator[str]:
    """A login of a test's own, which may what the service may, and whose password may be changed."""
    name = f"wallet_own_{secrets.token_hex(4)}"
    cluster.execute(sql.SQL("CREATE ROLE {} LOGIN IN ROLE wallet_service").format(sql.Identifier(name)))
    yield name
    cluster.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_a_password_is_changed_without_a_restart(new_installation: New, tmp_path: Path, own_login: str) -> None:
    """A password file is read anew for each connection, the value of a DSN is not."""
    installation = new_installation()

    def change_password(password: str) -> None:
        names = sql.Identifier(own_login), sql.Literal(password)
        installation.cluster.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(*names))
        (tmp_path / "pgpass").write_text(f"*:*:*:{own_login}:{password}\n")
        (tmp_path / "pgpass").chmod(0o600)

    change_password("first")
    dsn = installation.cluster.dsn(installation.database, user=own_login)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn, passfile="/nowhere")  # or nothing below would tell of the file
    with WalletServer(installation, WALLET_DATABASE_URL=dsn, PGPASSFILE=str(tmp_path / "pgpass")) as server:
        wallet = server.wallet()
        player = wallet.player("10")
        change_password("second")
        installation.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", own_login)
        wallet.applied(player.deposit("1"))
        assert wallet.main(player) == "11"
