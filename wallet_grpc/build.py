"""Which release this is: its version, its commit, and the schema that it knows."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

_CHECKOUT = Path(__file__).resolve().parents[1]


class Build(NamedTuple):
    """What a release was built of, for people, logs and metrics."""

    version: str
    commit: str
    """Its first twelve digits or all of them; `unknown` where nobody has told an image."""
    schema: str
    """The last migration of what all cells share, and of a cell; `none` where there are no files."""

    def __str__(self) -> str:
        """Tell it in a line."""
        return f"{self.version} (commit {self.commit}, schema {self.schema})"


@cache
def this_build() -> Build:
    """Tell which one runs."""
    return Build(version("wallet"), _commit(), _schema())


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
    """Give the names of the last files, which is all that a process that knows no database needs of them."""
    folder = files("wallet_grpc") / "migrations"
    last = {}
    for part in ("shared", "cell"):
        if not folder.joinpath(part).is_dir():
            return "none"
        names = sorted(file.name for file in folder.joinpath(part).iterdir() if file.name.endswith(".sql"))
        if not names:
            return "none"
        last[part] = names[-1].removesuffix(".sql")
    return f"shared/{last['shared']} cell/{last['cell']}"
