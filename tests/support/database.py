"""PostgreSQL for the tests: one cluster a run, a migrated template, and a database of its own for each server.

In order: the cluster that WALLET_TEST_DATABASE_URL names (a superuser's DSN), a container where a Docker engine
answers, devstack's embedded cluster in a temporary folder.

Long because what a test's database is made of stands in one place, whatever server it is on.
"""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from devstack.servers.postgres import PostgresCluster
from devstack.servers.postgres_settings import PostgresSettings
from support import citus
from support.copies import ROOT, original
from support.requests import ETH_ETHEREUM, USDT_ETHEREUM, USDT_TRON
from wallet_grpc.domain.cells import ONLY_CELL, Cell, schema_of
from wallet_grpc.store.connection.kinds import SHARED_SCHEMA
from wallet_grpc.store.operator.keys import create_key
from wallet_grpc.store.operator.migrate import migrate
from wallet_grpc.store.operator.networks import add_network
from wallet_grpc.store.reads.keys import Role

SERVICE_ROLE = "wallet_service"
API_ROLE = "wallet_api"
BACKOFFICE_ROLE = "wallet_backoffice"
RUN_ID = "PYTEST_XDIST_TESTRUNUID"
_DOCKER_ANSWERS_WITHIN_S = 2
_CLI_TIMEOUT_S = 60
TEST_CELLS = int(os.environ.get("WALLET_TEST_CELLS", "1"))
"""How many cells a test's database has, unless the test says so itself: by WALLET_TEST_CELLS=3 any test runs with 3."""
_ALL_CELLS = "all_cells"
_TABLES_OF_A_CELL = """
    SELECT relname, array_agg(attname::TEXT ORDER BY attnum)
    FROM pg_class
    JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    WHERE relkind = 'r' AND relnamespace = 'cell_0'::REGNAMESPACE
    GROUP BY relname
"""
_MEMORY = Path("/dev/shm")  # noqa: S108 folders in it have random names
_MEMORY_FREE_BYTES_MIN = 8 * 1024**3

