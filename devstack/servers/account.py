"""Under which account a private PostgreSQL runs, since its programs refuse root.

A plain user runs it under their own account. For root there are three ways, tried in this order, each by a probe:

1. `nobody`, on a folder that it owns, where that account can reach both the folder and the programs.
2. A user namespace in which root is called nobody. The files stay root's, so closed parents (/root) do no harm.
3. `nobody` on a folder in /var/lib, keyed by the folder that was asked for, with a copy of the programs if need be.

A data folder that exists already decides itself: it runs under the account that owns it.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NOBODY = 65534
_UNSHARE = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--")
_FALLBACK_ROOT = Path("/var/lib/wallet-devstack")
_PROBE_TIMEOUT_S = 20


class AccountError(Exception):
    """No account was found under which PostgreSQL can run on the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How a program is started so that PostgreSQL accepts it."""

    description: str
    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    def popen_arguments(self) -> dict[str, Any]:
        """Return the arguments of `subprocess` that change the account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def run(
        self, command: Sequence[Path | str], *, env: Mapping[str, str], cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return what it said."""
        return subprocess.run(
            [*self.prefix, *command],
            capture_output=True,
            text=True,
            check=False,
            env=dict(env),
            cwd=cwd,
            **self.popen_arguments(),
        )

    def give(self, path: Path) -> None:
        """Make the account the owner of a file or folder."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where PostgreSQL's files lie, where its programs lie, and who runs them."""

    account: Account
    pgdata: Path
    bin_dir: Path


def place(*, pgdata: Path, bin_dir: Path) -> Placement:
    """Decide who runs PostgreSQL on `pgdata`, and create that folder if it is not there.

    Raises:
        AccountError: The folder belongs to somebody else, or no way worked.
    """
    if pgdata.exists():
        return _place_existing(pgdata, bin_dir)
    if os.geteuid() != 0:
        pgdata.mkdir(mode=0o700)
        return Placement(account=_self(), pgdata=pgdata, bin_dir=bin_dir)
    nobody = _nobody()
    pgdata.mkdir(mode=0o700)
    nobody.give(pgdata)
    if _works(nobody, pgdata, bin_dir):
        return Placement(account=nobody, pgdata=pgdata, bin_dir=bin_dir)
    os.chown(pgdata, 0, 0)
    namespace = _namespace()
    if _works(namespace, pgdata, bin_dir):
        return Placement(account=namespace, pgdata=pgdata, bin_dir=bin_dir)
    pgdata.rmdir()
    return _place_in_fallback(nobody, pgdata, bin_dir)


def fallback_folder(pgdata: Path) -> Path:
    """Return the folder in /var/lib that stands for a data folder which no account but root can reach."""
    if pgdata.parent.parent == _FALLBACK_ROOT:
        return pgdata.parent
    key = hashlib.sha256(str(pgdata.resolve()).encode()).hexdigest()[:16]
    return _FALLBACK_ROOT / key


def _place_existing(pgdata: Path, bin_dir: Path) -> Placement:
    owner = pgdata.stat().st_uid
    if os.geteuid() != 0:
        if owner != os.geteuid():
            raise AccountError(f"{pgdata} belongs to user {owner}; run as that user, or use another data folder")
        return Placement(account=_self(), pgdata=pgdata, bin_dir=bin_dir)
    account = _namespace() if owner == 0 else _user(owner)
    if _works(account, pgdata, bin_dir):
        return Placement(account=account, pgdata=pgdata, bin_dir=bin_dir)
    copied = _copy_programs(bin_dir, fallback_folder(pgdata))
    if _works(account, pgdata, copied):
        return Placement(account=account, pgdata=pgdata, bin_dir=copied)
    raise AccountError(f"{account.description} cannot work in {pgdata} or cannot run {bin_dir}/postgres")


def _place_in_fallback(nobody: Account, asked: Path, bin_dir: Path) -> Placement:
    folder = fallback_folder(asked)
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    pgdata = folder / "data"
    if pgdata.exists():  # whoever asked for it removed their folder; what it held is set aside, never overwritten
        pgdata.rename(folder / f"data.abandoned-{time.time_ns()}")
    pgdata.mkdir(mode=0o700)
    nobody.give(pgdata)
    if _works(nobody, pgdata, bin_dir):
        return Placement(account=nobody, pgdata=pgdata, bin_dir=bin_dir)
    copied = _copy_programs(bin_dir, folder)
    if _works(nobody, pgdata, copied):
        return Placement(account=nobody, pgdata=pgdata, bin_dir=copied)
    raise AccountError(f"neither {asked} nor {folder} can be used by {nobody.description}")


def _copy_programs(bin_dir: Path, folder: Path) -> Path:
    prefix = bin_dir.parent
    made_ns = (bin_dir / "postgres").stat().st_mtime_ns
    key = hashlib.sha256(f"{prefix} {made_ns}".encode()).hexdigest()[:8]
    copy = folder / f"{prefix.name}-{key}"
    if not copy.exists():
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        half = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(prefix, half, symlinks=True)
        half.rename(copy)
    return copy / bin_dir.name


def _works(account: Account, pgdata: Path, bin_dir: Path) -> bool:
    probe = 'test "$(id -u)" != 0 && test -w "$1" && cd "$1" && "$2" --version'
    try:
        answer = subprocess.run(
            [*account.prefix, "/bin/sh", "-c", probe, "sh", pgdata, bin_dir / "postgres"],
            capture_output=True,
            check=False,
            cwd="/",
            timeout=_PROBE_TIMEOUT_S,
            **account.popen_arguments(),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.returncode == 0


def _self() -> Account:
    return Account(description=f"user {pwd.getpwuid(os.geteuid()).pw_name}" if _known(os.geteuid()) else "this user")


def _nobody() -> Account:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(description="user nobody", uid=_NOBODY, gid=_NOBODY)
    return Account(description="user nobody", uid=entry.pw_uid, gid=entry.pw_gid)


def _user(uid: int) -> Account:
    if _known(uid):
        entry = pwd.getpwuid(uid)
        return Account(description=f"user {entry.pw_name}", uid=uid, gid=entry.pw_gid)
    return Account(description=f"user {uid}", uid=uid, gid=_NOBODY)


def _namespace() -> Account:
    return Account(description="root, called nobody inside a user namespace", prefix=_UNSHARE)


def _known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
