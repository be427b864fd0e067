"""What every connection of every process says of itself, and sets in its session before it is used.

Servers, databases and logins have defaults of their own (`ALTER DATABASE ... SET`): a time zone, a date style, another
isolation, a time limit. None of them may change what the wallet computes or tells, or how durable it is, so a
connection sets all that it relies on, as its first statement: one round trip. Nothing of it goes into the startup
packet: what poolers refuse is not sent, libpq sees the server as it is when it looks for `target_session_attrs`, and
the `options` of a DSN stay the operator's, apart from the settings named here.

Long because every kind of connection stands here: what they have in common, and where they differ, is seen at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict

from wallet_grpc.domain.cells import ONLY_CELL, Cell, schema_of

from .dialing import ANSWER_MARGIN_S, BoundedConnection, dial
from .placement import Schemas, connect_to_cell

_RELIED_ON = {
    # Texts and times as they are read and told: events carry times in UTC, bodies are UTF-8.
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    # How statements and the arrays that are sent with them are read.
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    # A warning tells that the server gave up waiting for a synchronous standby.
    "client_min_messages": "warning",
}
SHARED_SCHEMA = "public"
"""What all cells share."""
_ROADS = ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan", "enable_nestloop", "enable_tidscan")
"""Ways to a row that a lookup by its key needs; a kind may close one again in its `plans`."""
_KEEPALIVES = {
    # A host that went away without a word is noticed in half a minute, at either end. It holds locks until then.
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_LIBPQ_KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""The client's half of the same; what a DSN says of them stays."""
_DURABLE = (
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
    " WHEN 'off' THEN 'on' WHEN 'local' THEN 'on' ELSE current_setting('synchronous_commit') END, FALSE)"
)
"""`remote_write`, `on` and `remote_apply` are the operator's choice; what would not wait for a standby is not."""
_TRANSACTION_TIMEOUT_SINCE = 170_000
_CONNECT_TIMEOUT_S_MIN = 2
"""libpq's and psycopg's own."""

_BACKOFFICE_CONNECT_TIMEOUT_MS_MIN = 2_000
_COMMAND_TIMEOUT_MS = 10_000
_COMMAND_IDLE_IN_TRANSACTION_MS = 600_000
"""A command may wait for its reader in the middle of what it prints."""
_IDLE_IN_TRANSACTION_TIMEOUTS = 2
"""In times of a round trip's limit: how long a process that is frozen keeps its locks."""
_SETTING_UP_TRIES = 50
"""How often a session is set up against the login's own time limit, which may be shorter than a busy server's pause."""

