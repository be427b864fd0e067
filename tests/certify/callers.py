"""Sample callers for `wallet certify`: a good one, and those that each break a rule."""

import asyncio
import csv
import itertools
import os
import sys
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from wallet.v1 import wallet_pb2 as pb
from wallet.v1 import wallet_pb2_grpc

_DEADLINE_S = 1.0
_TRIES_MAX = 4
TRIES_TO_THE_END_MAX = 20
_PAUSE_S = 0.02
STAKE_MINOR, WIN_MINOR = 10, 7
Row = tuple[str, str, int, str]
"""Of the books: transaction_id, kind, amount_minor, session_token."""


class UnansweredError(Exception):
    """Nobody knows what became of it."""


class RefusedError(Exception):
    """It was refused, and nothing moved."""


class GoodCaller:
    """Plays rounds of a bet and a win, one after the other, and keeps books."""

    rounds = 12
    tries_max = _TRIES_MAX
    deadline_s: float | None = _DEADLINE_S

    def __init__(self, address: str, *, key: str, player_id: int, name: str) -> None:
        self.channel = grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        self.stub: Any = wallet_pb2_grpc.WalletServiceStub(self.channel)
        self.metadata = [("authorization", f"Bearer {key}")]
        self.whose: dict[str, Any] = {"player_id": player_id, "currency_network_id": 1}
        self.name = f"{name}-{os.urandom(4).hex()}"
        self.numbers = itertools.count(1)
        self.books: list[Row] = []

    async def play(self) -> None:
        """Play to the end, and hang up."""
        async with self.channel:
            await self.play_rounds()

    async def play_rounds(self) -> None:
        for number in range(self.rounds):
            await self.round(number)

    async def round(self, number: int) -> None:
        bet = self.new_bet(number)
        if not await self.bet(bet):
            return
        win = self.new_win(bet)
        await self.send(self.stub.Win, win, tries_max=TRIES_TO_THE_END_MAX)
        self.book(win.transaction_id, "win", WIN_MINOR)

    def new_bet(self, number: int) -> Any:
        return pb.BetRequest(
            transaction_id=self.new_id(),
            amount_minor=str(STAKE_MINOR),
            game_code="certify",
            round_id=f"{self.name}-{number}",
            **self.whose,
        )

    def new_win(self, bet: Any) -> Any:
        return pb.WinRequest(
            transaction_id=self.new_id(),
            reference_transaction_id=bet.transaction_id,
            amount_minor=str(WIN_MINOR),
            win_kind=pb.WIN_KIND_REGULAR,
            round_closed=True,
            game_code=bet.game_code,
            round_id=bet.round_id,
            **self.whose,
        )

    def new_rollback(self, bet: Any) -> Any:
        return pb.RollbackRequest(reference_transaction_id=bet.transaction_id, **self.whose)

    async def bet(self, bet: Any) -> bool:
        """Take a stake; gives whether it stands."""
        try:
            await self.send(self.stub.Bet, bet, tries_max=self.tries_max)
        except RefusedError:
            return False
        except UnansweredError:
            await self.give_up(bet)
            return False
        self.book(bet.transaction_id, "bet", STAKE_MINOR)
        return True

    async def give_up(self, bet: Any) -> None:
        await self.send(self.stub.Rollback, self.new_rollback(bet), tries_max=TRIES_TO_THE_END_MAX)

    async def send(self, method: Any, request: Any, *, tries_max: int) -> Any:
        """Send a request until it is answered, at most so many times."""
        for _ in range(tries_max):
            try:
                return await method(request, metadata=self.metadata, timeout=self.deadline_s)
            except grpc.aio.AioRpcError as error:
                info, again = details_of(error)
                if info.metadata.get("retry", "SAME_REQUEST") != "SAME_REQUEST":
                    raise RefusedError(info.reason) from error
                request = self.again(request)
                await asyncio.sleep(self.pause_s(again.retry_delay.ToMilliseconds() / 1000))
        raise UnansweredError

    def again(self, request: Any) -> Any:
        """Give what is sent after a try that had no answer."""
        return request

    def pause_s(self, asked_s: float) -> float:
        return asked_s + _PAUSE_S

    def book(self, transaction_id: str, kind: str, amount_minor: int) -> None:
        self.books.append((transaction_id, kind, amount_minor, self.whose.get("session_token", "")))

    def new_id(self) -> str:
        return f"{self.name}-t{next(self.numbers)}"


