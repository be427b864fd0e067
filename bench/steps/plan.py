"""How long each part takes: the full run, and the quick one, with shorter windows and without growth."""

from dataclasses import dataclass

PLAYERS = 20_000
HOT_PLAYERS = 200
SESSIONS = 2_000
WALLETS = 20_000
LEDGERS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The lengths of a run."""

    name: str
    warm_up_s: float
    """Load before each window, with requests that are built as they go; it also tells how many the window will need."""
    settle_s: float
    """Load right before the window, with prebuilt requests."""
    window_s: float
    """What is measured."""
    pgbench_s: int
    tpcb_windows: int
    """How many of the programme's windows of TPC-B are measured."""
    echo_windows: int
    """How many of the programme's windows of the echo are measured."""
    fair_rounds: int
    """How often each of the windows of fair shares is measured, in turns."""
    fair_window_s: float
    """What is measured of them: 100 calls a second, and a p99 needs a thousand."""
    paced_windows: int
    """How often calls under pace are measured: four of five are to be within the target."""
    cells_turns: int
    """How often one cell and three are measured, in turns, under each load."""
    growth_bets: int
    """How many bets the grown ledger holds; 0 leaves growth out."""
    growth_s_max: float
    """How long growing may take; on a slow machine fewer bets come in, and the growth target is not decided."""
    settled_bets: int
    """How many bets the longest session has that is settled."""
    growth_windows: int
    """How often the grown and the empty ledger are measured, in turns."""
    events: int
    """How many events are published, relayed and consumed; rates are taken within."""
    events_warm_up_s: float
    """Like `warm_up_s`, where relay and consumer run beside."""
    events_window_s: float
    """What is measured with relay and consumer beside."""
    relayed_batches_s: float
    """The same of full batches: long enough for a relay that does not keep up to be seen."""
    api_transactions: int
    """How long the history is that the HTTP API reads."""
    api_warm_up_s: float
    api_window_s: float
    api_windows: int
    """How often the HTTP API and the bare one are measured, in turns."""
    operators_transactions: int
    """How many transactions the ledger holds that operators look into."""
    operators_asks: int
    """How often each question is asked and each page opened."""
    operators_turns: int
    """How often bets are measured with and without a console that is used, under each load."""


FULL = Plan(
    name="full",
    warm_up_s=3,
    settle_s=1.5,
    window_s=8,
    pgbench_s=8,
    tpcb_windows=3,
    echo_windows=2,
    fair_rounds=4,
    fair_window_s=10,
    paced_windows=5,
    cells_turns=3,
    growth_bets=5_000_000,
    growth_s_max=780,
    settled_bets=100_000,
    growth_windows=2,
    events=18_000,
    events_warm_up_s=1.5,
    events_window_s=5,
    relayed_batches_s=30,
    api_transactions=2_000_000,
    api_warm_up_s=0.5,
    api_window_s=3,
    api_windows=2,
    operators_transactions=10_000_000,
    operators_asks=20,
    operators_turns=4,
)
QUICK = Plan(
    name="quick",
    warm_up_s=0.4,
    settle_s=0.2,
    window_s=0.6,
    pgbench_s=1,
    tpcb_windows=1,
    echo_windows=1,
    fair_rounds=1,
    fair_window_s=2,
    paced_windows=1,
    cells_turns=1,
    growth_bets=0,
    growth_s_max=0,
    settled_bets=3_000,
    growth_windows=0,
    events=2_000,
    events_warm_up_s=0.3,
    events_window_s=0.7,
    relayed_batches_s=0.7,
    api_transactions=20_000,
    api_warm_up_s=0.1,
    api_window_s=0.4,
    api_windows=1,
    operators_transactions=200_000,
    operators_asks=5,
    operators_turns=1,
)
