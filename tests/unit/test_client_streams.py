"""The client's stream: whatever ends it, by whomever, everything has an answer or the caller hears why not.

The server is one that answers as it is told; a wallet that hangs is found by the time limit of each test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from support.scripted import client_of, serving

from wallet.v1 import session_pb2 as pb
from wallet.v1 import session_pb2_grpc
from wallet_client import BlockingWalletClient, WalletError, stream

pytestmark = pytest.mark.timeout(60)

Step = Callable[[Any], Any]


def bet(name: str) -> pb.SessionBetRequest:
    return pb.SessionBetRequest(session_token="t", transaction_id=name, amount_minor="1", round_id="r")


class Answering(session_pb2_grpc.LedgerSessionServiceServicer):
    """Answers each operation of a stream, but for what befalls each stream in turn after so many answers."""

    def __init__(self, *befalls: tuple[int, Step]) -> None:
        self._befalls = list(befalls)
        self.came: list[str] = []
        self.streams = 0

    async def Execute(  # noqa: N802 - the proto's name
        self, operations: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[pb.SessionOutcome]:
        self.streams += 1
        left, step = self._befalls.pop(0) if self._befalls else (-1, breaks)
        async for operation in operations:
            self.came.append(operation.bet.transaction_id)
            if left == 0:
                break
            left -= 1
            yield pb.SessionOutcome(result=pb.SessionResult(transaction_id=operation.bet.transaction_id))
        if left == 0:
            await step(context)


async def breaks(context: Any) -> None:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the stream breaks")


async def ends(_context: Any) -> None:
    """Ends the stream as if all were well."""


class OwnError(Exception):
    """What the caller's own code raises."""


def two_then(fault: Exception) -> Iterator[Any]:
    yield bet("1")
    yield bet("2")
    raise fault


@pytest.mark.parametrize(
    ("befalls", "streams"), [((), 1), (((0, breaks),), 2), (((1, ends),), 2)], ids=["whole", "broken", "ended early"]
)
async def test_what_the_requests_raise_is_raised_after_the_answers_to_those_before(
    befalls: tuple[tuple[int, Step], ...], streams: int
) -> None:
    server, fault = Answering(*befalls), OwnError("no more")
    async with client_of(server) as client:
        told = client.stream(two_then(fault))
        assert [(await anext(told))[0] for _ in range(2)] == [bet("1"), bet("2")]
        with pytest.raises(OwnError) as raised:
            await anext(told)
    assert raised.value is fault
    assert server.streams == streams


async def test_what_is_no_request_is_told_and_nothing_of_a_batch_is_sent_then() -> None:
    wrong: Any = [bet("1"), "a bet", bet("2")]
    async with client_of(Answering()) as client:
        told = client.stream(wrong)
        assert (await anext(told))[0] == bet("1")
        with pytest.raises(TypeError, match="str"):
            await anext(told)
        with pytest.raises(TypeError, match="str"):
            await client.batch(wrong)


async def test_without_asyncio_what_the_requests_raise_is_raised_as_well() -> None:
    async with serving(Answering()) as address:

        def played() -> None:
            with BlockingWalletClient(address, key="sk_test_x") as client:
                _ = list(client.stream(two_then(OwnError())))

        with pytest.raises(OwnError):
            await asyncio.to_thread(played)


async def test_requests_that_wait_for_the_client_that_sends_them_are_refused() -> None:
    async with serving(Answering()) as address:

        def played() -> None:
            with BlockingWalletClient(address, key="sk_test_x") as client:
                _ = list(client.stream(client.play(bet(name)) for name in ("1", "2")))

        with pytest.raises(RuntimeError, match="cannot wait"):
            await asyncio.to_thread(played)


async def test_a_stream_that_ends_early_goes_on_in_another_one() -> None:
    server = Answering((1, ends), (0, ends))
    async with client_of(server) as client:
        told = [request.transaction_id async for request, _ in client.stream(map(bet, "123"))]  # type: ignore[union-attr]
    assert told == ["1", "2", "3"]
    assert server.streams == 3


async def test_a_stream_that_breaks_after_its_last_answer_has_ended() -> None:
    server = Answering((2, breaks))
    async with client_of(server) as client:
        told = [request async for request, _ in client.stream([bet("1"), bet("2")])]
    assert told == [bet("1"), bet("2")]
    assert server.streams == 1


class Clock(SimpleNamespace):
    """The stream's clock, which can be put forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._real, self._ahead_s = stream.time.monotonic, 0.0
        monkeypatch.setattr(stream, "time", self)

    def monotonic(self) -> float:
        return self._real() + self._ahead_s

    def pass_a_minute(self) -> None:
        self._ahead_s += 60


async def test_the_time_of_who_takes_the_answers_is_not_the_wallets(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    server, told = Answering((1, breaks)), []
    async with client_of(server, deadline_s=20) as client:
        async for request, _ in client.stream(map(bet, "12")):
            told.append(request.transaction_id)  # type: ignore[union-attr]
            clock.pass_a_minute()
    assert told == ["1", "2"]
    assert server.streams == 2


async def test_the_time_of_who_gives_the_requests_is_not_the_wallets(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    server = Answering((0, breaks))

    def slow() -> Iterator[Any]:
        for name in "123":
            yield bet(name)
            clock.pass_a_minute()

    async with client_of(server, deadline_s=20) as client:
        told = [request async for request, _ in client.stream(slow())]
    assert len(told) == 3


async def test_a_stream_that_stays_broken_is_told_with_what_the_requests_raised() -> None:
    server, fault = Answering(*[(0, breaks)] * 100), OwnError()
    async with client_of(server, deadline_s=1) as client:
        with pytest.raises(WalletError) as failed:
            _ = [answer async for _, answer in client.stream(two_then(fault))]
    assert failed.value.retry == "SAME_REQUEST"
    assert failed.value.__cause__ is fault
