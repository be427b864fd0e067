"""Playing: random histories against wallets, from a seed; the same seed plays the same ones."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test
from model.driven import Driven
from model.machine import Count, WalletMachine

engine.MAX_SHRINKING_SECONDS = 60
"""Each try of a shorter history talks to real servers; the whole history is told in any case."""

STEPS_MAX = 48
"""Of a history; Hypothesis ends few of them early."""


def play(wallets: Sequence[Driven], *, with_seed: int, histories: int) -> Count:
    """Play random histories against the wallets.

    Raises:
        DifferenceError: The wallet's answers are not the model's; the notes hold Hypothesis's shortest history.
    """
    count = Count()
    machine = type("SeededWalletMachine", (WalletMachine,), {"wallets": tuple(wallets), "count": count})
    chosen = settings(
        max_examples=histories,
        stateful_step_count=STEPS_MAX,
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(with_seed)(machine), settings=chosen)  # type: ignore[no-untyped-call]
    except BaseException as error:
        error.add_note(f"seed {with_seed}: WALLET_MODEL_SEED={with_seed} make test ARGS=tests/model")
        raise
    return count