class NewIdOnRetry(GoodCaller):
    """Takes a new id for each try."""

    def again(self, request: Any) -> Any:
        changed = type(request)()
        changed.CopyFrom(request)
        changed.transaction_id = self.new_id()
        return changed


class WinWithoutBet(GoodCaller):
    """Pays a win whatever became of the bet."""

    async def bet(self, bet: Any) -> bool:
        await super().bet(bet)
        return True

    async def send(self, method: Any, request: Any, *, tries_max: int) -> Any:
        try:
            return await super().send(method, request, tries_max=tries_max)
        except RefusedError:
            if isinstance(request, pb.WinRequest):
                return None
            raise


class LostRollback(GoodCaller):
    """Gives bets up, and rolls none back."""

    async def give_up(self, bet: Any) -> None:
        """Hope that it was not applied."""


class RollbackSentOnce(GoodCaller):
    """Rolls back what it gives up, and does not look whether that was answered."""

    async def give_up(self, bet: Any) -> None:
        try:
            await self.send(self.stub.Rollback, self.new_rollback(bet), tries_max=1)
        except UnansweredError:
            return


class BooksTwice(GoodCaller):
    """Books a bet for each answer it hopes for: when it sends it, and again where it had to send it again."""

    def again(self, request: Any) -> Any:
        if isinstance(request, pb.WinRequest):
            self.book(request.transaction_id, "win", WIN_MINOR)
        return request


class OneIdForTwo(GoodCaller):
    """Counts its ids anew in each round."""

    def new_id(self) -> str:
        return f"{self.name}-t{next(self.numbers) % 8}"

    async def send(self, method: Any, request: Any, *, tries_max: int) -> Any:
        try:
            return await super().send(method, request, tries_max=tries_max)
        except RefusedError:
            if isinstance(request, pb.BetRequest):
                raise
            return None


class Impatient(GoodCaller):
    """Comes again at once, whatever it is told."""

    tries_max = 60

    def pause_s(self, asked_s: float) -> float:
        return min(asked_s, _PAUSE_S)


class BetsOn(GoodCaller):
    """Goes on betting in the round that it was told is closed."""

    async def bet(self, bet: Any) -> bool:
        if await super().bet(bet):
            return True
        bet.transaction_id = self.new_id()
        return await super().bet(bet)


class Insists(GoodCaller):
    """Asks again and again for a stake that the player does not have."""

    async def play_rounds(self) -> None:
        await super().play_rounds()
        bet = self.new_bet(self.rounds)
        bet.amount_minor = str(10**30)
        for _ in range(5):
            await self.bet(bet)


class WithoutDeadline(GoodCaller):
    """Waits for ever."""

    rounds = 1
    deadline_s = None


def details_of(error: grpc.aio.AioRpcError) -> tuple[error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo]:
    info, again = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    for detail in status.details if status is not None else ():
        _ = detail.Unpack(info) or detail.Unpack(again)
    return info, again


def write_books(books: list[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["transaction_id", "kind", "amount_minor", "session_token"])
        writer.writerows(books)


async def main() -> None:
    """Play as `wallet certify` asks for: under the key and as the player of the arguments."""
    address, key, player_id = os.environ["WALLET_CERTIFY_ADDRESS"], sys.argv[1], int(sys.argv[2])
    caller = GoodCaller(address, key=key, player_id=player_id, name="command")
    await caller.play()
    write_books(caller.books, Path(os.environ["WALLET_CERTIFY_BOOKS"]))


if __name__ == "__main__":
    asyncio.run(main())
