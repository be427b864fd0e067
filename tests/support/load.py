"""Load from several connections, with every answer kept by its id, until it is told to stop."""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import grpc

from support.database import Installation
from support.ledger import transactions_stored
from support.refusals import Refusal
from support.requests import Player, fresh_id, id_of, operation
from support.waiting import wait_until
from support.wallet import Caller, Wallet
from wallet.v1 import wallet_pb2 as pb
from wallet.v1.wallet_pb2_grpc import WalletServiceStub

# What a caller sees of a server that goes away.
GOING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
FUNDS_MINOR = 1_000_000
_UNDER_WAY = 60
_DEADLINE_S = 10.0
_PAUSE_S = 0.05
_BATCH = 10
_STREAM = 30


class Senders:
    """Threads that send while the block lasts, and go on over whatever happens to the server."""

    goes_on_within_s = 60.0

    def __init__(self) -> None:
        self.answered: dict[str, pb.OperationResult] = {}
        self.unanswered: list[Any] = []
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def _add(self, send: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=send, args=arguments, daemon=True))

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
            thread.join(_DEADLINE_S * 2)
            assert not thread.is_alive(), "a sender hangs"

    def goes_on(self) -> None:
        """Wait until a good deal more is answered than at this moment."""
        enough = len(self.answered) + _UNDER_WAY
        wait_until(lambda: len(self.answered) > enough, what="more is answered", timeout_s=self.goes_on_within_s)


class Load(Senders):
    """Bets of 1 of some players; `answered` and `failed` know each by its id."""

    def __init__(
        self, wallet: Wallet, players: list[Player], *, threads: int = 8, again: bool = False, pause_s: float = 0.0
    ) -> None:
        """Make it ready; each thread rests for `pause_s` between what it sends."""
        super().__init__()
        self._pause_s = pause_s
        self.failed: dict[str, Refusal] = {}
        self.refused: list[Refusal] = []
        """What was answered before what was sent again was answered."""
        self._again = again  # send again what got no answer, as callers should
        for index in range(threads):
            self._add(self._run, wallet.caller(wallet.keys["games"]), players[index % len(players)])

    def _run(self, caller: Caller, player: Player) -> None:
        while not self._stop.is_set():
            bet = player.bet("1")
            answer = caller.attempt(bet, timeout_s=_DEADLINE_S)
            while self._again and isinstance(answer, Refusal) and not self._stop.is_set():
                self.refused.append(answer)
                self._stop.wait(_PAUSE_S)
                answer = caller.attempt(bet, timeout_s=_DEADLINE_S)
            if isinstance(answer, Refusal):
                self.failed[bet.transaction_id] = answer
                self.unanswered.append(bet)
            else:
                self.answered[bet.transaction_id] = answer
            self._stop.wait(self._pause_s)


class MixedLoad(Senders):
    """Unary calls, batches and streams: bets of 2 and wins of 1, pair by pair, of one player a thread."""

    goes_on_within_s = 60.0

    def __init__(self, wallet: Wallet, *, threads_each: int = 2, pause_s: float = 0.0) -> None:
        """Make it ready; each thread rests for `pause_s` between what it sends."""
        super().__init__()
        self.players: list[Player] = []
        self._pause_s = pause_s
        self._wallet = wallet
        for send in (self._unary, self._batch, self._stream):
            for _ in range(threads_each):
                player = wallet.player(str(FUNDS_MINOR))
                self.players.append(player)
                self._add(self._run, player, send)

    def _run(self, player: Player, send: Callable[[WalletServiceStub, list[Any]], None]) -> None:
        stub = WalletServiceStub(self._wallet.channel())
        while not self._stop.is_set():
            pending: list[Any] = []
            for _ in range(_BATCH if send == self._batch else _STREAM if send == self._stream else 1):
                bet = player.bet("2", transaction_id=fresh_id("bet"))
                pending += [bet, player.win("1", of=bet, transaction_id=fresh_id("win"))]
            while pending and not self._stop.is_set():  # what has no answer is sent again, as callers should
                send(stub, pending)
                left = [request for request in pending if id_of(request) not in self.answered]
                if len(left) == len(pending):
                    self._stop.wait(_PAUSE_S)  # nothing serves just now
                pending = left
            self.unanswered += pending
            self._stop.wait(self._pause_s)

    @property
    def _metadata(self) -> Sequence[tuple[str, str]]:
        return [("authorization", f"Bearer {self._wallet.keys['games']}")]

    def _unary(self, stub: WalletServiceStub, requests: list[Any]) -> None:
        for request in requests:
            call = stub.Bet if isinstance(request, pb.BetRequest) else stub.Win
            try:
                self.answered[id_of(request)] = call(request, metadata=self._metadata, timeout=_DEADLINE_S)
            except grpc.RpcError:
                return  # a win is not sent where its bet has no answer

    def _batch(self, stub: WalletServiceStub, requests: list[Any]) -> None:
        batch = pb.ExecuteBatchRequest(operations=map(operation, requests))
        with suppress(grpc.RpcError):
            self._keep(requests, stub.ExecuteBatch(batch, metadata=self._metadata, timeout=_DEADLINE_S).outcomes)

    def _stream(self, stub: WalletServiceStub, requests: list[Any]) -> None:
        with suppress(grpc.RpcError):  # what came before the break counts
            self._keep(requests, stub.Execute(map(operation, requests), metadata=self._metadata, timeout=_DEADLINE_S))

    def _keep(self, requests: Sequence[Any], outcomes: Iterable[pb.Outcome]) -> None:
        for request, outcome in zip(requests, outcomes, strict=False):
            if outcome.HasField("result"):
                self.answered[id_of(request)] = outcome.result


def nothing_is_lost_or_doubled(load: MixedLoad, wallet: Wallet, installation: Installation) -> None:
    """Assert that what was answered is stored once, the rest by its retry, and that balances are what that makes."""
    answered = list(load.answered)
    assert transactions_stored(installation, "games", *answered) == len(answered)
    for request in load.unanswered:
        again = wallet.games.call(request)
        assert again.status == pb.OPERATION_STATUS_APPLIED
        assert id_of(request) not in load.answered
    everything = [*answered, *map(id_of, load.unanswered)]
    assert len(set(everything)) == len(everything)
    assert transactions_stored(installation, "games", *everything) == len(everything)
    bets = sum(reference.startswith("bet") for reference in everything)
    wins = len(everything) - bets
    total = sum(int(wallet.main(player)) for player in load.players)
    assert total == FUNDS_MINOR * len(load.players) - 2 * bets + wins
