"""Who used the processors during a window: the client, the wallet, PostgreSQL, the broker, or something not of ours.

It tells what limits a figure, and, by the share of others, how far a figure of a busy machine can be believed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """The processes that share the machine during a load."""

    processes: Mapping[str, tuple[int, ...]]
    """By name, such as client and server."""
    postmaster: int


def used_s(parties: Parties) -> dict[str, float]:
    """Return the processor seconds that each party has used since it began; stolen time counts as of others."""
    used = {
        **{name: _used_s(pids) for name, pids in parties.processes.items()},
        "postgres": _used_s([parties.postmaster, *_children(parties.postmaster)]) + _ended_s(parties.postmaster),
    }
    whole = psutil.cpu_times()
    return {**used, "others": whole.user + whole.nice + whole.system + whole.steal - sum(used.values())}


def cores(before: Mapping[str, float], after: Mapping[str, float], *, seconds: float) -> dict[str, float]:
    """Return how many cores each party kept busy between two looks."""
    return {name: round((after[name] - before[name]) / seconds, 3) for name in after}


def _children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def _ended_s(pid: int) -> float:
    """Return what those children have used that have ended: workers of a query, vacuuming, connections."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.children_user + times.children_system)


def _used_s(pids: Iterable[int]) -> float:
    total = 0.0
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total