LOOKUPS_BY_KEY = {
    # Plans that are right for any batch: keyed lookups, one a row, whatever the tables held when they were made.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "enable_memoize": "off",  # a batch asks for each row once: what was looked up is not looked up again
    "jit": "off",
}
WALKS_BY_INDEX = {
    # A list is walked through the index that has its order, until the page is full: what would read all to sort it is
    # not for a table of any length. Ranges of pages are for what an index only tells roughly.
    "plan_cache_mode": "force_custom_plan",
    "enable_seqscan": "off",
    "enable_sort": "off",
    "enable_incremental_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
OUTBOX_BY_ID = {
    # By the primary key whatever the statistics say: the table is empty one moment and long the next.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionKind:
    """What a connection is for. A time limit of 0 is none, whatever the login's own default is."""

    application_name: str
    """As `pg_stat_activity` shows it."""
    timeout_ms: int
    """For connecting, over all hosts of the DSN."""
    cell: Cell | None = ONLY_CELL
    """Whose tables it sees, beside those that all cells share; None: those only, so that no cell keeps it from them."""
    reads_only: bool = False
    """Whether its transactions are READ ONLY."""
    is_durable: bool = False
    """Whether its commits wait for the disk, and for a synchronous standby, whatever the login's default is."""
    isolation: Literal["read committed", "serializable"] = "read committed"
    statement_timeout_ms: int = 0
    lock_timeout_ms: int = 0
    idle_session_timeout_ms: int = 0
    idle_in_transaction_timeout_ms: int = 0
    is_physical: bool = False
    """Whether its statements name physical relations where the cell is on Citus (placement.py): lanes' do."""
    plans: Mapping[str, str] = field(default_factory=dict)
    """Settings of the planner, and what else only this kind sets."""

    def of_cell(self, cell: Cell | None) -> ConnectionKind:
        """Give the same kind for another cell, or for none."""
        return replace(self, cell=cell)

    def parameters(self, database_url: str) -> dict[str, Any]:
        """Give what connecting is told beside the DSN. A list of hosts shares the time, so that the last has some."""
        given = conninfo_to_dict(database_url)
        return {
            **{name: value for name, value in _LIBPQ_KEEPALIVES.items() if name not in given},
            "application_name": self.application_name,
            "connect_timeout": _host_s(_hosts_in(database_url), self.timeout_ms),
        }

    def connecting_s(self, database_url: str) -> float:
        """Tell how long connecting may take, in seconds: the last host has its time, however silent the others are."""
        return connecting_s(database_url, timeout_ms=self.timeout_ms)

    def session_settings(self, server_version: int) -> dict[str, str]:
        """Give what a session sets, by name; `server_version` as libpq numbers it."""
        limits = {
            "statement_timeout": str(
                self.statement_timeout_ms
            ),  # first: what follows it has this time, not the login's
            "default_transaction_isolation": self.isolation,
            "lock_timeout": str(self.lock_timeout_ms),
            "idle_session_timeout": str(self.idle_session_timeout_ms),
            "idle_in_transaction_session_timeout": str(self.idle_in_transaction_timeout_ms),
        }
        # A writer does not say that it is one: who makes a server, a database or a login read-only means it.
        if self.reads_only:
            limits["default_transaction_read_only"] = "on"
        if server_version >= _TRANSACTION_TIMEOUT_SINCE:
            limits["transaction_timeout"] = "0"
        cell = "" if self.cell is None else f"{schema_of(self.cell)}, "
        limits["search_path"] = f"{cell}{SHARED_SCHEMA}"
        return {**limits, **_RELIED_ON, **_KEEPALIVES, **dict.fromkeys(_ROADS, "on"), **self.plans}

    async def set_up(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Set a new connection's session; close it where that fails.

        Raises:
            psycopg.Error: It failed.
            TimeoutError: It was not answered in time.
        """
        try:
            async with asyncio.timeout(self.timeout_ms / 1000):
                for attempt in _attempts():
                    with attempt:
                        await connection.execute(self._statement(connection), prepare=False)
                        return
        except BaseException:
            await connection.close()
            raise

    def set_up_blocking(self, connection: psycopg.Connection[Any]) -> None:
        """Do as `set_up` for a connection of a command, without its time limit; closing is the caller's.

        Raises:
            psycopg.Error: It failed.
        """
        for attempt in _attempts():
            with attempt:
                connection.execute(self._statement(connection), prepare=False)
                return

    def _statement(self, connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bytes:
        settings = self.session_settings(connection.info.server_version)
        # A path is a list of names: in quotes it would be one name.
        statements = [
            f"SET {name} = {value}" if name == "search_path" else f"SET {name} = '{value}'"
            for name, value in settings.items()
        ]
        if self.is_durable:
            statements.append(_DURABLE)
        return "; ".join(statements).encode()


def connecting_s(database_url: str, *, timeout_ms: int) -> float:
    """Tell the same where a round trip's limit is `timeout_ms`: that, unless several hosts need more together."""
    hosts = _hosts_in(database_url)
    limit_s = timeout_ms / 1000
    return limit_s if hosts == 1 else max(limit_s, hosts * _host_s(hosts, timeout_ms) + 1)


def _host_s(hosts: int, timeout_ms: int) -> int:
    return max(_CONNECT_TIMEOUT_S_MIN, timeout_ms // 1000 // hosts)


def _hosts_in(database_url: str) -> int:
    """Count the hosts of a DSN."""
    given = conninfo_to_dict(database_url)
    return str(given.get("host") or given.get("hostaddr") or "").count(",") + 1


def _attempts() -> Iterator[AbstractContextManager[None]]:
    """Give one attempt at setting a session up after another: what is to be done in its block, once.

    The login's own `statement_timeout` ends what sets another, where the server is slow: so it is tried again.
    """
    for _ in range(_SETTING_UP_TRIES - 1):
        yield suppress(psycopg.errors.QueryCanceled)
    yield nullcontext()


def lane_locks(*, timeout_ms: int, lock_timeout_ms: int) -> ConnectionKind:
    """Give a lane's first connection, which locks and loads."""
    return ConnectionKind(
        application_name="wallet-lane-locks",
        is_physical=True,
        timeout_ms=timeout_ms,
        statement_timeout_ms=timeout_ms,
        lock_timeout_ms=lock_timeout_ms,
        idle_in_transaction_timeout_ms=_IDLE_IN_TRANSACTION_TIMEOUTS * timeout_ms,
        plans=LOOKUPS_BY_KEY,
    )


LANE_LEDGER = "wallet-lane-ledger"
"""The application name of the connections on which lanes commit."""


def lane_ledger(*, timeout_ms: int, lock_timeout_ms: int) -> ConnectionKind:
    """Give a lane's second connection, which stores."""
    return ConnectionKind(
        application_name=LANE_LEDGER,
        is_physical=True,
        timeout_ms=timeout_ms,
        isolation="serializable",
        is_durable=True,
        statement_timeout_ms=timeout_ms,
        lock_timeout_ms=lock_timeout_ms,
        idle_in_transaction_timeout_ms=_IDLE_IN_TRANSACTION_TIMEOUTS * timeout_ms,
        plans=LOOKUPS_BY_KEY,
    )


def pooled(*, writes: bool, timeout_ms: int) -> ConnectionKind:
    """Give the connections of a pool."""
    return ConnectionKind(
        application_name="wallet-write" if writes else "wallet-read",
        timeout_ms=timeout_ms,
        reads_only=not writes,
        is_durable=writes,
        statement_timeout_ms=timeout_ms,
        idle_in_transaction_timeout_ms=_IDLE_IN_TRANSACTION_TIMEOUTS * timeout_ms,
    )


def backoffice(*, timeout_ms: int) -> ConnectionKind:
    """Give the connections of operators' look-ups: they can only read, and give up where a page takes too long."""
    return ConnectionKind(
        application_name="wallet-backoffice",
        timeout_ms=max(timeout_ms, _BACKOFFICE_CONNECT_TIMEOUT_MS_MIN),
        reads_only=True,
        statement_timeout_ms=timeout_ms,
        idle_in_transaction_timeout_ms=_IDLE_IN_TRANSACTION_TIMEOUTS * timeout_ms,
        plans=WALKS_BY_INDEX,
    )


def relay(*, timeout_ms: int) -> ConnectionKind:
    """Give the connection that holds a relay's partitions: one that is frozen must not keep them."""
    return ConnectionKind(
        application_name="wallet-relay",
        timeout_ms=timeout_ms,
        is_durable=True,
        statement_timeout_ms=timeout_ms,
        idle_session_timeout_ms=60_000,
        idle_in_transaction_timeout_ms=_IDLE_IN_TRANSACTION_TIMEOUTS * timeout_ms,
        plans=OUTBOX_BY_ID,
    )


def of_server(*, timeout_ms: int, lock_timeout_ms: int) -> list[ConnectionKind]:
    """Give every kind that a process with an engine opens: `wallet serve` and `wallet consume`."""
    return [
        lane_locks(timeout_ms=timeout_ms, lock_timeout_ms=lock_timeout_ms),
        lane_ledger(timeout_ms=timeout_ms, lock_timeout_ms=lock_timeout_ms),
        pooled(writes=False, timeout_ms=timeout_ms),
        pooled(writes=True, timeout_ms=timeout_ms),
    ]


def of_relay(*, timeout_ms: int) -> list[ConnectionKind]:
    """Give every kind that `wallet relay` opens."""
    return [relay(timeout_ms=timeout_ms), pooled(writes=False, timeout_ms=timeout_ms)]


def command(application_name: str = "wallet-command", *, timeout_ms: int = _COMMAND_TIMEOUT_MS) -> ConnectionKind:
    """Give the connection of an operator's command."""
    return ConnectionKind(
        application_name=application_name,
        timeout_ms=timeout_ms,
        idle_in_transaction_timeout_ms=_COMMAND_IDLE_IN_TRANSACTION_MS,
    )


def migrator(*, lock_timeout_ms: int) -> ConnectionKind:
    """Give the connection of `wallet migrate`. What it began ends soon after it was killed, and so do its locks."""
    return ConnectionKind(
        application_name="wallet-migrate",
        timeout_ms=_COMMAND_TIMEOUT_MS,
        lock_timeout_ms=lock_timeout_ms,
        plans={"client_connection_check_interval": "1s"},
    )


def verifier(*, statement_timeout_ms: int) -> ConnectionKind:
    """Give the connection of `wallet verify`."""
    return ConnectionKind(
        application_name="wallet-verify",
        timeout_ms=_COMMAND_TIMEOUT_MS,
        reads_only=True,
        statement_timeout_ms=statement_timeout_ms,
        idle_in_transaction_timeout_ms=_COMMAND_IDLE_IN_TRANSACTION_MS,
    )


def connect(database_url: str, kind: ConnectionKind, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """Open a connection of a kind.

    Raises:
        psycopg.Error: It cannot be opened.
    """
    connection = psycopg.connect(database_url, autocommit=True, **kind.parameters(database_url))
    try:
        kind.set_up_blocking(connection)
        connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection


async def connect_async(database_url: str, kind: ConnectionKind, **options: Any) -> BoundedConnection:
    """Open a connection of a kind, in autocommit, to the node of its cell; `options` are psycopg's own.

    Raises:
        psycopg.Error, OSError: It cannot be opened.
        TimeoutError: It could not be opened and its session set in time.
    """

    async def connect_to(server_url: str) -> BoundedConnection:
        parameters = kind.parameters(server_url) | options
        connection = await BoundedConnection.connect(server_url, autocommit=True, **parameters)
        if kind.statement_timeout_ms:
            connection.answer_within_s = kind.statement_timeout_ms / 1000 + ANSWER_MARGIN_S
        await kind.set_up(connection)
        return connection

    schemas = Schemas(None if kind.cell is None else schema_of(kind.cell), SHARED_SCHEMA)

    async def connect() -> BoundedConnection:
        return await connect_to_cell(database_url, schemas, connect_to, is_physical=kind.is_physical)

    return await dial(connect, timeout_s=kind.connecting_s(database_url))


def encoding_fault(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> str | None:
    """Tell what is wrong with the database's encoding, if anything is. The server told it when it was connected to."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding == "UTF8":
        return None
    return (
        f"the database's encoding is {encoding}; the wallet needs UTF8, in which it can keep what it is sent: "
        "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
    )
