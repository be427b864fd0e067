"""Load that outlives what it loads: unary calls, batches and streams, with every answer kept by its id."""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import grpc
from support.requests import Player, fresh_id, id_of, operation
from support.waiting import wait_until
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb
from wallet.v1.wallet_pb2_grpc import WalletServiceStub

FUNDS_MINOR = 1_000_000
PAUSE_S = 0.05
DEADLINE_S = 10.0
BATCH = 10
STREAM = 30
UNDER_WAY = 60
GOES_ON_WITHIN_S = 60.0


class MixedLoad:
    """Bets of 2 and wins of 1, pair by pair, of one player a thread; while the block lasts."""

    def __init__(self, wallet: Wallet, *, threads_each: int = 2) -> None:
        self.answered: dict[str, pb.OperationResult] = {}
        self.unanswered: list[Any] = []
        self.players: list[Player] = []
        self._wallet = wallet
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        for send in (self._unary, self._batch, self._stream):
            for _ in range(threads_each):
                player = wallet.player(str(FUNDS_MINOR))
                self.players.append(player)
                self._threads.append(threading.Thread(target=self._run, args=(player, send), daemon=True))

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
            thread.join(DEADLINE_S * 2)
            assert not thread.is_alive(), "a sender hangs"

    def goes_on(self) -> None:
        """Wait until a good deal more is answered than at this moment."""
        before = len(self.answered)
        wait_until(
            lambda: len(self.answered) > before + UNDER_WAY, what="mutations are answered", timeout_s=GOES_ON_WITHIN_S
        )

    def _run(self, player: Player, send: Callable[[WalletServiceStub, list[Any]], None]) -> None:
        stub = WalletServiceStub(self._wallet.channel())
        while not self._stop.is_set():
            pending: list[Any] = []
            for _ in range(BATCH if send == self._batch else STREAM if send == self._stream else 1):
                bet = player.bet("2", transaction_id=fresh_id("bet"))
                pending += [bet, player.win("1", of=bet, transaction_id=fresh_id("win"))]
            while pending and not self._stop.is_set():  # what has no answer is sent again, as callers should
                send(stub, pending)
                left = [request for request in pending if id_of(request) not in self.answered]
                if len(left) == len(pending):
                    self._stop.wait(PAUSE_S)  # nothing serves just now
                pending = left
            self.unanswered += pending

    @property
    def _metadata(self) -> Sequence[tuple[str, str]]:
        return [("authorization", f"Bearer {self._wallet.keys['games']}")]

    def _unary(self, stub: WalletServiceStub, requests: list[Any]) -> None:
        for request in requests:
            call = stub.Bet if isinstance(request, pb.BetRequest) else stub.Win
            try:
                self.answered[id_of(request)] = call(request, metadata=self._metadata, timeout=DEADLINE_S)
            except grpc.RpcError:
                return  # a win is not sent where its bet has no answer

    def _batch(self, stub: WalletServiceStub, requests: list[Any]) -> None:
        batch = pb.ExecuteBatchRequest(operations=map(operation, requests))
        with suppress(grpc.RpcError):
            self._keep(requests, stub.ExecuteBatch(batch, metadata=self._metadata, timeout=DEADLINE_S).outcomes)

    def _stream(self, stub: WalletServiceStub, requests: list[Any]) -> None:
        with suppress(grpc.RpcError):  # what came before the break counts
            self._keep(requests, stub.Execute(map(operation, requests), metadata=self._metadata, timeout=DEADLINE_S))

    def _keep(self, requests: Sequence[Any], outcomes: Iterable[pb.Outcome]) -> None:
        for request, outcome in zip(requests, outcomes, strict=False):
            if outcome.HasField("result"):
                self.answered[id_of(request)] = outcome.result
