"""The folder of a private PostgreSQL: what is kept in it from start to start, and how it is made.

It holds `cluster.json` (port, superuser's password; mode 0600), `lock`, `postgres.log` and `data/`, PostgreSQL's own.
An `initdb` that was interrupted is begun again: nobody has been told of those files yet.
"""

import json
import secrets
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from devstack.servers.account import Placement, place
from devstack.servers.binaries import BinariesNotFoundError, PostgresBinaries, find_binaries
from devstack.servers.files import write_private
from devstack.servers.folder_lock import FolderLock
from devstack.servers.ports import free_port

SUPERUSER = "postgres"


class PostgresError(Exception):
    """The cluster could not be made, started or used; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRecord:
    """What must be known again at the next start: the content of cluster.json."""

    pgdata: str
    port: int
    superuser_password: str
    cluster_name: str
    major: int
    wal_compression: str

    @classmethod
    def load(cls, folder: Path) -> "ClusterRecord":
        """Read the record of a folder that `ensure_made` has seen to."""
        path = folder / "cluster.json"
        try:
            return cls(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise PostgresError(f"{path} is damaged: {error}. Move {folder} away to begin with empty data") from error

    def store(self, folder: Path) -> None:
        """Write the record, all at once."""
        write_private(folder / "cluster.json", json.dumps(asdict(self), indent=2) + "\n")


def ensure_made(folder: Path, *, port: int | None, bin_dir: Path | str | None) -> None:
    """Make the cluster of a folder, unless it is there.

    Raises:
        BinariesNotFoundError: There are no suitable programs.
        FolderInUseError: Another process is making it.
        PostgresError: There is data without a record, or `initdb` failed.
    """
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    if (folder / "cluster.json").exists():
        return
    with FolderLock.acquire(folder):
        if not (folder / "cluster.json").exists():
            _make(folder, port=port, bin_dir=bin_dir)


def binaries_for(pgdata: Path, bin_dir: Path | str | None) -> PostgresBinaries:
    """Find programs of the major version that the data are of; no other one can read them.

    Raises:
        PostgresError: There are none, or the data do not tell their version.
    """
    written = (pgdata / "PG_VERSION").read_text().strip()
    if not written.isdecimal():
        raise PostgresError(f"{pgdata}/PG_VERSION holds {written!r}, which is no version: move {pgdata} away")
    try:
        return find_binaries(bin_dir=bin_dir, major=int(written))
    except BinariesNotFoundError as error:
        raise PostgresError(
            f"the data in {pgdata} are of PostgreSQL {written}, and only that version can read them. {error}; "
            "or set WALLET_DATA_DIR to another folder, to begin with empty data"
        ) from error


def program_environment(bin_dir: Path) -> dict[str, str]:
    """Return the environment of PostgreSQL's programs: nothing of ours, so that no PG* variable misleads them."""
    return {"PATH": f"{bin_dir}:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _make(folder: Path, *, port: int | None, bin_dir: Path | str | None) -> None:
    binaries = find_binaries(bin_dir=bin_dir)
    unfinished = folder / "initdb.unfinished"
    asked = folder / "data"
    if unfinished.exists():  # nobody has ever been told of these files
        shutil.rmtree(asked, ignore_errors=True)
    elif asked.exists():
        raise PostgresError(f"{asked} has no cluster.json beside it, so its password is lost: move it away")
    unfinished.touch()
    placement = place(pgdata=asked, bin_dir=binaries.bin_dir)
    password = secrets.token_urlsafe(24)
    _initdb(placement, password=password)
    record = ClusterRecord(
        pgdata=str(placement.pgdata),
        port=port or free_port(),
        superuser_password=password,
        cluster_name=f"wallet-{secrets.token_hex(6)}",
        major=binaries.major,
        wal_compression=_best_wal_compression(placement),
    )
    record.store(folder)
    unfinished.unlink()


def _initdb(placement: Placement, *, password: str) -> None:
    password_file = placement.pgdata.with_name("initdb.password")
    password_file.unlink(missing_ok=True)
    write_private(password_file, password)
    placement.account.give(password_file)
    try:
        done = _run(
            placement,
            "initdb",
            f"--pgdata={placement.pgdata}",
            f"--pwfile={password_file}",
            f"--username={SUPERUSER}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",  # keys sort by bytes: the fastest order, and the same on every machine
            "--data-checksums",
        )
    finally:
        password_file.unlink()
    if done.returncode != 0:
        raise PostgresError(f"initdb failed as {placement.account.description}:\n{done.stdout}{done.stderr}")


def _best_wal_compression(placement: Placement) -> str:
    """Give lz4, or no compression where the programs come without it: their own costs a bet a sixth of its time."""
    asked = ("postgres", "-D", str(placement.pgdata), "-C", "wal_compression", "-c", "wal_compression=lz4")
    return "lz4" if _run(placement, *asked).returncode == 0 else "off"


def _run(placement: Placement, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: list[Path | str] = [placement.bin_dir / program, *arguments]
    return placement.account.run(command, env=program_environment(placement.bin_dir), cwd=placement.pgdata)
