"""Where RabbitMQ's programs are on this machine, and how they get there.

One place is known: /usr/lib/rabbitmq, where Debian's package and RabbitMQ's own put them. The programs in `sbin` run
under any account; the wrappers in /usr/sbin insist on the account of the system's service, so they are not used.
"""

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

_ROOT = Path("/usr/lib/rabbitmq/lib")
_SEARCHED = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PACKAGE = "rabbitmq-server"
_DPKG = Path("/var/lib/dpkg")
_POLICY = Path("/usr/sbin/policy-rc.d")
_POLICY_TEXT = (
    "#!/bin/sh\n# Written by the wallet's devstack while it installs a package: start no service.\nexit 101\n"
)
_APT_OPTIONS = ("-qq", "-o", "DPkg::Lock::Timeout=60", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=2")
_INSTALL = ("install", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold")
_INSTALL_TIMEOUT_S = 240.0
_SAID_CHARACTERS_MAX = 2000


class BrokerUnavailableError(Exception):
    """There is no RabbitMQ here and none can be had; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitPrograms:
    """One installation of RabbitMQ's programs, and the Erlang that they run on."""

    sbin_dir: Path
    erl: Path
    epmd: Path

    @property
    def version(self) -> str:
        """RabbitMQ's version, such as 3.10.8."""
        return self.sbin_dir.parent.name.rpartition("-")[2]

    @property
    def server(self) -> Path:
        """The program that is the node."""
        return self.sbin_dir / "rabbitmq-server"

    @property
    def ctl(self) -> Path:
        """The program that administers a running node."""
        return self.sbin_dir / "rabbitmqctl"

    @property
    def search_path(self) -> str:
        """The PATH that the programs need: they call `erl` by its name."""
        return f"{self.erl.parent}:/usr/sbin:/usr/bin:/sbin:/bin"


def find_programs() -> RabbitPrograms | None:
    """Return the newest installed RabbitMQ, or None."""
    found = [path.parent for path in _ROOT.glob("rabbitmq_server-*/sbin/rabbitmq-server") if os.access(path, os.X_OK)]
    erl, epmd = (shutil.which(name, path=_SEARCHED) for name in ("erl", "epmd"))
    if not found or erl is None or epmd is None:
        return None
    return RabbitPrograms(sbin_dir=max(found, key=_version_order), erl=Path(erl), epmd=Path(epmd))


def find_or_install(*, say: Callable[[str], None] = click.echo) -> RabbitPrograms:
    """Return the installed RabbitMQ; as root, on a machine with apt, install it first if there is none.

    The system's own RabbitMQ service is not started by this. It takes at most some four minutes.

    Args:
        say: Is told in one line that something is being installed.

    Raises:
        BrokerUnavailableError: It is not here, and we may not or could not install it.
    """
    apt_get = shutil.which("apt-get", path=_SEARCHED)
    if apt_get is None or os.geteuid() != 0:
        found = find_programs()
        if found is None:
            raise BrokerUnavailableError(
                f"RabbitMQ is not installed. As root: apt-get install -y --no-install-recommends {_PACKAGE}"
            )
        return found
    with _one_at_a_time():
        found = find_programs()
        if found is not None:
            return found
        say(f"Installing {_PACKAGE} by apt-get, once (its system service is not started)")
        _install(apt_get)
        found = find_programs()
    if found is None:
        raise BrokerUnavailableError(f"apt-get installed {_PACKAGE}, but {_ROOT} holds no program or `erl` is missing")
    return found


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one process look and install: another would find half of a package, or apt's own locks taken."""
    descriptor = os.open(_DPKG, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _install(apt_get: str) -> None:
    deadline = time.monotonic() + _INSTALL_TIMEOUT_S
    # The lists may be stale or absent; whether they can be refreshed is seen by what follows.
    _apt(apt_get, "update", deadline=deadline, must_succeed=False)
    # Fetched apart, so that a slow network uses up the time before dpkg has touched anything.
    _apt(apt_get, *_INSTALL, "--download-only", _PACKAGE, deadline=deadline)
    with _no_service_starts():
        _apt(apt_get, *_INSTALL, _PACKAGE, deadline=deadline)


def _apt(apt_get: str, *arguments: str, deadline: float, must_succeed: bool = True) -> None:
    environment = {
        **os.environ,
        "PATH": _SEARCHED,
        "DEBIAN_FRONTEND": "noninteractive",
        "RUNLEVEL": "1",  # where invoke-rc.d believes it, nothing is started either
    }
    try:
        done = subprocess.run(
            [apt_get, *_APT_OPTIONS, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=max(1.0, deadline - time.monotonic()),
        )
    except subprocess.TimeoutExpired as error:
        raise BrokerUnavailableError(
            f"apt-get {arguments[0]} for {_PACKAGE} took more than {_INSTALL_TIMEOUT_S:.0f} s in all: install it"
        ) from error
    if must_succeed and done.returncode != 0:
        said = done.stdout.strip()[-_SAID_CHARACTERS_MAX:]
        raise BrokerUnavailableError(f"apt-get could not install {_PACKAGE} (status {done.returncode}):\n{said}")


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Keep packages from starting services, for a block; a policy that the machine has already is left as it is."""
    try:
        descriptor = os.open(_POLICY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
    except FileExistsError:
        yield
        return
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(_POLICY_TEXT)
        _POLICY.chmod(0o755)  # whatever the umask is
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def _version_order(sbin_dir: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", sbin_dir.parent.name))
