"""A PgBouncer of a test's own, in front of one database, in one of its modes."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from devstack.servers.ports import free_port
from support.waiting import wait_until

_SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
_ENDS_WITHIN_S = 10
_SETTINGS = """
[databases]
pooled = {database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
{user}
"""


@contextmanager
def pooler(dsn: str, *, mode: str, size: int = 20) -> Iterator[str]:
    """Run a PgBouncer that gives `size` connections to the DSN's database and login; yields a DSN through it."""
    program = shutil.which("pgbouncer", path=_SEARCHED)
    if program is None:
        pytest.skip("PgBouncer is not installed; install it by: apt-get install pgbouncer")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="wallet-pooler-") as name:
        folder = Path(name)
        settings = _SETTINGS.format(
            database=make_conninfo("", **conninfo_to_dict(dsn)),
            port=port,
            mode=mode,
            size=size,
            user="user = nobody" if os.geteuid() == 0 else "",  # it refuses root
        )
        (folder / "pgbouncer.ini").write_text(settings)
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        log = folder / "pgbouncer.log"
        with log.open("wb") as written:
            process = subprocess.Popen(
                [program, folder / "pgbouncer.ini"], stdin=subprocess.DEVNULL, stdout=written, stderr=written
            )
        given = conninfo_to_dict(dsn)
        pooled = make_conninfo("", host="127.0.0.1", port=port, dbname="pooled", user=given["user"], connect_timeout=2)
        try:
            wait_until(lambda: process.poll() is not None or _answers(pooled), what="PgBouncer answers", timeout_s=30)
            assert process.poll() is None, log.read_text()
            yield pooled
        finally:
            process.kill()
            process.wait(_ENDS_WITHIN_S)


def _answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True
