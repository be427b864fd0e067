"""kill -9 of the server and of PostgreSQL in mid-play: what was acknowledged is in the journals once, and nothing else.

Some callers play sessions and settle them, others write to credit wallets, which are posted meanwhile. Each sends again
until it is answered. Afterwards every session was settled to its journal, every wallet has what was acknowledged, the
general ledger has followed, and `wallet verify` finds nothing.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from support.credit import Purse, credit_of, wait_until_posted
from support.database import Installation, create_installation
from support.ledger import verify
from support.refusals import Refusal
from support.requests import id_of
from support.rounds import rounds
from support.server import WalletServer
from support.sessions import Play, SessionCaller, open_session, sessions_of
from support.waiting import wait_until
from support.wallet import Wallet

from wallet.v1.wallet_pb2 import OPERATION_STATUS_APPLIED
from wallet_grpc.domain.credit.state import wallet_address
from wallet_grpc.domain.sessions.state import session_address

KILLS = rounds(5, of=10)
GAMBLERS, SPENDERS = 4, 2
LOCK_MINOR = 100_000
BATCH = 20
LONGEST_CALM_S = 0.3
DEADLINE_S = 10.0
PATIENCE_S = 60.0
SEND_AGAIN = {"OUTCOME_UNKNOWN", "DATABASE_UNAVAILABLE", "CONFLICT", "QUEUE_FULL"}
JOURNAL = (
    "SELECT transaction_id FROM subledger_entries"
    " WHERE subledger_id = %s::UUID AND kind NOT IN ('COMMIT', 'SESSION_SETTLEMENT')"
)


class Caller:
    """Goes on until told to stop, and sends again until answered."""

    def __init__(self, stop: threading.Event) -> None:
        self.batches = 0
        self._stop = stop

    def run(self) -> None:
        while not self._stop.is_set():
            self.turn()

    def turn(self) -> None:
        raise NotImplementedError

    def insist(self, send: Callable[[], Any]) -> Any:
        """Send until there is an answer, as callers should."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < deadline, "nothing serves"
            try:
                answer = send()
            except grpc.RpcError:
                time.sleep(0.05)
                continue
            refused = {one.reason for one in answer if isinstance(one, Refusal)} if isinstance(answer, list) else set()
            if not refused:
                return answer
            # Part of a batch may come through after an outage that the rest met: a win whose bet did not.
            assert refused & SEND_AGAIN, refused
            assert refused <= SEND_AGAIN | {"BET_NOT_FOUND"}, refused


class Gambler(Caller):
    """Plays one session after another: bets of 2 and wins of 1 in batches, then settles."""

    def __init__(self, wallet: Wallet, stop: threading.Event) -> None:
        super().__init__(stop)
        self.wallet = wallet
        self.player = wallet.player(str(LOCK_MINOR * 10))
        self.games: SessionCaller = sessions_of(wallet)
        self.answered: dict[str, list[str]] = {}
        self.payouts: list[tuple[int, int]] = []

    def turn(self) -> None:
        request = open_session(self.player, str(LOCK_MINOR))
        play = Play(self.insist(lambda: self.games.call(request, timeout_s=DEADLINE_S)).session_token)
        self.answered[play.token] = []
        for _ in range(random.randrange(1, 6)):
            self.play(play)
        settled = self.insist(lambda: self.games.call(play.settle(), timeout_s=DEADLINE_S))
        bets = len(self.answered[play.token]) // 2
        self.payouts.append((int(settled.payout_minor), LOCK_MINOR - bets))

    def play(self, play: Play) -> None:
        bets = [play.bet("2") for _ in range(BATCH)]
        requests = [request for bet in bets for request in (bet, play.win("1", of=bet))]
        for outcome in self.insist(lambda: self.games.batch(requests)):
            assert outcome.status == OPERATION_STATUS_APPLIED
        self.answered[play.token] += map(id_of, requests)
        self.batches += 1

    def check(self, installation: Installation) -> None:
        assert len(self.payouts) > KILLS // 5
        assert all(payout == expected for payout, expected in self.payouts)
        lost = sum(LOCK_MINOR - payout for payout, _ in self.payouts)
        assert self.wallet.main(self.player) == str(LOCK_MINOR * 10 - lost)
        for token, answered in self.answered.items():
            address = session_address(token)
            assert address is not None
            assert sorted(answered) == sorted(row[0] for row in installation.rows(JOURNAL, address.session_id))


class Spender(Caller):
    """Writes to one credit wallet: each turn credits 50, debits 20 one by one, and commits 1 of a reserved 2."""

    def __init__(self, wallet: Wallet, stop: threading.Event) -> None:
        super().__init__(stop)
        self.credit = credit_of(wallet)
        self.purse = Purse(self.credit.ledger())
        self.answered: list[str] = []

    def turn(self) -> None:
        purse, credit = self.purse, self.credit
        requests = [purse.credit("50"), *(purse.debit("1") for _ in range(BATCH)), purse.reserve("2")]
        *_, reserved = self.insist(lambda: credit.batch(requests, timeout_s=DEADLINE_S))
        self.answered += map(id_of, requests)
        commit = purse.commit(reserved, "1")
        self.insist(lambda: credit.call(commit, timeout_s=DEADLINE_S))
        self.batches += 1

    def check(self, installation: Installation) -> None:
        balance = str(self.batches * (50 - BATCH - 1))
        self.credit.holds(self.purse, balance, balance)
        address = wallet_address(self.purse.key)
        assert address is not None
        assert sorted(self.answered) == sorted(row[0] for row in installation.rows(JOURNAL, address.wallet_id))


@contextmanager
def in_mid_play(wallet: Wallet, installation: Installation) -> Iterator[Callable[[], None]]:
    """Have callers play for a block, which is given how to wait for a moment in mid-play; then see what came of it."""
    stop = threading.Event()
    callers = [Gambler(wallet, stop) for _ in range(GAMBLERS)] + [Spender(wallet, stop) for _ in range(SPENDERS)]
    threads = [threading.Thread(target=caller.run, daemon=True) for caller in callers]
    for thread in threads:
        thread.start()

    def wait_for_a_moment() -> None:
        before = [caller.batches for caller in callers]
        wait_until(
            lambda: all(caller.batches > count for caller, count in zip(callers, before, strict=True)),
            what="everybody plays on",
            timeout_s=PATIENCE_S,
        )
        time.sleep(random.uniform(0, LONGEST_CALM_S))

    yield wait_for_a_moment
    stop.set()
    for thread in threads:
        thread.join(PATIENCE_S * 1.5)
        assert not thread.is_alive()
    for caller in callers:
        caller.check(installation)
    wait_until_posted(installation)
    verify(installation)


def test_the_server_is_killed_in_mid_play(new_installation: Callable[[], Installation]) -> None:
    installation = new_installation()
    with WalletServer(installation) as server, in_mid_play(server.wallet(), installation) as wait_for_a_moment:
        for _ in range(KILLS):
            wait_for_a_moment()
            server.kill()
            server.start()


def test_postgresql_is_killed_in_mid_play(own_cluster: tuple) -> None:
    _, postgres, template = own_cluster
    installation = create_installation(template)
    with WalletServer(installation) as server:
        with in_mid_play(server.wallet(), installation) as wait_for_a_moment:
            for _ in range(KILLS):
                wait_for_a_moment()
                postgres.kill()
                postgres.start()
        assert server.process.poll() is None, "the server lives through it"
