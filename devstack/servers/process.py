"""Processes of this machine, as /proc shows them: who is alive, who is whose child, and a guardian for servers.

A pid alone names nobody: pids are used again, and a zombie that nobody reaps still answers `kill(pid, 0)`.
A `ProcessId` therefore carries the start time as well, and a zombie counts as gone.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_POLL_INTERVAL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessId:
    """One process for as long as it lives; a later process with the same pid is another one."""

    pid: int
    started_ticks: int

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """Return the identity of a living process, or None for one that is gone or a zombie."""
        stat = _read_stat(pid)
        return None if stat is None else cls(pid=pid, started_ticks=stat.started_ticks)

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return ProcessId.of(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if the process still runs."""
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def children_of(parent: ProcessId) -> tuple[ProcessId, ...]:
    """Return the living children of a process."""
    found = []
    for pid in _pids():
        stat = _read_stat(pid)
        if stat is not None and stat.parent_pid == parent.pid:
            found.append(ProcessId(pid=pid, started_ticks=stat.started_ticks))
    return tuple(found)


def processes_titled(*prefixes: str) -> tuple[ProcessId, ...]:
    """Return the living processes whose command line begins with one of the prefixes.

    The command line is readable whoever owns the process; its folder and its binary are not.
    """
    found = []
    for pid in _pids():
        identity = ProcessId.of(pid)
        if identity is not None and command_line(pid).startswith(prefixes):
            found.append(identity)
    return tuple(found)


def command_line(pid: int) -> str:
    """Return a process's command line, its arguments parted by spaces; empty if it is gone."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


def wait_until_gone(processes: Iterable[ProcessId], *, timeout_s: float) -> bool:
    """Wait until none of the processes lives; False if some still do at the end of the time."""
    deadline = time.monotonic() + timeout_s
    waiting = list(processes)
    while waiting := [process for process in waiting if process.alive]:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_INTERVAL_S)
    return True


def kill_trees(
    roots: Iterable[ProcessId], *, reap: subprocess.Popen[bytes] | None, timeout_s: float
) -> list[ProcessId]:
    """Kill processes and all their descendants; returns those that still live at the end of the time.

    Args:
        roots: The processes.
        reap: One of them that is our child, and would be a zombie until it is waited for.
        timeout_s: How long to wait.
    """
    victims = list(roots)
    for victim in victims:  # grows while it is walked
        victim.send(signal.SIGSTOP)  # so that it starts no process while we look at its children
        victims.extend(children_of(victim))
    for victim in victims:
        victim.send(signal.SIGKILL)
    if reap is not None:
        reap.wait()
    wait_until_gone(victims, timeout_s=timeout_s)
    return [victim for victim in victims if victim.alive]


def guard(ward: ProcessId, *, signal_name: str, grace_s: float) -> subprocess.Popen[bytes]:
    """Start a guardian that stops `ward` once this process is gone, however it went.

    Not PR_SET_PDEATHSIG: that fires when the *thread* that started the server ends, and a credential change clears it.
    The guardian watches its parent instead, first sends the signal named, and SIGKILL after the grace.
    """
    arguments = (str(os.getpid()), str(ward.pid), str(ward.started_ticks), signal_name, str(grace_s))
    return subprocess.Popen(
        [sys.executable, "-E", "-S", str(Path(__file__).with_name("guardian.py")), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # a Ctrl-C in the terminal is for the parent, which then stops the server itself
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stat:
    parent_pid: int
    started_ticks: int


def _read_stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the name in parentheses, which may hold spaces and parentheses itself.
    state, parent_pid, *rest = text.rpartition(")")[2].split()
    if state in {"Z", "X"}:
        return None
    return _Stat(parent_pid=int(parent_pid), started_ticks=int(rest[17]))


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
