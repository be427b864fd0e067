"""`wallet copy` as tests use it: a target that was only set up, and the command."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.database import Installation, create_empty_installation, drop_database, see_all_cells
from wallet_grpc.store.operator.migrate import migrate

SETTINGS = {"WALLET_DAYS_INTERVAL_MS": "1000"}
"""Of servers: what may be copied is settled soon."""


@contextmanager
def new_target(source: Installation, cells: int) -> Iterator[Installation]:
    """Set up an installation and nothing else; its callers will be those of another one."""
    made = create_empty_installation(source.cluster)
    target = Installation(cluster=made.cluster, database=made.database, keys=dict(source.keys), cells=cells)
    try:
        migrate(target.admin_dsn, "TEST", cells=cells)
        if cells > 1:
            see_all_cells(target)
        yield target
    finally:
        drop_database(target)


def copy_to(source: Installation, target: Installation, *flags: str) -> dict[str, Any]:
    """Run `wallet copy`, which must succeed; give what it told."""
    done = try_to_copy(source, target, *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def try_to_copy(source: Installation, target: Installation, *flags: str) -> subprocess.CompletedProcess[str]:
    return target.run("copy", "--json", *flags, WALLET_COPY_FROM_DATABASE_URL=source.admin_dsn)
