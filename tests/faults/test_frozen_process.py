"""A process that is frozen while it holds players' locks delays those players for a bounded time, and nobody else."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from support.database import Installation
from support.ledger import check_invariants, transactions_stored, verify
from support.server import WalletServer
from support.waiting import wait_until

New = Callable[..., Installation]

OTHERS = 99
LOCK_TIMEOUT_S = 6.0
SETTINGS = {"WALLET_LOCK_TIMEOUT_MS": "6000", "WALLET_DATABASE_TIMEOUT_MS": "20000"}
"""Long, so that who waits for a lock is seen to wait."""


def stores(installation: Installation) -> bool:
    """Whether a lane's store waits for a table; it holds its owners' locks then."""
    rows = installation.rows(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'wallet-lane-ledger' AND wait_event_type = 'Lock'"
    )
    return rows != []


def test_a_frozen_process_delays_those_whose_locks_it_holds_and_nobody_else(new_installation: New) -> None:
    installation = new_installation()
    with WalletServer(installation, **SETTINGS) as frozen, WalletServer(installation, **SETTINGS) as server:
        wallet = server.wallet()
        held = wallet.player("100")
        others = [wallet.player("100") for _ in range(OTHERS)]
        with ThreadPoolExecutor(3) as threads:
            with installation.connect() as table:
                table.execute("LOCK TABLE ledger_transactions IN SHARE MODE")
                bet = held.bet("1")
                first = threads.submit(frozen.wallet().send, bet)
                wait_until(lambda: stores(installation), what="it stores, with the player's lock")
                frozen.freeze()
            try:
                # Its backend commits alone: beside the stores of others it might have to try again, and nobody would.
                wait_until(
                    lambda: transactions_stored(installation, "games", bet.transaction_id) == 1,
                    what="what it stores is committed",
                )
                second = threads.submit(wallet.send, held.bet("1"))
                third = threads.submit(wallet.send, held.bet("1"))
                played = wallet.games.batch([player.bet("1") for player in others])
                assert {outcome.balance_after_minor for outcome in played} == {"99"}
                assert not second.done(), "who waits for the lock does so alone"
                assert {answer.result(30).balance_after_minor for answer in (second, third)} == {"98", "97"}
                began = time.monotonic()
                wallet.send(held.bet("1"))
                assert time.monotonic() - began < LOCK_TIMEOUT_S, "a lock that did not come is not waited for again"
            finally:
                frozen.thaw()
            assert first.result(30).balance_after_minor == "99"
        assert wallet.main(held) == "96"
        frozen.wallet().send(held.bet("1"))
    check_invariants(installation)
    verify(installation)


def test_a_lock_that_somebody_takes_by_hand_costs_its_player_a_moment(new_installation: New) -> None:
    installation = new_installation()
    with WalletServer(installation, WALLET_LOCK_TIMEOUT_MS="500") as server:
        wallet = server.wallet()
        held, other = wallet.player("100"), wallet.player("100")
        with installation.connect() as holder:
            holder.execute("SELECT pg_advisory_lock(%s)", [held.player_id])
            batch = [other.bet("1") if index % 2 else held.bet("1") for index in range(100)]
            assert all(outcome.replayed is False for outcome in wallet.games.batch(batch))
            for _ in range(20):
                wallet.applied(held.bet("1"))
        assert (wallet.main(held), wallet.main(other)) == ("30", "50")
        wallet.applied(held.bet("1"))
    assert server.log.count("owner_locked") == 1
    verify(installation)
