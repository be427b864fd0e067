"""A standby of a private PostgreSQL, which a test makes synchronous, stops, starts and promotes."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL

from devstack.servers.postgres import PostgresCluster
from devstack.servers.postgres_settings import PostgresSettings
from support.waiting import wait_until

_APPLICATION = "wallet-standby"


class Standby:
    """A streaming replica. `own_cluster`'s PostgreSQL is its primary."""

    def __init__(self, primary: PostgresCluster, postgres: PostgresCluster) -> None:
        self.primary = primary
        self.postgres = postgres

    def become_synchronous(self) -> None:
        """Have every commit of the primary wait for this standby from now on."""
        wait_until(self._streams, what="the standby streams")
        self._set_on_primary("ALTER SYSTEM SET synchronous_standby_names = '*'")
        wait_until(
            lambda: self._asked("SELECT sync_state FROM pg_stat_replication") == "sync", what="it is synchronous"
        )

    def become_asynchronous(self) -> None:
        """Have nobody wait for it any more."""
        self._set_on_primary("ALTER SYSTEM RESET synchronous_standby_names")

    def stop(self) -> None:
        """Stop it: commits of the primary wait from now on."""
        self.postgres.stop("immediate")
        wait_until(lambda: self._asked("SELECT count(*) FROM pg_stat_replication") == 0, what="it is gone")

    def start(self) -> None:
        """Start it again; it catches up."""
        self.postgres.start()

    def follow_at(self, *, port: int) -> None:
        """Stream from another port of this machine from now on; one that is to be synchronous is again, soon."""
        before = self._asked("SELECT pid FROM pg_stat_replication")
        with psycopg.connect(self.postgres.superuser_dsn, autocommit=True) as connection:
            (told,) = connection.execute("SHOW primary_conninfo").fetchone() or ("",)
            there = make_conninfo(told, host="127.0.0.1", port=port)
            connection.execute(SQL("ALTER SYSTEM SET primary_conninfo = {}").format(there))
            connection.execute("SELECT pg_reload_conf()")
        anew = f"SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND pid <> {before}"
        wait_until(lambda: self._asked(anew) == 1, what="it streams by that way")

    def promote(self) -> None:
        """Make it a primary; kill the other one first."""
        with psycopg.connect(self.postgres.superuser_dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def _streams(self) -> bool:
        return self._asked("SELECT state FROM pg_stat_replication") == "streaming"

    def _set_on_primary(self, statement: str) -> None:
        with psycopg.connect(self.primary.superuser_dsn, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload] - our own text
            connection.execute("SELECT pg_reload_conf()")

    def _asked(self, question: str) -> object:
        with psycopg.connect(self.primary.superuser_dsn, autocommit=True) as connection:
            row = connection.execute(question).fetchone()  # type: ignore[call-overload] - our own text
        return None if row is None else row[0]


@contextmanager
def running_standby(primary: PostgresCluster) -> Iterator[Standby]:
    """Copy a running primary and follow it, for the time of the block."""
    folder = Path(tempfile.mkdtemp(prefix="wallet-standby-"))
    folder.chmod(0o711)
    settings = PostgresSettings.for_tests()
    try:
        postgres = PostgresCluster.create_or_open(folder, settings=settings, bin_dir=primary.bin_dir)
        copy_primary(primary, postgres)
        with postgres:
            yield Standby(primary, postgres)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_primary(primary: PostgresCluster, standby: PostgresCluster) -> None:
    """Put a base backup of a running primary, with its password, where the files of a stopped standby were."""
    account, pgdata = standby._placement.account, standby.pgdata
    for path in pgdata.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    source = f"{primary.superuser_dsn}?application_name={_APPLICATION}"
    command = [standby.bin_dir / "pg_basebackup", f"--dbname={source}", f"--pgdata={pgdata}"]
    done = account.run(
        [*command, "--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream"],
        env={"PATH": f"{standby.bin_dir}:/usr/bin:/bin", "LC_ALL": "C"},
        cwd=pgdata.parent,
    )
    assert done.returncode == 0, done.stderr
    standby._record = replace(standby._record, superuser_password=primary._record.superuser_password)
