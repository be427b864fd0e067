"""`wallet copy` as tests use it: a target that was only set up, and the command."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.database import (
    Cluster,
    Installation,
    create_empty_installation,
    drop_database,
    let_service_log_in,
    see_all_cells,
)
from wallet_grpc.store.operator.migrate import migrate

SETTINGS = {"WALLET_DAYS_INTERVAL_MS": "1000"}
"""Of servers: what may be copied is settled soon."""


@contextmanager
def new_target(source: Installation, cells: int, *, cluster: Cluster | None = None) -> Iterator[Installation]:
    """Set up an installation and nothing else, beside another one unless it is said; its callers will be that one's."""
    made = create_empty_installation(cluster or source.cluster)
    target = Installation(cluster=made.cluster, database=made.database, keys=dict(source.keys), cells=cells)
    try:
        migrate(target.admin_dsn, "TEST", cells=cells)
        if cluster is not None:
            let_service_log_in(cluster)
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