CURRENCY_NETWORKS = {
    USDT_TRON: ("USDT", "TRON", 6),
    USDT_ETHEREUM: ("USDT", "ETHEREUM", 6),
    ETH_ETHEREUM: ("ETH", "ETHEREUM", 18),
}
# The callers of every test database: source, roles.
CALLERS = {
    "games": ("games", ("game",)),
    "other-games": ("other-games", ("game",)),
    "payments": ("payments", ("payments",)),
    "other-payments": ("other-payments", ("payments",)),
    "backoffice": ("backoffice", ("backoffice",)),
    "credit": ("credit", ("credit",)),
    "other-credit": ("other-credit", ("credit",)),
    "auditor": ("auditor", ("auditor",)),
    "operator": ("operator", ("game", "payments", "backoffice", "credit")),
    "games-second-key": ("games", ("game",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running PostgreSQL, known by its superuser's DSN."""

    admin_dsn: str
    service_password: str = field(default_factory=lambda: os.environ.get(RUN_ID, secrets.token_hex(16)))
    """The same in all processes of a run, since a cluster that was given to it is theirs together."""

    @property
    def nodes(self) -> Sequence[citus.Node]:
        """Those of a Citus cluster, its coordinator first; none, where it is a plain PostgreSQL."""
        return citus.nodes_of(self.admin_dsn)

    @property
    def admin_password(self) -> str:
        return str(conninfo_to_dict(self.admin_dsn).get("password") or "")

    def dsn(self, database: str, *, user: str | None = None, password: str | None = None) -> str:
        """Return a URL of a database of this cluster: the superuser's, or another role's."""
        given = {name: str(value) for name, value in conninfo_to_dict(self.admin_dsn).items() if value is not None}
        user, password = (given.get("user", "postgres"), given.get("password")) if user is None else (user, password)
        secret = f":{quote(password, safe='')}" if password else ""
        host, port = given.get("host", "127.0.0.1"), given.get("port", "5432")
        if host.startswith("/"):
            return f"postgresql://{quote(user)}{secret}@/{database}?host={quote(host, safe='')}&port={port}"
        return f"postgresql://{quote(user)}{secret}@{host}:{port}/{database}"

    def execute(self, statement: sql.Composable) -> None:
        """Run one statement beside all databases, such as CREATE DATABASE."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One database of a cluster, with the keys of its callers."""

    cluster: Cluster
    database: str
    environment: str = "test"
    keys: dict[str, str] = field(default_factory=dict)
    cells: int = 1

    @property
    def admin_dsn(self) -> str:
        return self.cluster.dsn(self.database)

    @property
    def api_dsn(self) -> str:
        return self.cluster.dsn(self.database, user=API_ROLE, password=self.cluster.service_password)

    @property
    def backoffice_dsn(self) -> str:
        return self.cluster.dsn(self.database, user=BACKOFFICE_ROLE, password=self.cluster.service_password)

    @property
    def service_dsn(self) -> str:
        return self.cluster.dsn(self.database, user=SERVICE_ROLE, password=self.cluster.service_password)

    def settings(self) -> dict[str, str]:
        """Return the environment of a process of this installation."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WALLET_", "PG"))}
        return inherited | {
            "WALLET_DATABASE_URL": self.service_dsn,
            "WALLET_ADMIN_DATABASE_URL": self.admin_dsn,
            "WALLET_BACKOFFICE_DATABASE_URL": self.backoffice_dsn,
            "WALLET_BACKOFFICE_QUERY_TIMEOUT_MS": "30000",  # of a machine that does much else
            "WALLET_ENVIRONMENT": self.environment,
            "PYTHONUNBUFFERED": "1",
        }

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run the `wallet` command to its end, whatever it answers."""
        environment = self.settings() | settings
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            copy = original().copy(arguments, environment=environment, folder=ROOT, out=out, err=err)
            try:
                status = copy.wait(_CLI_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                copy.kill()
                raise
            written = [os.pread(it.fileno(), os.fstat(it.fileno()).st_size, 0).decode() for it in (out, err)]
        return subprocess.CompletedProcess(copy.args, status, *written)

    def command(self, *arguments: str) -> str:
        """Run the `wallet` command, which must succeed, and return what it printed."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"wallet {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def create_key(self, source: str, roles: Sequence[str], *flags: str) -> tuple[str, str]:
        """Return the id and the secret of a new key."""
        flags = (*flags, *(flag for role in roles for flag in ("--role", role)))
        made = json.loads(self.command("keys", "create", "--source", source, *flags, "--json"))
        return str(made["key_id"]), made["key"]

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Read with SQL, as the superuser."""
        with self.connect() as connection:
            return connection.execute(query, parameters).fetchall()

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection:
        """Connect as the superuser."""
        return psycopg.connect(self.admin_dsn, autocommit=autocommit)


def create_template(cluster: Cluster, callers: Sequence[str] = tuple(CALLERS), cells: int = TEST_CELLS) -> Installation:
    """Migrate a database, with its currency networks and callers: what every server's database is a copy of.

    It is made by what the commands call: fourteen of them, each a process, would take the processor for ten seconds.
    """
    return _set_up(cluster, f"wallet_template_{secrets.token_hex(4)}", callers, cells)


def _set_up(cluster: Cluster, database: str, callers: Sequence[str], cells: int | None = None) -> Installation:
    template = Installation(cluster=cluster, database=database, cells=cells or 1)
    if cluster.nodes:
        citus.create_database(cluster.admin_dsn, database, cluster.nodes)
    else:
        cluster.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    look_into_the_first_cell(template)
    migrate(template.admin_dsn, "TEST", cells=cells)
    let_service_log_in(cluster)
    with template.connect() as connection:
        for number, (currency, network, decimals) in CURRENCY_NETWORKS.items():
            add_network(connection, currency=currency, network=network, decimals=decimals, network_id=number)
        for name in callers:
            source, roles = CALLERS[name]
            made = create_key(connection, prefix="sk_test_", source=source, roles=[Role(role) for role in roles])
            template.keys[name] = made.key
    if template.cells > 1:
        see_all_cells(template)
    return template


def let_service_log_in(cluster: Cluster) -> None:
    """Give the roles that the migrations made a password: the service's, the HTTP API's, the back office's."""
    for role in (SERVICE_ROLE, API_ROLE, BACKOFFICE_ROLE):
        names = sql.Identifier(role), sql.Literal(cluster.service_password)
        let_log_in = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(*names)
        cluster.execute(let_log_in)
        for node in cluster.nodes[1:]:
            citus.execute(citus.at(cluster.admin_dsn, node), let_log_in)


def create_installation(template: Installation) -> Installation:
    """Copy the template into a database of its own. On Citus, where none is a copy, it is made like the template."""
    if template.cluster.nodes:
        return _set_up(template.cluster, f"wallet_test_{secrets.token_hex(6)}", list(template.keys), template.cells)
    copy = Installation(
        cluster=template.cluster,
        database=f"wallet_test_{secrets.token_hex(6)}",
        keys=dict(template.keys),
        cells=template.cells,
    )
    names = sql.Identifier(copy.database), sql.Identifier(template.database)
    # By its files: to copy it by the log, as is done by itself, takes nine times the processor.
    copy.cluster.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(*names))
    if copy.cells > 1:
        look_at_all_cells(copy)
    else:
        look_into_the_first_cell(copy)
    return copy


@contextmanager
def own_installation(template: Installation) -> Iterator[Installation]:
    """Copy the template for the time of the block."""
    made = create_installation(template)
    try:
        yield made
    finally:
        drop_database(made)


def create_citus_installation(cluster: Cluster, *, cells: int) -> Installation:
    """Set up a database of several cells on a Citus cluster."""
    return _set_up(cluster, f"wallet_cells_{secrets.token_hex(6)}", tuple(CALLERS), cells)


def create_empty_installation(cluster: Cluster, *, environment: str = "test") -> Installation:
    """Create a database that is not migrated yet."""
    made = Installation(cluster=cluster, database=f"wallet_empty_{secrets.token_hex(6)}", environment=environment)
    if cluster.nodes:
        citus.create_database(cluster.admin_dsn, made.database, cluster.nodes)
    else:
        cluster.execute(sql.SQL("CREATE DATABASE {} STRATEGY FILE_COPY").format(sql.Identifier(made.database)))
    look_into_the_first_cell(made)
    return made


def look_into_the_first_cell(installation: Installation) -> None:
    """Have plain connections to a database see its first cell; the wallet's own set their path themselves."""
    name = sql.Identifier(installation.database)
    path = sql.SQL(", ").join([sql.Identifier(schema_of(ONLY_CELL)), sql.Identifier(SHARED_SCHEMA)])
    installation.cluster.execute(sql.SQL("ALTER DATABASE {} SET search_path = {}").format(name, path))


def look_into_cell(connection: psycopg.Connection, cell: Cell) -> None:
    """Have a connection see one cell only; what is written by SQL is written there."""
    path = sql.SQL("SET search_path = {}, {}")
    connection.execute(path.format(*map(sql.Identifier, (schema_of(cell), SHARED_SCHEMA))))


def look_at_all_cells(installation: Installation) -> None:
    """Have plain connections to a database see the views of `see_all_cells`."""
    names = sql.Identifier(installation.database), sql.Identifier(_ALL_CELLS), sql.Identifier(SHARED_SCHEMA)
    installation.cluster.execute(sql.SQL("ALTER DATABASE {} SET search_path = {}, {}").format(*names))


def see_all_cells(installation: Installation) -> None:
    """Make views of what all cells of a database have together, under the names of their tables.

    Accounts are told apart: in each cell they are numbered anew.
    """
    with installation.connect() as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(_ALL_CELLS)))
        for table, columns in connection.execute(_TABLES_OF_A_CELL).fetchall():
            parts = []
            for cell in range(installation.cells):
                told = [
                    sql.SQL("account_id + sign(account_id)::BIGINT * {} AS account_id").format(cell * 10**12)
                    if column == "account_id"
                    else sql.Identifier(column)
                    for column in columns
                ]
                of_cell = sql.Identifier(schema_of(Cell(cell)), table)
                parts.append(sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(told), of_cell))
            view = sql.Identifier(_ALL_CELLS, table)
            together = sql.SQL(" UNION ALL ").join(parts)
            connection.execute(sql.SQL("CREATE VIEW {} AS {}").format(view, together))
    look_at_all_cells(installation)


