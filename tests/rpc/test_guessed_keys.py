"""Keys that are guessed, by the hundred: they cost the database nothing, and good callers notice nothing."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from support.database import Installation
from support.refusals import check_refusal, refusal_of_call
from support.requests import Player
from support.server import WalletServer
from support.waiting import BUSY_S, wait_until
from support.wallet import TIMEOUT_S, Wallet

from wallet.v1.wallet_pb2_grpc import WalletServiceStub

New = Callable[..., Installation]

GUESSES_PER_S = 300
LOOKED_FOR_S, GUESSES_MIN = 3.0, 225
READINGS_PER_S = 10
OTHER_READINGS = 30
"""Of the commands that make and revoke keys, and of the worker that notes when they were used; a dozen at most."""
REVOKED_WITHIN_S = 5.0 + BUSY_S
KNOWN_WITHIN_S = 4.0 + BUSY_S


@contextmanager
def guessing(wallet: Wallet) -> Iterator[list[grpc.Future]]:
    """Send calls under random keys while the block lasts, from the address that all callers here share."""
    stub = WalletServiceStub(wallet.channel())
    sent: list[grpc.Future] = []
    over = threading.Event()

    def guess() -> None:
        request = Player().balance()
        while not over.wait(0.05):
            for _ in range(GUESSES_PER_S // 20):
                key = "sk_test_" + secrets.token_urlsafe(32)
                sent.append(
                    stub.GetBalance.future(request, metadata=[("authorization", f"Bearer {key}")], timeout=TIMEOUT_S)
                )

    thread = threading.Thread(target=guess, daemon=True)
    thread.start()
    try:
        wait_until(lambda: len(sent) > GUESSES_PER_S // 2, what="guesses are under way")
        yield sent
    finally:
        over.set()
        thread.join()


def readings(installation: Installation) -> int:
    """Count the statements that have looked at the keys, as the database counts them."""
    ((count,),) = installation.rows(
        "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'api_keys'"
    )
    return int(count)


def test_guesses_cost_no_query_each_and_keys_come_and_go_in_time_meanwhile(new_installation: New) -> None:
    installation = new_installation()
    with WalletServer(installation) as server:
        wallet = server.wallet()
        player = wallet.player("100")
        key_id, revoked = installation.create_key("goes", ["game"])
        wallet.applied(player.bet("1"), by=wallet.caller(revoked))
        with guessing(wallet) as sent:
            before, at_first, began = readings(installation), len(sent), time.monotonic()
            while time.monotonic() - began < LOOKED_FOR_S or len(sent) - at_first < GUESSES_MIN:
                assert wallet.main(player) == "99"
                assert time.monotonic() - began < 60, "this machine guesses too slowly to tell"
            _, made = installation.create_key("comes", ["game"])
            made_at = time.monotonic()
            newcomer = wallet.caller(made)
            wait_until(lambda: not hasattr(newcomer.attempt(player.balance()), "reason"), what="a new key is known")
            assert time.monotonic() - made_at < KNOWN_WITHIN_S
            installation.command("keys", "revoke", key_id)
            revoked_at = time.monotonic()
            gone = wallet.caller(revoked)
            wait_until(lambda: hasattr(gone.attempt(player.balance()), "reason"), what="a revoked key is known no more")
            assert time.monotonic() - revoked_at < REVOKED_WITHIN_S
            assert wallet.main(player) == "99"
            took_s = time.monotonic() - began
        server.stop()  # what it counted is told to the database by now
        assert readings(installation) - before <= took_s * READINGS_PER_S + OTHER_READINGS
        for call in sent:
            assert call.code() in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE}
        check_refusal(refusal_of_call(sent[0]), "CALLER_UNKNOWN")
