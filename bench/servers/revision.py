"""Which program is under load: another revision's, unpacked in a folder of its own.

It is driven by what it shows to the world: its `wallet` command, its settings in the environment, its migrations, gRPC
and its metrics. Nothing of it is imported here, so its modules may lie wherever they lay then.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_COMMAND_MODULES = ("wallet_cli", "wallet_grpc")
"""Where the `wallet` command is; until it had a package of its own, it was the service's."""
_LOCK = Path("requirements") / "run.txt"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)
_COMMIT_CHARACTERS = 10
_SAID_CHARACTERS_MAX = 2000


class RevisionError(Exception):
    """The revision cannot be had, or cannot be run here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A revision's source, and the Python that has what it requires."""

    commit: str
    folder: Path
    python: Path

    def command_line(self, *arguments: str) -> list[str]:
        """Return its `wallet` command. The current folder is kept off the path, which would put our source first."""
        module = next(name for name in _COMMAND_MODULES if (self.folder / name / "__main__.py").exists())
        return [str(self.python), "-P", "-m", module, *arguments]

    def environment(self) -> dict[str, str]:
        """Return the variables that put its source before whatever is installed."""
        return {"PYTHONPATH": str(self.folder)}


def commit_of(name: str, *, repository: Path) -> str:
    """Return the commit that a revision's name stands for.

    Raises:
        RevisionError: There is none, or no repository.
    """
    found = _run(["git", "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}"], cwd=repository)
    return found.decode().strip()[:_COMMIT_CHARACTERS]


@contextmanager
def unpacked(name: str, *, repository: Path, say: Callable[[str], None]) -> Iterator[Revision]:
    """Unpack a revision for a block; nothing of it is left afterwards.

    It runs on this very Python if everything that it requires is pinned here to the same version, else on a virtual
    environment of its own, made of its lock.

    Raises:
        RevisionError: It cannot be had, or what it requires cannot be installed.
    """
    commit = commit_of(name, repository=repository)
    folder = Path(tempfile.mkdtemp(prefix="wallet-revision-", dir=os.environ.get("TMPDIR", "/var/tmp")))  # noqa: S108
    try:
        source = folder / "source"
        with tarfile.open(fileobj=io.BytesIO(_run(["git", "archive", "--format=tar", commit], cwd=repository))) as tar:
            tar.extractall(source, filter="data")
        if not any((source / module / "__main__.py").exists() for module in _COMMAND_MODULES):
            raise RevisionError(f"{name} has no `wallet` command")
        python = Path(sys.executable)
        if not pins_of(source / _LOCK) <= pins_of(repository / _LOCK):
            say(f"{name} requires other packages: they are installed into an environment of its own")
            python = _environment(folder / "venv", source / _LOCK)
        yield Revision(commit=commit, folder=source, python=python)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pins_of(lock: Path) -> set[tuple[str, str]]:
    """Return the packages of a lock, each with its version."""
    return set(_PINNED.findall(lock.read_text()))


def _environment(folder: Path, lock: Path) -> Path:
    """Make a virtual environment of a lock; returns its Python."""
    uv = str(Path(sys.executable).with_name("uv"))
    python = folder / "bin" / "python"
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], cwd=lock.parent)
    install = [uv, "pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes", "--python", str(python)]
    _run([*install, str(lock)], cwd=lock.parent)
    return python


def _run(command: list[str], *, cwd: Path) -> bytes:
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True, check=True).stdout
    except OSError as error:
        raise RevisionError(f"{command[0]} cannot be run: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()[-_SAID_CHARACTERS_MAX:]
        raise RevisionError(f"`{' '.join(command[:3])}` failed: {said}") from error
