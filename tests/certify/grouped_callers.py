"""Sample callers for `wallet certify` that send their operations in batches, or in streams."""

import asyncio
import contextlib
from typing import Any

import grpc
from certify.callers import (
    STAKE_MINOR,
    TRIES_TO_THE_END_MAX,
    WIN_MINOR,
    GoodCaller,
    Impatient,
    NewIdOnRetry,
    RefusedError,
    details_of,
)
from google.rpc import error_details_pb2, status_pb2

from wallet.v1 import wallet_pb2 as pb


class BatchCaller(GoodCaller):
    """Plays the bets of several rounds in one batch, and then their wins."""

    waves = 8
    side_by_side = 5

    async def play_rounds(self) -> None:
        for wave in range(self.waves):
            await self.wave([self.new_bet(wave * self.side_by_side + place) for place in range(self.side_by_side)])

    async def wave(self, bets: list[Any]) -> None:
        stands = await self.send_all(bets, tries_max=self.tries_max)
        for bet in (bet for bet in bets if stands.get(bet.transaction_id)):
            self.book(bet.transaction_id, "bet", STAKE_MINOR)
        await self.give_up_all([bet for bet in bets if bet.transaction_id not in stands])
        wins = [self.new_win(bet) for bet in bets if stands.get(bet.transaction_id)]
        done = await self.send_all(wins, tries_max=TRIES_TO_THE_END_MAX)
        for win in (win for win in wins if done.get(win.transaction_id)):
            self.book(win.transaction_id, "win", WIN_MINOR)

    async def give_up_all(self, bets: list[Any]) -> None:
        await self.send_all([self.new_rollback(bet) for bet in bets], tries_max=TRIES_TO_THE_END_MAX)

    async def send_all(self, requests: list[Any], *, tries_max: int) -> dict[str, bool]:
        """Send requests until each is answered, at most so many times; gives whether each was done, by its id."""
        answered: dict[str, bool] = {}
        waiting = requests
        for _ in range(tries_max):
            if not waiting:
                break
            outcomes, asked_s = await self.ask_all(waiting)
            unanswered = waiting[len(outcomes) :]
            for request, outcome in zip(waiting, outcomes, strict=False):
                if outcome.HasField("result"):
                    answered[request.transaction_id] = True
                elif retry_of(outcome.error) == "SAME_REQUEST":
                    unanswered.append(request)
                else:
                    answered[request.transaction_id] = False
            waiting = [self.again(request) for request in unanswered]
            await asyncio.sleep(self.pause_s(asked_s))
        return answered

    async def ask_all(self, requests: list[Any]) -> tuple[list[pb.Outcome], float]:
        """Send requests once; gives an outcome of each, or none, and after how many seconds to come again."""
        batch = pb.ExecuteBatchRequest(operations=map(operation_of, requests))
        try:
            answer = await self.stub.ExecuteBatch(batch, metadata=self.metadata, timeout=self.deadline_s)
        except grpc.aio.AioRpcError as error:
            info, again = details_of(error)
            if info.metadata.get("retry", "SAME_REQUEST") != "SAME_REQUEST":
                raise RefusedError(info.reason) from error
            return [], again.retry_delay.ToMilliseconds() / 1000
        return list(answer.outcomes), 0.0


class NewIdsForABatch(BatchCaller):
    """Takes new ids for a batch that had no answer."""

    waves = 2
    again = NewIdOnRetry.again


class LooksAtNoOutcome(BatchCaller):
    """Takes a batch that was answered for one whose operations were all done."""

    async def ask_all(self, requests: list[Any]) -> tuple[list[pb.Outcome], float]:
        outcomes, asked_s = await super().ask_all(requests)
        return [pb.Outcome(result=pb.OperationResult()) for _ in outcomes], asked_s


class ImpatientForABatch(BatchCaller):
    """Sends a batch again at once, whatever it is told."""

    pause_s = Impatient.pause_s


class StreamCaller(BatchCaller):
    """Plays several rounds at a time in a stream, each win right behind its bet."""

    async def wave(self, bets: list[Any]) -> None:
        wins = [self.new_win(bet) for bet in bets]
        sent = [request for pair in zip(bets, wins, strict=True) for request in pair]
        done = await self.send_all(sent, tries_max=TRIES_TO_THE_END_MAX)
        for bet, win in zip(bets, wins, strict=True):
            for request, kind, amount_minor in ((bet, "bet", STAKE_MINOR), (win, "win", WIN_MINOR)):
                if done.get(request.transaction_id):
                    self.book(request.transaction_id, kind, amount_minor)

    async def ask_all(self, requests: list[Any]) -> tuple[list[pb.Outcome], float]:
        call = self.stub.Execute(metadata=self.metadata)
        outcomes: list[pb.Outcome] = []
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # it broke
            for request in requests:
                await call.write(operation_of(request))
            await call.done_writing()
            while (outcome := await call.read()) is not grpc.aio.EOF:
                outcomes.append(outcome)
        return outcomes, 0.0


class ForgetsABrokenStream(StreamCaller):
    """Goes on with the next rounds where a stream broke."""

    async def send_all(self, requests: list[Any], *, tries_max: int) -> dict[str, bool]:
        return await super().send_all(requests, tries_max=min(tries_max, 1))


def operation_of(request: Any) -> pb.Operation:
    match request:
        case pb.BetRequest():
            return pb.Operation(bet=request)
        case pb.WinRequest():
            return pb.Operation(win=request)
        case _:
            return pb.Operation(rollback=request)


def retry_of(status: status_pb2.Status) -> str:
    info = error_details_pb2.ErrorInfo()
    packed: Any = status.details
    any(detail.Unpack(info) for detail in packed)
    return info.metadata.get("retry", "SAME_REQUEST")
