"""Which release this is: its version, its commit, and the schema that it knows."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

from wallet_grpc.store.operator.migration_files import MigrationError, migrations

_CHECKOUT = Path(__file__).resolve().parents[1]


def release() -> str:
    """Tell it in a line, for people and for logs."""
    return f"{version('wallet')} (commit {_commit()}, schema {_schema()})"


def _commit() -> str:
    """Give the commit: an image is told when it is built, a checkout knows."""
    told = os.environ.get("WALLET_COMMIT")
    if told:
        return told
    if not (_CHECKOUT / ".git").exists():
        return "unknown"
    command = ["git", "-C", str(_CHECKOUT), "rev-parse", "--short=12", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603 - constant
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"


def _schema() -> str:
    """Give the last migration of what all cells share, and of a cell."""
    try:
        known = migrations()
    except MigrationError:
        return "none"
    last = {migration.of_cell: migration.version for migration in known}
    return f"shared/{last[False]} cell/{last[True]}"
