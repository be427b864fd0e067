"""A run of the model: servers for it, a seed, so many sessions of so many steps, and `wallet verify` at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test
from model.machine import Count, Driven, WalletMachine
from support.database import Installation
from support.server import ENGINE_MODES, WalletServer

from wallet_grpc.store.operator.keys import create_key
from wallet_grpc.store.reads.keys import Role

SOURCES = ("model-a", "model-b", "model-c")


engine.MAX_SHRINKING_SECONDS = 60
"""Each try of a shorter session talks to real servers; the whole session is told in any case."""

SESSIONS = 115
STEPS_MAX = 48
"""Of a session; Hypothesis ends few of them early."""


@contextmanager
def driven(installations: Sequence[Installation]) -> Iterator[list[Driven]]:
    """Start a server for each way of committing, each on a database of its own, with callers that may do everything."""
    with ExitStack() as stack:
        servers = []
        for (name, mode), installation in zip(ENGINE_MODES.items(), installations, strict=True):
            keys = _all_roles(installation)
            server = stack.enter_context(WalletServer(installation, **mode))
            wallet = server.wallet()
            servers.append(Driven(name, {source: wallet.caller(key) for source, key in keys.items()}))
        yield servers


def play(servers: Sequence[Driven], *, with_seed: int) -> Count:
    """Play random sessions against the servers; the same seed plays the same ones.

    Raises:
        DifferenceError: The wallet's answers are not the contract's; the notes hold Hypothesis's shortest session.
    """
    count = Count()
    machine = type("SeededWalletMachine", (WalletMachine,), {"servers": tuple(servers), "count": count})
    chosen = settings(
        max_examples=SESSIONS,
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


def _all_roles(installation: Installation) -> dict[str, str]:
    with installation.connect() as connection:
        return {
            source: create_key(connection, prefix="sk_test_", source=source, roles=list(Role)).key for source in SOURCES
        }
