"""Ends what the killed owner of a private PostgreSQL left running on its data."""

import signal
from pathlib import Path

from devstack.servers import process
from devstack.servers.postgres_folder import PostgresError
from devstack.servers.process import ProcessId

_ORPHAN_GRACE_S = 30.0


def end_left_overs(pgdata: Path, *, cluster_name: str) -> None:
    """End what an earlier owner left running on this data, so that nothing holds its files or shared memory.

    Raises:
        PostgresError: It does not end.
    """
    pid_file = pgdata / "postmaster.pid"
    pid = _pid_in(pid_file)
    if pid is not None and process.command_line(pid).endswith(f"-D {pgdata}"):
        postmaster = ProcessId.of(pid)
        if postmaster is not None:
            postmaster.send(signal.SIGINT)
            if not process.wait_until_gone([postmaster], timeout_s=_ORPHAN_GRACE_S):
                postmaster.send(signal.SIGKILL)
    orphans = process.processes_titled(f"postgres: {cluster_name}: ")
    for orphan in orphans:
        orphan.send(signal.SIGKILL)
    if not process.wait_until_gone(orphans, timeout_s=_ORPHAN_GRACE_S):
        raise PostgresError(f"processes of an earlier server do not end: {[orphan.pid for orphan in orphans]}")
    # A pid file that outlived its server may name a zombie, or a stranger by now: PostgreSQL would refuse to start.
    if pid is not None and Path(f"/proc/{pid}").exists():
        pid_file.unlink(missing_ok=True)


def _pid_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().splitlines()[0])
    except (OSError, IndexError, ValueError):
        return None