def drop_database(installation: Installation) -> None:
    if installation.cluster.nodes:
        citus.drop_database(installation.cluster.admin_dsn, installation.database, installation.cluster.nodes)
        return
    name = sql.Identifier(installation.database)
    installation.cluster.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@contextmanager
def running_cluster(environment: Mapping[str, str] = os.environ) -> Iterator[Cluster]:
    """Find or start the run's PostgreSQL."""
    if given := environment.get("WALLET_TEST_DATABASE_URL"):
        yield Cluster(admin_dsn=given)
    elif docker_answers():
        from testcontainers.postgres import PostgresContainer

        with PostgresContainer("postgres:18", driver=None).with_command("-c max_prepared_transactions=10") as container:
            yield Cluster(admin_dsn=container.get_connection_url())
    else:
        with embedded_cluster(parent=shared_folder()) as (cluster, _):
            yield cluster


def shared_folder() -> Path | None:
    """Return where to put servers that many tests share and none kills: in memory, where there is plenty of it.

    They flush as always, which costs nothing there and half a second for a new database on a disk.
    """
    try:
        roomy = shutil.disk_usage(_MEMORY).free >= _MEMORY_FREE_BYTES_MIN
    except OSError:
        return None
    return _MEMORY if roomy else None


@contextmanager
def embedded_cluster(
    settings: PostgresSettings | None = None, *, bin_dir: str | None = None, parent: Path | None = None
) -> Iterator[tuple[Cluster, PostgresCluster]]:
    """Start devstack's PostgreSQL in a temporary folder, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="wallet-tests-", dir=parent))
    folder.chmod(0o711)  # PostgreSQL refuses root and may run as another account
    try:
        settings = settings or PostgresSettings.for_tests()
        with PostgresCluster.create_or_open(folder, settings=settings, bin_dir=bin_dir) as postgres:
            cluster = Cluster(admin_dsn=postgres.superuser_dsn)
            _hash_anew(cluster)
            yield cluster, postgres
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _hash_anew(cluster: Cluster) -> None:
    """Have the superuser's password hashed as cheaply as the others: `initdb` does not know how the server will."""
    user = sql.Identifier(conninfo_to_dict(cluster.admin_dsn)["user"])
    cluster.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(user, sql.Literal(cluster.admin_password)))


def docker_answers() -> bool:
    """Tell whether a Docker engine answers."""
    try:
        asked = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True,
            timeout=_DOCKER_ANSWERS_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
