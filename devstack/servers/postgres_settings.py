"""What a private PostgreSQL is configured with: durable always, sized for a developer's machine, eager to vacuum."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from devstack.servers.binaries import PostgresBinaries

ALWAYS_DURABLE: Mapping[str, str] = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""Not to be overridden: without them a measurement and a fault test show something else."""

_ITERATIONS_SINCE = 16


class UnsafeSettingError(ValueError):
    """Somebody tried to trade durability for speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSettings:
    """The sizes that differ between a benchmark and a test, and whatever else a caller wants to set."""

    shared_buffers_mb: int = 512
    max_connections: int = 200
    """Up to 16 for each cell and server process, and those of the others: three cells and two processes fit."""
    min_wal_size_mb: int = 1024
    max_wal_size_mb: int = 4096
    checkpoint_timeout_s: int = 900
    cheap_logins: bool = False
    """Whether a login costs one round of its password's hash and not 4096, where the version lets that be chosen."""
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what would make the cluster forget acknowledged money."""
        unsafe = ALWAYS_DURABLE.keys() & self.extra.keys()
        if unsafe:
            raise UnsafeSettingError(f"{', '.join(sorted(unsafe))} is always on")

    @classmethod
    def for_tests(cls, *, extra: Mapping[str, str] | None = None) -> "PostgresSettings":
        """Return smaller sizes: little to write when a cluster is made, little memory for several at once.

        Connections are many, since several servers of several cells may call one cluster. Prepared transactions are for
        tests that leave one undecided, as Citus may.
        """
        return cls(
            shared_buffers_mb=256,
            max_connections=400,
            min_wal_size_mb=128,
            max_wal_size_mb=1024,
            cheap_logins=True,
            extra={"max_prepared_transactions": "10", **(extra or {})},
        )

    def render(self, *, port: int, cluster_name: str, wal_compression: str, binaries: PostgresBinaries) -> str:
        """Return the text of postgresql.conf."""
        chosen = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",  # their paths may be no longer than 107 bytes, which deep folders exceed
            "cluster_name": cluster_name,  # begins every process title, by which left-over processes are found
            "max_connections": str(self.max_connections),
            "password_encryption": "scram-sha-256",
            "shared_buffers": f"{self.shared_buffers_mb}MB",
            "wal_buffers": "16MB",
            "min_wal_size": f"{self.min_wal_size_mb}MB",
            "max_wal_size": f"{self.max_wal_size_mb}MB",
            "checkpoint_timeout": f"{self.checkpoint_timeout_s}s",
            "checkpoint_completion_target": "0.9",
            "wal_compression": wal_compression,
            "max_pred_locks_per_page": "200",
            "max_pred_locks_per_relation": "10000",
            "max_pred_locks_per_transaction": "1024",
            "jit": "off",
            "random_page_cost": "1.1",
            "shared_preload_libraries": "pg_stat_statements" if binaries.has_pg_stat_statements else "",
            "logging_collector": "off",  # standard error is a file in the data folder already
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "log_lock_waits": "on",
            "log_checkpoints": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "lc_messages": "C",
            "default_text_search_config": "pg_catalog.english",
            **({"scram_iterations": "1"} if self.cheap_logins and binaries.major >= _ITERATIONS_SINCE else {}),
            **self.extra,
            **ALWAYS_DURABLE,
        }
        lines = [f"{name} = {_quote(value)}" for name, value in chosen.items()]
        return "\n".join(["# Written at every start by devstack; what is changed here is lost.", *lines, ""])


def _quote(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
