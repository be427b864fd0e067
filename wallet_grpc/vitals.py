"""What every process tells of itself, for Prometheus: which release it is, what it uses, how its event loop turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NoReturn

from prometheus_client import CollectorRegistry, Gauge, GCCollector, ProcessCollector, disable_created_metrics

from wallet_grpc.build import this_build
from wallet_grpc.tallies import Spreads

_leave_out_created: Callable[[], None] = disable_created_metrics
"""When each counter was made would be a series more of each: the process's start tells it."""
_EVERY_S = 0.25
_LAG_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Vitals:
    """What a process tells of itself, in a registry."""

    def __init__(self, process: str, registry: CollectorRegistry) -> None:
        """`process` is the command that it was started by: `serve`, `consume`, `relay`, `api`, `gateway`."""
        _leave_out_created()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        build = Gauge(
            "wallet_build_info",
            "1: the release that runs, and the last migrations that it knows",
            ["version", "commit", "schema", "process"],
            registry=registry,
        )
        build.labels(*this_build(), process).set(1)
        self._lag = Spreads(
            "wallet_event_loop_lag_seconds",
            "How much later the event loop turned than it was to, looked at four times a second",
            bounds=_LAG_BOUNDS_S,
            registry=registry,
        ).of()

    async def watch_loop(self) -> NoReturn:
        """Look how the event loop turns, until cancelled."""
        while True:
            due_at = time.monotonic() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            self._lag.note(max(0.0, time.monotonic() - due_at))
