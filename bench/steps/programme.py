"""What a run measures, in this order: yardsticks before, between and after the workloads that are held against them."""

from collections.abc import Sequence
from typing import Protocol

from bench.steps.cells import CellsBeside
from bench.steps.credit import CreditWallets
from bench.steps.events import Events
from bench.steps.fair_shares import FairShare
from bench.steps.http_api import Api
from bench.steps.operators.operators import Operators
from bench.steps.players import BATCH_STEP, CALLS_STEP, HOT_STEP, SINGLE_STEP, Growth
from bench.steps.sessions import Sessions
from bench.steps.testbed import Testbed
from bench.yardsticks.pgledger import Pgledger
from bench.yardsticks.yardstick_steps import EchoUnary, HotRow, Tpcb


class Step(Protocol):
    """One part of a run."""

    @property
    def name(self) -> str:
        """What `--only` knows it by."""

    def run(self, testbed: Testbed) -> None:
        """Measure, and add figures to the results."""


PROGRAMME: Sequence[Step] = (
    Tpcb(),
    BATCH_STEP,
    HotRow(),
    Pgledger(),
    Tpcb(),
    EchoUnary(),
    CALLS_STEP,
    EchoUnary(),
    SINGLE_STEP,
    HOT_STEP,
    FairShare(),
    Api(),
    Sessions(),
    CreditWallets(),
    CellsBeside(),
    Growth(),
    Tpcb(),
    Events(),  # last: the broker, once it runs, is beside no other figure
)
ALONE: Sequence[Step] = (Operators(),)
"""What is measured only where it is named: its ledger takes longer to fill than a run may."""
STEP_NAMES = tuple(dict.fromkeys(step.name for step in (*PROGRAMME, *ALONE)))


def steps_of(only: Sequence[str]) -> Sequence[Step]:
    """Return the steps that are wanted; the whole programme if none is named."""
    return tuple(step for step in (*PROGRAMME, *ALONE) if step.name in only) if only else PROGRAMME
