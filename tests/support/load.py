"""Load: bets of 1 from several connections, each answer kept, until it is told to stop."""

import threading
from types import TracebackType
from typing import Self

import grpc

from support.refusals import Refusal
from support.requests import Player
from support.waiting import wait_until
from support.wallet import Caller, Wallet
from wallet.v1 import wallet_pb2 as pb

# What a caller sees of a server that goes away.
GOING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
_UNDER_WAY = 50
_DEADLINE_S = 10.0


class Load:
    """Bets of some players, while the block lasts; `answered` and `failed` know each by its id."""

    def __init__(self, wallet: Wallet, players: list[Player], *, threads: int = 8, again: bool = False) -> None:
        self.answered: dict[str, pb.OperationResult] = {}
        self.failed: dict[str, Refusal] = {}
        self.unanswered: list[pb.BetRequest] = []
        self._again = again  # send again what got no answer, as callers should
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run, args=(wallet.caller(wallet.keys["games"]), players[index % len(players)]), daemon=True
            )
            for index in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.goes_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self) -> None:
        """Wait until more bets were answered than at this moment."""
        before = len(self.answered)
        wait_until(lambda: len(self.answered) > before + _UNDER_WAY, what="bets are answered")

    def _run(self, caller: Caller, player: Player) -> None:
        while not self._stop.is_set():
            bet = player.bet("1")
            answer = caller.attempt(bet, timeout_s=_DEADLINE_S)
            while self._again and isinstance(answer, Refusal) and not self._stop.is_set():
                answer = caller.attempt(bet, timeout_s=_DEADLINE_S)
            if isinstance(answer, Refusal):
                self.failed[bet.transaction_id] = answer
                self.unanswered.append(bet)
            else:
                self.answered[bet.transaction_id] = answer
