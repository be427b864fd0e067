"""kill -9 of the server in mid-play: what was acknowledged is in the journal once, and every session settles to it."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
from support.database import Installation
from support.ledger import verify
from support.requests import id_of
from support.server import WalletServer
from support.sessions import Play, SessionCaller, open_session, sessions_of
from support.waiting import wait_until
from support.wallet import Wallet

from wallet.v1 import session_pb2 as pb
from wallet.v1.wallet_pb2 import OPERATION_STATUS_APPLIED

KILLS = 10
PLAYERS = 4
LOCK_MINOR = 100_000
BATCH = 20
LONGEST_CALM_S = 0.3
DEADLINE_S = 10.0


class Gambler:
    """Plays one session after another: bets of 2 and wins of 1 in batches, each sent again until it is answered."""

    def __init__(self, wallet: Wallet, stop: threading.Event) -> None:
        self.player = wallet.player(str(LOCK_MINOR * 10))
        self.games: SessionCaller = sessions_of(wallet)
        self.answered: dict[str, set[str]] = {}
        self.payouts: list[tuple[int, int]] = []
        self.batches = 0
        self._stop = stop

    def run(self) -> None:
        while not self._stop.is_set():
            play = self.open()
            for _ in range(random.randrange(1, 6)):
                self.play(play)
            self.settle(play)

    def open(self) -> Play:
        request = open_session(self.player, str(LOCK_MINOR))
        play = Play(self.insist(lambda: self.games.call(request, timeout_s=DEADLINE_S)).session_token)
        self.answered[play.token] = set()
        return play

    def play(self, play: Play) -> None:
        bets = [play.bet("2") for _ in range(BATCH)]
        requests = [request for bet in bets for request in (bet, play.win("1", of=bet))]
        outcomes = self.insist(lambda: self.games.batch(requests))
        for request, outcome in zip(requests, outcomes, strict=True):
            assert isinstance(outcome, pb.SessionResult), outcome
            assert outcome.status == OPERATION_STATUS_APPLIED
            self.answered[play.token].add(id_of(request))
        self.batches += 1

    def settle(self, play: Play) -> None:
        settled = self.insist(lambda: self.games.call(play.settle(), timeout_s=DEADLINE_S))
        bets = len(self.answered[play.token]) // 2
        self.payouts.append((int(settled.payout_minor), LOCK_MINOR - bets))

    def insist(self, send: Callable[[], Any]) -> Any:
        """Send until there is an answer, as callers should."""
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = send()
            except grpc.RpcError:
                assert time.monotonic() < deadline, "nothing serves"
                time.sleep(0.05)
                continue
            if isinstance(answer, list) and any(not isinstance(outcome, pb.SessionResult) for outcome in answer):
                reasons = {getattr(outcome, "reason", "") for outcome in answer} - {""}
                assert reasons <= {"OUTCOME_UNKNOWN", "DATABASE_UNAVAILABLE", "CONFLICT", "QUEUE_FULL"}, reasons
                continue
            return answer


def test_the_server_is_killed_in_mid_play(new_installation: Callable[[], Installation]) -> None:
    installation = new_installation()
    stop = threading.Event()
    with WalletServer(installation) as server:
        wallet = server.wallet()
        gamblers = [Gambler(wallet, stop) for _ in range(PLAYERS)]
        threads = [threading.Thread(target=gambler.run, daemon=True) for gambler in gamblers]
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            before = sum(gambler.batches for gambler in gamblers)
            wait_until(
                lambda before=before: sum(gambler.batches for gambler in gamblers) > before + 8, what="play goes on"
            )
            time.sleep(random.uniform(0, LONGEST_CALM_S))
            server.kill()
            server.start()
        stop.set()
        for thread in threads:
            thread.join(90)
            assert not thread.is_alive()
        for gambler in gamblers:
            assert len(gambler.payouts) > KILLS // 5
            assert all(payout == expected for payout, expected in gambler.payouts)
            lost = sum(LOCK_MINOR - payout for payout, _ in gambler.payouts)
            assert wallet.main(gambler.player) == str(LOCK_MINOR * 10 - lost)
            for token, answered in gambler.answered.items():
                journal = installation.rows(
                    "SELECT transaction_id FROM subledger_entries JOIN sessions ON session_id = subledger_id"
                    " WHERE replace(session_id::TEXT, '-', '') = %s",
                    token.rpartition("_")[2],
                )
                assert {row[0] for row in journal} == answered
                assert len(journal) == len(answered)
    verify(installation)
