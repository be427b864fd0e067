"""A private PostgreSQL in a folder: made, started, stopped, killed and started again.

It listens on 127.0.0.1 only and asks everybody for a password. One process owns the folder at a time: a second one is
refused while the first lives. If the owner dies without stopping the server, a guardian stops it; if the guardian dies
as well, the next start stops what it finds and goes on.
"""

import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self, assert_never
from urllib.parse import quote

import psycopg
from psycopg import sql

from devstack.servers import process
from devstack.servers.account import Placement, place
from devstack.servers.binaries import PostgresBinaries
from devstack.servers.files import tail
from devstack.servers.ports import becomes_free, free_port
from devstack.servers.postgres_folder import (
    SUPERUSER,
    ClusterRecord,
    PostgresError,
    binaries_for,
    ensure_made,
    program_environment,
)
from devstack.servers.postgres_left_overs import end_left_overs
from devstack.servers.postgres_settings import PostgresSettings
from devstack.servers.private_server import PrivateServer
from devstack.servers.process import ProcessId

StopMode = Literal["smart", "fast", "immediate"]

_HBA = """\
host all         all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""
_START_ATTEMPTS_MAX = 10
_START_RETRY_PAUSE_S = 0.3
_READY_POLL_S = 0.03
_PORT_RELEASE_WAIT_S = 2.0
_ORPHAN_GRACE_S = 30.0


class PostgresCluster(PrivateServer):
    """A private PostgreSQL server. Blocking; not for use by two threads at once."""

    def __init__(
        self,
        *,
        folder: Path,
        record: ClusterRecord,
        placement: Placement,
        binaries: PostgresBinaries,
        settings: PostgresSettings,
    ) -> None:
        super().__init__(folder, log_name="postgres.log")
        self._record = record
        self._placement = placement
        self._binaries = binaries
        self._settings = settings
        self._postmaster: subprocess.Popen[bytes] | None = None
        self._guardian: subprocess.Popen[bytes] | None = None

    # ---- making

    @classmethod
    def create_or_open(
        cls,
        data_dir: Path | str,
        *,
        port: int | None = None,
        settings: PostgresSettings | None = None,
        bin_dir: Path | str | None = None,
    ) -> Self:
        """Open the cluster of a folder, and make it first if there is none.

        Args:
            data_dir: The folder; created with its parents.
            port: The port to prefer. By default the one of the last time, at first any free one.
            settings: Sizes; those of `make run` by default. They may change from start to start.
            bin_dir: `wheel`, `debian` or a folder of programs, see `find_binaries`.

        Raises:
            BinariesNotFoundError: There are no suitable programs.
            FolderInUseError: Another process is making this very cluster.
            PostgresError: The folder is damaged, or `initdb` failed.
        """
        folder = Path(data_dir).resolve()
        ensure_made(folder, port=port, bin_dir=bin_dir)
        record = ClusterRecord.load(folder)
        pgdata = Path(record.pgdata)
        if not (pgdata / "PG_VERSION").exists():
            raise PostgresError(
                f"{folder} names {pgdata} as its data, but there is none: remove {folder} to begin anew"
            )
        binaries = binaries_for(pgdata, bin_dir)
        if port is not None:
            record = replace(record, port=port)
        return cls(
            folder=folder,
            record=record,
            placement=place(pgdata=pgdata, bin_dir=binaries.bin_dir),
            binaries=binaries,
            settings=settings or PostgresSettings(),
        )

    # ---- starting, ending

    def start(self, *, timeout_s: float = 120.0) -> None:
        """Start the server and return when it answers; does nothing if it runs already.

        A server that an earlier owner left running is stopped first. Recovery after a kill counts into the time.

        Raises:
            FolderInUseError: Another living process owns the folder.
            PostgresError: It did not come up; the message ends with the log's last lines.
        """
        if self.running:
            return
        self._forget_processes()
        self._take_lock()
        try:
            end_left_overs(self.pgdata, cluster_name=self._record.cluster_name)
            self._launch(deadline=time.monotonic() + timeout_s)
        except BaseException:
            self.kill()
            raise

    def stop(self, mode: StopMode = "fast", *, timeout_s: float = 60.0) -> None:
        """Stop the server and let go of the folder; harder after the time is up. Does nothing if it does not run."""
        if self._postmaster is not None and self._postmaster.poll() is None:
            self._postmaster.send_signal(_stop_signal(mode))
            try:
                self._postmaster.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
                return
        self._forget_processes()
        self._release_lock()

    def kill(self) -> None:
        """End the server as a power cut would: SIGKILL to all its processes; wait until they are gone.

        `start` works again afterwards, and recovers from the log.
        """
        if self._postmaster is not None:
            postmaster = ProcessId.of(self._postmaster.pid)
            if postmaster is not None:
                # Stopped first, so that it neither starts nor restarts a process while we look at its children.
                postmaster.send(signal.SIGSTOP)
                victims = (postmaster, *process.children_of(postmaster))
                for victim in victims:
                    victim.send(signal.SIGKILL)
                self._postmaster.wait()
                process.wait_until_gone(victims, timeout_s=_ORPHAN_GRACE_S)
        self._forget_processes()
        self._release_lock()

    @property
    def running(self) -> bool:
        """Whether the postmaster that this object started lives."""
        return self._postmaster is not None and self._postmaster.poll() is None

    # ---- using

    def dsn(self, dbname: str, user: str = SUPERUSER, *, password: str | None = None) -> str:
        """Return the URL of a database.

        Args:
            dbname: The database.
            user: The role; the superuser by default.
            password: The role's password; not needed for the superuser.
        """
        if password is None and user == SUPERUSER:
            password = self._record.superuser_password
        secret = "" if password is None else f":{quote(password, safe='')}"
        return f"postgresql://{quote(user, safe='')}{secret}@127.0.0.1:{self.port}/{quote(dbname, safe='')}"

    @property
    def superuser_dsn(self) -> str:
        """The superuser's URL of the database `postgres`."""
        return self.dsn("postgres")

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1. It is kept from start to start as long as nobody else takes it."""
        return self._record.port

    @property
    def bin_dir(self) -> Path:
        """The folder of the programs in use (`psql`, `pg_dump`, ...)."""
        return self._placement.bin_dir

    @property
    def version(self) -> str:
        """The server's version, such as 18.1."""
        return self._binaries.version

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's own folder."""
        return self._placement.pgdata

    @property
    def description(self) -> str:
        """One line for people: version, account, place."""
        return f"PostgreSQL {self.version} as {self._placement.account.description} in {self.pgdata}"

    @property
    def postmaster_pid(self) -> int | None:
        """The postmaster's pid while it runs."""
        return self._postmaster.pid if self._postmaster is not None and self.running else None

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of another one if a template is named (which nobody may be connected to).

        A template is copied by its files, which for one with rows takes half the time of copying it by the log.
        Whoever looks at it by hand sees the wallet's first cell, and what all cells share.
        """
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement = sql.SQL("{} TEMPLATE {} STRATEGY FILE_COPY").format(statement, sql.Identifier(template))
        self._execute(statement)
        self._execute(sql.SQL("ALTER DATABASE {} SET search_path = cell_0, public").format(sql.Identifier(name)))

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there, and throw out whoever is connected."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.superuser_dsn, autocommit=True) as connection:
            connection.execute(statement)

    # ---- launching

    def _launch(self, *, deadline: float) -> None:
        self._choose_port()
        begins_at = 0
        for _ in range(_START_ATTEMPTS_MAX):
            begins_at = self.log_path.stat().st_size if self.log_path.exists() else 0  # only its last try is told
            self._write_configuration()
            self._postmaster = self._spawn(
                [*self._placement.account.prefix, self.bin_dir / "postgres", "-D", self.pgdata],
                environment=program_environment(self.bin_dir),
                cwd=self.pgdata,
                **self._placement.account.popen_arguments(),
            )
            if self._becomes_ready(deadline=deadline):
                self._watch()
                return
            if time.monotonic() > deadline:
                break
            # Right after a hard kill the port or the shared memory may be held for a moment more.
            time.sleep(_START_RETRY_PAUSE_S)
            self._choose_port()
        raise PostgresError(f"{self.description} did not start:\n{tail(self.log_path, after=begins_at)}")

    def _becomes_ready(self, *, deadline: float) -> bool:
        while self.running and time.monotonic() < deadline:
            try:
                with psycopg.connect(self.superuser_dsn, connect_timeout=5):
                    return self.running
            except psycopg.OperationalError:
                time.sleep(_READY_POLL_S)
        return False

    def _watch(self) -> None:
        assert self._postmaster is not None
        ward = ProcessId.of(self._postmaster.pid)
        if ward is not None:
            self._guardian = process.guard(ward, signal_name="SIGINT", grace_s=_ORPHAN_GRACE_S)

    def _write_configuration(self) -> None:
        text = self._settings.render(
            port=self.port,
            cluster_name=self._record.cluster_name,
            wal_compression=self._record.wal_compression,
            binaries=self._binaries,
        )
        for name, content in (("postgresql.conf", text), ("pg_hba.conf", _HBA)):
            path = self.pgdata / name
            path.write_text(content)
            self._placement.account.give(path)

    def _choose_port(self) -> None:
        if not becomes_free(self.port, timeout_s=_PORT_RELEASE_WAIT_S):
            self._record = replace(self._record, port=free_port())
        self._record.store(self._folder)

    def _forget_processes(self) -> None:
        if self._guardian is not None:
            self._guardian.kill()
            self._guardian.wait()
        if self._postmaster is not None:
            self._postmaster.wait()
        self._guardian = self._postmaster = None


def _stop_signal(mode: StopMode) -> signal.Signals:
    match mode:
        case "smart":
            return signal.SIGTERM
        case "fast":
            return signal.SIGINT
        case "immediate":
            return signal.SIGQUIT
        case _:
            assert_never(mode)
