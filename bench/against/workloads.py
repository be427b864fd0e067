"""What can be compared: a workload's order, and what it stands on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import assert_never

from bench.clients.orders import Content, Order
from bench.steps.plan import FULL, PLAYERS, QUICK, SESSIONS, WALLETS, Plan
from bench.steps.players import alone_order, batch_order, mixed_order, paced_order, stream_order, unary_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How long the windows are, and how much stands in a database before the first."""

    name: str
    plan: Plan
    rounds: int
    players: int
    sessions: int
    wallets: int


LONG = Extent(
    name="full",
    plan=replace(FULL, warm_up_s=1.0, settle_s=0.5, window_s=4.0),
    rounds=6,
    players=PLAYERS,
    sessions=SESSIONS,
    wallets=WALLETS,
)
SHORT = Extent(
    name="quick",
    plan=replace(QUICK, warm_up_s=0.4, settle_s=0.2, window_s=0.8),
    rounds=2,
    players=2_000,
    sessions=500,
    wallets=2_000,
)


class Ground(Enum):
    """What a workload writes to."""

    PLAYERS = auto()
    SESSIONS = auto()
    WALLETS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One load, sent to both sides alike."""

    name: str
    ground: Ground
    shape: Callable[[Plan], Order]

    def order(self, extent: Extent) -> Order:
        """Return the load; whoever runs it adds the address, the key, and the sessions or ledgers."""
        order = self.shape(extent.plan)
        match self.ground:
            case Ground.PLAYERS:
                return replace(order, players=extent.players)
            case Ground.SESSIONS:
                return replace(order, content=Content.SESSION_BETS, players=extent.sessions)
            case Ground.WALLETS:
                return replace(order, content=Content.WALLET_WRITES, players=extent.wallets)
            case _:
                assert_never(self.ground)


WORKLOADS: Sequence[Workload] = (
    Workload(name="batch", ground=Ground.PLAYERS, shape=batch_order),
    Workload(name="mixed", ground=Ground.PLAYERS, shape=mixed_order),
    Workload(name="stream", ground=Ground.PLAYERS, shape=stream_order),
    Workload(name="calls", ground=Ground.PLAYERS, shape=unary_order),
    Workload(name="alone", ground=Ground.PLAYERS, shape=alone_order),
    Workload(name="paced", ground=Ground.PLAYERS, shape=paced_order),
    Workload(name="sessions", ground=Ground.SESSIONS, shape=batch_order),
    Workload(name="session_stream", ground=Ground.SESSIONS, shape=stream_order),
    Workload(name="session_calls", ground=Ground.SESSIONS, shape=unary_order),
    Workload(name="credit", ground=Ground.WALLETS, shape=batch_order),
    Workload(name="credit_calls", ground=Ground.WALLETS, shape=unary_order),
)
ROUNDS_MAX = 100
WORKLOAD_NAMES = tuple(workload.name for workload in WORKLOADS)


def workloads_of(only: Sequence[str]) -> Sequence[Workload]:
    """Return the workloads that are wanted; all of them if none is named."""
    return tuple(workload for workload in WORKLOADS if not only or workload.name in only)
