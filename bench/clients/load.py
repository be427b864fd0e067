"""One load: the client's progress, and what the wallet and the processors did within its window."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.clients.child_process import ClientFailedError
from bench.clients.load_process import ClientProcess
from bench.clients.orders import Order, Outcome, Phase, Progress, Shape
from bench.report.display import Display
from bench.report.processors import Parties, cores, used_s
from bench.servers.wallet_server import Counters, RunningWallet

_SHOW_INTERVAL_S = 0.2
_NOUNS = {Shape.UNARY: "calls", Shape.BATCH: "batches", Shape.STREAM: "streams", Shape.PACED: "paced calls"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a load came to, and what was observed from outside."""

    outcome: Outcome
    cores: dict[str, float]
    """Busy cores within the window: client, server, postgres, what ran beside, others."""
    used_s: dict[str, float]
    """The same as processor seconds."""
    counters: Counters | None
    """What the engine did within the window; None for the echo."""


def run_load(
    order: Order,
    *,
    display: Display,
    server_pids: tuple[int, ...],
    postmaster: int,
    wallet: RunningWallet | None = None,
    beside: Mapping[str, int] | None = None,
    on_window: Callable[[], None] = lambda: None,
) -> Load:
    """Run a client with an order, to its end; `on_window` is called when its window has opened.

    Processes that run beside are told by name and pid, and their busy cores apart.

    Raises:
        ClientFailedError: It ended badly or fell silent.
    """
    observer = _Observer(wallet, server_pids, postmaster, beside or {})
    title = f"{_NOUNS[order.shape]} of {order.content.value}, {order.in_flight} in flight"
    with ClientProcess(order) as client, display.part(title, total=order.operations or order.planned_s):
        started = shown_at = time.monotonic()
        shown = 0
        for answer in client.answers():
            match answer:
                case Outcome():
                    return observer.load(answer)
                case Progress(phase=phase, applied=applied):
                    if observer.enter(phase, client.pid):
                        on_window()
                    now = time.monotonic()
                    if now - shown_at > _SHOW_INTERVAL_S:
                        state = f"{phase.value:<9} {(applied - shown) / (now - shown_at):>10,.0f}/s"
                        display.show(state, completed=applied if order.operations else now - started)
                        shown_at, shown = now, applied
    raise ClientFailedError("the client gave no outcome")


class _Observer:
    """Looks at counters and processors when the window opens and when it closes."""

    def __init__(
        self, wallet: RunningWallet | None, server_pids: tuple[int, ...], postmaster: int, beside: Mapping[str, int]
    ) -> None:
        self._wallet = wallet
        self._server_pids = server_pids
        self._postmaster = postmaster
        self._beside = beside
        self._looks: list[tuple[float, dict[str, float], Counters | None]] = []
        self._phase: Phase | None = None

    def enter(self, phase: Phase, client_pid: int) -> bool:
        """Note a phase; true if it is the window's beginning."""
        if phase is self._phase:
            return False
        self._phase = phase
        if phase not in {Phase.WINDOW, Phase.DRAIN}:
            return False
        parties = Parties(
            processes={"client": (client_pid,), "server": self._server_pids}
            | {name: (pid,) for name, pid in self._beside.items()},
            postmaster=self._postmaster,
        )
        counters = self._wallet.counters() if self._wallet is not None else None
        self._looks.append((time.monotonic(), used_s(parties), counters))
        return phase is Phase.WINDOW

    def load(self, outcome: Outcome) -> Load:
        """Put the looks and the client's outcome together."""
        if len(self._looks) != 2:
            return Load(outcome=outcome, cores={}, used_s={}, counters=None)
        (began, used_before, before), (ended, used_after, after) = self._looks
        counted = after.since(before) if after is not None and before is not None else None
        return Load(
            outcome=outcome,
            cores=cores(used_before, used_after, seconds=ended - began),
            used_s={name: used_after[name] - used_before[name] for name in used_after},
            counters=counted,
        )
