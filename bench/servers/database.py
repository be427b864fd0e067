"""The database server of a run: one private PostgreSQL, durable, in a temporary folder, and the databases on it.

Every wallet workload gets a database of its own, a copy of one template: migrated by the `wallet` command, one currency
network, one key, and 20,000 players funded through the wallet itself.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from bench.clients.workloads import NETWORK_ID
from bench.servers.revision import Revision
from bench.servers.wallet_server import BenchCommand
from devstack.credentials import Credentials, give_login
from devstack.servers.account import fallback_folder
from devstack.servers.ports import free_port
from devstack.servers.postgres import PostgresCluster
from devstack.servers.postgres_settings import PostgresSettings
from devstack.stack_settings import StackSettings
from devstack.wallet_command import Databases

TEMPLATE = "wallet_template"
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


class NotDurableError(Exception):
    """The database would be measured without keeping what it promises: no figure of it counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The running PostgreSQL."""

    cluster: PostgresCluster
    folder: Path
    service_password: str
    revision: Revision | None = None
    """Whose wallet its databases are for; None: that of this very source."""

    # ---- databases

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create a database, and write everything to disk so that it does not happen while something is measured."""
        self.cluster.create_database(name, template)
        self.checkpoint()

    def drop_database(self, name: str) -> None:
        """Drop a database that is measured no more, so that its vacuuming disturbs nobody."""
        self.cluster.drop_database(name)

    def checkpoint(self) -> None:
        """Write all dirty pages: every window begins as far into a checkpoint cycle, and none has one in its middle."""
        self.execute("postgres", "CHECKPOINT")

    def vacuum(self, database: str) -> None:
        """Do now what autovacuum would do in the middle of a measurement."""
        self.execute(database, "VACUUM (ANALYZE)")

    def execute(self, database: str, statement: LiteralString) -> None:
        """Run a statement as the superuser."""
        with psycopg.connect(self.cluster.dsn(database), autocommit=True) as connection:
            connection.execute(statement)

    def rows(self, database: str, query: LiteralString, *, cell: int = 0) -> list[tuple[Any, ...]]:
        """Read as the superuser, in a cell."""
        with psycopg.connect(self.cluster.dsn(database), options=f"-c search_path=cell_{cell},public") as connection:
            return connection.execute(query).fetchall()

    def raw_rows(self, database: str, query: bytes, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Read as the superuser, by a statement of the wallet's own, with its parameters numbered."""
        with psycopg.connect(self.cluster.dsn(database)) as connection, psycopg.RawCursor(connection) as cursor:
            return cursor.execute(query, parameters).fetchall()

    # ---- the wallet's databases

    def command(self, database: str, extra: Mapping[str, str] | None = None) -> BenchCommand:
        """Return the `wallet` command for a database, to serve on a port of its own."""
        settings = StackSettings(
            data_dir=self.folder, environment="test", grpc_port=free_port(), database_url=self.cluster.dsn(database)
        )
        databases = Databases.of(admin_url=self.cluster.dsn(database), service_password=self.service_password)
        return BenchCommand(settings=settings, databases=databases, extra=extra or {}, revision=self.revision)

    def make_template(self, name: str = TEMPLATE, *, cells: int = 1) -> str:
        """Migrate the template, or another database, without players yet; returns the key of its caller."""
        self.cluster.create_database(name)
        command = self.command(name)
        command.run("migrate", *([] if cells == 1 else ["--cells", str(cells)]))
        give_login(admin_url=self.cluster.dsn(name), password=self.service_password)
        command.run("currencies", "add", "USDT", "TRON", "--decimals", "6", "--id", str(NETWORK_ID))
        made = json.loads(
            command.run(
                "keys",
                "create",
                "--source",
                "bench",
                "--role",
                "game",
                "--role",
                "payments",
                "--role",
                "credit",
                "--json",
            )
        )
        return str(made["key"])

    def check_durable(self, database: str) -> dict[str, str]:
        """Assert, as the service's own role, that commits are durable and that no table is unlogged.

        Raises:
            NotDurableError: Something is off; the message names it.
        """
        return _check_durable(self.command(database).databases.service_url)

    def check_durable_as_superuser(self, database: str) -> None:
        """Assert the same of a yardstick's database, as the role that pgbench uses.

        Raises:
            NotDurableError: Something is off; the message names it.
        """
        _check_durable(self.cluster.dsn(database))

    def table_bytes(self, database: str) -> dict[str, int]:
        """Return the size on disk of each table with its indexes and TOAST."""
        query: LiteralString = """
            SELECT relname, pg_total_relation_size(oid) FROM pg_class
            WHERE relkind = 'r' AND (relnamespace::REGNAMESPACE)::TEXT ~ '^(public|cell_[0-9]+)$'
        """
        return {str(name): int(size) for name, size in self.rows(database, query)}

    def database_bytes(self, database: str) -> int:
        """Return the size on disk of a whole database."""
        return int(self.rows(database, "SELECT pg_database_size(current_database())")[0][0])

    def wal_bytes(self) -> int:
        """Return how much was ever written to the server's log."""
        return int(self.rows("postgres", "SELECT pg_current_wal_insert_lsn() - '0/0'::PG_LSN")[0][0])


@contextmanager
def private_server(*, revision: Revision | None = None, settings: PostgresSettings | None = None) -> Iterator[Server]:
    """Start a PostgreSQL for a block; nothing of it is left afterwards."""
    # Not in /tmp, which may be memory: an fsync there costs nothing, and keeps nothing.
    folder = Path(tempfile.mkdtemp(prefix="wallet-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")))  # noqa: S108
    folder.chmod(0o711)  # PostgreSQL refuses root and may run as another account
    try:
        cluster = PostgresCluster.create_or_open(folder / "postgres", settings=settings)
        try:
            with cluster:
                password = Credentials.load_or_new(folder).service_password
                yield Server(cluster=cluster, folder=folder, service_password=password, revision=revision)
        finally:
            if not cluster.pgdata.is_relative_to(folder):
                shutil.rmtree(fallback_folder(cluster.pgdata), ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_durable(dsn: str) -> dict[str, str]:
    with psycopg.connect(dsn) as connection:
        shown = {name: _only_value(connection, sql.SQL("SHOW {}").format(sql.Identifier(name))) for name in _DURABLE}
        unlogged = connection.execute("SELECT relname FROM pg_class WHERE relpersistence = 'u'").fetchall()
    off = [f"{name} is {value}" for name, value in shown.items() if value != "on"]
    off.extend(f"table {row[0]} is unlogged" for row in unlogged)
    if off:
        raise NotDurableError("; ".join(off))
    return shown


def _only_value(connection: psycopg.Connection, statement: sql.Composed) -> str:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return str(row[0])
