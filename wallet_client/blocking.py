"""The client for programs without asyncio: the same calls, which block until there is an answer.

    with BlockingWalletClient("wallet:50051", key="sk_test_...") as wallet:
        opened = wallet.ledger.open_session(user_id=42, game_code="momentum", currency="USDC", lock_amount=50_000_000)

There is one client and one set of rules: `WalletClient` works in a loop of its own thread. Any number of threads may
share it. Use one for each process, made after a fork.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import grpc

from .client import WalletClient
from .errors import WalletError, no_answer
from .ledger import StudioLedger
from .operations import SessionAnswer, SessionRequest

P = ParamSpec("P")
Answer = TypeVar("Answer")
_LOOP_ENDS_WITHIN_S = 5.0


class _Loop:
    """A loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wallet-client", daemon=True)
        self._thread.start()
        self._asking = threading.Lock()
        self.is_closed = False

    def wait_for(self, asked: Coroutine[Any, Any, Answer]) -> Answer:
        """Have something done there; gives what it gives, and raises what it raises.

        Raises:
            WalletError: The client was closed before it was done.
            RuntimeError: It is asked from there, where nobody can wait for it.
        """
        with self._asking:
            if self.is_closed or threading.current_thread() is self._thread:
                asked.close()
                if self.is_closed:
                    raise _closed()
                raise RuntimeError("the requests of a stream cannot wait for calls of the client that sends them")
            doing = asyncio.run_coroutine_threadsafe(asked, self._loop)
        try:
            return doing.result()
        except concurrent.futures.CancelledError:
            raise _closed() from None
        except BaseException:  # a Ctrl-C while it waits
            doing.cancel()
            raise

    def blocking(self, method: Callable[P, Coroutine[Any, Any, Answer]]) -> Callable[P, Answer]:
        """Give a method that waits for its answer."""

        def call(*args: P.args, **kwargs: P.kwargs) -> Answer:
            return self.wait_for(method(*args, **kwargs))

        return call

    def close(self) -> None:
        """Give up what is under way, so that nobody waits for it for ever, and end the thread."""
        with self._asking:
            if self.is_closed:
                return
            self.is_closed = True
            ending = asyncio.run_coroutine_threadsafe(self._give_up(), self._loop)
        with contextlib.suppress(TimeoutError):
            ending.result(_LOOP_ENDS_WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LOOP_ENDS_WITHIN_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def _give_up(self) -> None:
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._loop.shutdown_asyncgens()


def _closed() -> WalletError:
    return no_answer("the client was closed", grpc.StatusCode.CANCELLED)


class BlockingLedger:
    """`StudioLedger`, whose calls block."""

    def __init__(self, ledger: StudioLedger, loop: _Loop) -> None:
        self.open_session = loop.blocking(ledger.open_session)
        self.bet = loop.blocking(ledger.bet)
        self.win = loop.blocking(ledger.win)
        self.rollback = loop.blocking(ledger.rollback)
        self.balance = loop.blocking(ledger.balance)
        self.settle_session = loop.blocking(ledger.settle_session)


class BlockingWalletClient:
    """`WalletClient`, whose calls block. Use it as a context, or close it."""

    def __init__(
        self,
        address: str,
        *,
        key: str,
        deadline_s: float = 10.0,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Connect at the first call; see `WalletClient`."""
        self._loop = _Loop()

        async def made() -> WalletClient:
            return WalletClient(address, key=key, deadline_s=deadline_s, credentials=credentials)

        self._client = client = self._loop.wait_for(made())
        self.ledger = BlockingLedger(client.ledger, self._loop)
        self.bet = self._loop.blocking(client.bet)
        self.win = self._loop.blocking(client.win)
        self.rollback = self._loop.blocking(client.rollback)
        self.available_minor = self._loop.blocking(client.available_minor)
        self.play = self._loop.blocking(client.play)
        self.batch = self._loop.blocking(client.batch)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up, and end the thread; calls that other threads wait for end with a `WalletError`."""
        if not self._loop.is_closed:
            self._loop.wait_for(self._client.close())
            self._loop.close()

    def stream(self, requests: Iterable[SessionRequest]) -> Iterator[tuple[SessionRequest, SessionAnswer]]:
        """Send session requests as fast as the wallet reads them; see `WalletClient.stream`.

        The requests are taken in the client's own thread, so they must not wait for anything.
        """
        answers = self._client.stream(requests)
        turn = asyncio.Lock()

        async def following() -> tuple[SessionRequest, SessionAnswer] | None:
            async with turn:
                return await anext(answers, None)

        async def end() -> None:
            async with turn:  # after a Ctrl-C the last one may still be on its way out
                await answers.aclose()

        try:
            while (answer := self._loop.wait_for(following())) is not None:
                yield answer
        finally:
            if not self._loop.is_closed:
                self._loop.wait_for(end())
