"""`make soak`: the random model and the kills, again and again with new seeds, for as long as it is told.

Ends at the first violation, with what reproduces it; each round ends with `wallet verify`, as the tests do.
"""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import click
from rich.console import Console

_TESTS = Path(__file__).parent

HISTORIES = 60
"""Of a round: three times as many as in CI."""
CLAIM_RACES = 200
"""Of a round, for each kind of claim and each way to send it: ten times as many as in CI."""
FAILOVERS = 10
"""Of a round, for each way to the primary: ten times as many as in CI."""
FAILOVER_MAX_S = 2
UPGRADE_PAUSE_MAX_S = 4
OUTAGE_MARGIN_S = 3
"""Where a round has the machine for itself; CI's tests have more."""
PLAYED = (
    "model",
    "faults",
    "rpc/test_rule_10_order_of_effects.py",
    "acceptance/test_batches_and_streams.py",
    "cells/test_claims.py",
    "cells/test_claim_kills.py",
    # Promises in seconds, for which CI's machine has much more time.
    "acceptance/test_credit.py::test_case_39_a_thousand_writes_in_a_handful_of_transactions",
    "acceptance/test_payment_events.py::test_case_45_an_event_before_its_reservation",
    "api/test_protection.py::test_a_query_that_takes_too_long_is_given_up",
    "messaging/test_foreign_bytes.py::test_case_54_what_cannot_be_decoded_is_a_dead_letter_and_nothing_is_delivered_twice",
    "rpc/test_auth.py::test_a_revoked_key_stops_in_an_open_stream",
    "rpc/test_auth.py::test_a_revoked_key_stops_working",
    "rpc/test_guessed_keys.py::test_guesses_cost_no_query_each_and_keys_come_and_go_in_time_meanwhile",
    "rpc/test_server_faults.py::test_a_database_that_does_not_answer",
    "rpc/test_server_faults.py::test_a_database_that_is_gone_and_comes_back",
    "rpc/test_server_faults.py::test_the_servers_own_time_limit_is_told_as_outcome_unknown",
    "rpc/test_stop.py::test_watchers_do_not_hold_the_stop",
    "store/test_migrating_under_load.py::test_a_long_reader_does_not_make_a_migration_hold_up_bets",
    "store/test_migrating_under_load.py::test_an_index_of_a_hot_table_is_built_beside_its_writers",
)
"""Folders, files and tests; all that leave OUTAGE_MARGIN_S are among them (`unit/test_soak.py`)."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--minutes", default=10.0, show_default=True, help="No round starts after this time.")
@click.option("--seed", type=int, help="Play this seed only, once.")
def soak(minutes: float, seed: int | None) -> None:
    """Play rounds of the models, faults, scripts, streams and claims of cells until the time is over."""
    console = Console(stderr=True)
    deadline = time.monotonic() + minutes * 60
    rounds = 0
    while rounds == 0 or (seed is None and time.monotonic() < deadline):
        playing = seed if seed is not None else secrets.randbelow(2**31)
        started = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-x", *(str(_TESTS / tests) for tests in PLAYED)]
        with console.status(f"round {rounds + 1}, seed {playing}, {max(0, deadline - time.monotonic()):.0f} s left"):
            done = subprocess.run(
                command,
                env={
                    **os.environ,
                    "WALLET_TEST_ROUNDS": "all",
                    "WALLET_MODEL_SEED": str(playing),
                    "WALLET_MODEL_HISTORIES": str(HISTORIES),
                    "WALLET_TEST_CLAIM_RACES": str(CLAIM_RACES),
                    "WALLET_TEST_FAILOVERS": str(FAILOVERS),
                    "WALLET_TEST_FAILOVER_MAX_S": str(FAILOVER_MAX_S),
                    "WALLET_TEST_PAUSE_MAX_S": str(UPGRADE_PAUSE_MAX_S),
                    "WALLET_TEST_OUTAGE_MARGIN_S": str(OUTAGE_MARGIN_S),
                },
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            console.print(done.stdout[-20_000:], markup=False)
            console.print(f"[red]violated[/] in round {rounds + 1}; again: make soak ARGS='--seed {playing}'")
            sys.exit(1)
        rounds += 1
        console.print(f"round {rounds}: seed {playing}, {time.monotonic() - started:.0f} s, nothing found")
    console.print(f"[green]{rounds} rounds, nothing found[/]")


if __name__ == "__main__":
    soak()
