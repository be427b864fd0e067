"""A stream that goes on over broken connections: what was sent and has no answer is sent again on the next one.

What is taken from the caller is kept until its answer is told, and no more of it is taken than answers keep up with.
The wallet answers in the order of the requests, so an answer belongs to the oldest one that has none. Once the caller's
own requests end, by themselves or by what they raise, the stream is half-closed and read to its end.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from typing import Any

import grpc

from wallet.v1 import session_pb2

from .errors import error_of_call, no_answer
from .lines import Lines
from .operations import SessionAnswer, SessionRequest, answer_of, operation
from .waits import FIRST_PATIENCE_S, FIRST_WAIT_S, wait_before_sending_again

_UNANSWERED_MAX = 500


class SilentError(Exception):
    """A stream owed answers, and none came. Stays within this module."""


class SessionStream:
    """The requests of one caller, as one stream after another."""

    def __init__(
        self,
        lines: Lines,
        metadata: Sequence[tuple[str, str]],
        requests: Iterable[SessionRequest],
        *,
        deadline_s: float,
    ) -> None:
        self._lines = lines
        self._metadata = metadata
        self._deadline_s = deadline_s
        self._source = iter(requests)
        self._has_ended = False
        """Whether the caller's requests have."""
        self._fault: Exception | None = None
        """What they raised."""
        self._unanswered: deque[SessionRequest] = deque()
        self._room = asyncio.Semaphore(_UNANSWERED_MAX)
        self._owed_since: float | None = None
        """Since when the wallet has not answered what it was sent, nor taken a stream; a caller who keeps an answer for
        long is not waiting for another one."""

    async def answers(self) -> AsyncGenerator[tuple[SessionRequest, SessionAnswer], None]:
        """Give each request with its answer.

        Raises:
            WalletError: None came until the deadline.
            Exception: What the caller's own requests raised, after the answers to those before.
        """
        wait_s, patience_s = FIRST_WAIT_S, FIRST_PATIENCE_S
        while True:
            self._lines.check_open()
            line = self._lines.current
            call = line.sessions.Execute(metadata=self._metadata)
            writing = asyncio.create_task(self._write(call))
            error = no_answer("the stream ended early")
            cause: Exception | None = None
            try:
                async for outcome in self._outcomes(call, patience_s):
                    wait_s, patience_s = FIRST_WAIT_S, FIRST_PATIENCE_S
                    request = self._unanswered.popleft()
                    self._room.release()
                    yield request, answer_of(request, outcome)
                    self._owed_since = time.monotonic() if self._unanswered else None
            except grpc.aio.AioRpcError as failed:
                error, cause = error_of_call(failed), failed
            except SilentError as failed:
                error, cause = no_answer(str(failed)), failed
                self._lines.doubt(line)
                patience_s *= 2
            finally:
                call.cancel()
                writing.cancel()
                await asyncio.wait({writing})
            if self._has_ended and not self._unanswered and (cause is None or error.retryable):
                break
            if not error.retryable or self._lines.is_closed or self._left_s() < wait_s + error.retry_after_s:
                raise error from self._fault or cause
            wait_s = await wait_before_sending_again(wait_s, at_least_s=error.retry_after_s)
        if self._fault is not None:
            raise self._fault

    def _left_s(self) -> float:
        if self._owed_since is None:
            self._owed_since = time.monotonic()
        return self._owed_since + self._deadline_s - time.monotonic()

    async def _write(self, call: Any) -> None:
        """Write what has no answer yet, then go on with the caller's; read no further than answers keep up."""
        try:
            for request in tuple(self._unanswered):
                await call.write(operation(request))
            while not self._has_ended:
                await self._room.acquire()
                taken = self._take()
                if taken is None:
                    self._room.release()
                else:
                    await call.write(taken)
            await call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the call is over, and tells its reader why

    def _take(self) -> session_pb2.SessionOperation | None:
        """Take the caller's next request, once there is room: what is taken is never lost to a cancellation."""
        taken = None
        began = time.monotonic()
        try:
            request = next(self._source)
            taken = operation(request)
            self._unanswered.append(request)
        except StopIteration:
            self._has_ended = True
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is the caller's, who gets it back
            self._has_ended, self._fault = True, fault
        now = time.monotonic()
        if self._owed_since is not None:
            self._owed_since += now - began  # the wallet had no turn
        elif self._unanswered:
            self._owed_since = now
        return taken

    async def _outcomes(self, call: Any, patience_s: float) -> AsyncIterator[session_pb2.SessionOutcome]:
        """Read the outcomes of one stream, as long as there are requests that they belong to.

        Raises:
            SilentError: It owed some for as long as this, and none came; or its connection was given up.
            grpc.aio.AioRpcError: It broke.
        """
        while True:
            reading = asyncio.ensure_future(call.read())
            try:
                while not reading.done():
                    was_owed = bool(self._unanswered)
                    waits_s = max(0.001, min(patience_s, self._left_s())) if was_owed else patience_s
                    await asyncio.wait({reading}, timeout=waits_s)
                    if was_owed and not reading.done():
                        raise SilentError(f"no answer within {waits_s:.3g} s")
                if reading.cancelled():  # not by its reader, whose own cancellation ends the wait above
                    raise SilentError("the connection was given up")
                outcome = reading.result()
            finally:
                reading.cancel()
            if outcome is grpc.aio.EOF:
                return
            if not self._unanswered:
                raise SilentError("the wallet answered what was not asked")
            yield outcome
