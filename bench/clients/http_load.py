"""A load of HTTP requests on connections that stay open, from this very process: what it costs is small, alike for all.

Requests are bytes that were built before; of an answer only its status and its length are looked at.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import cast

import uvloop

_OK = b"HTTP/1.1 200"
_LENGTH = b"content-length: "
_END_OF_HEAD = b"\r\n\r\n"


class HttpFailedError(Exception):
    """A request was not answered with 200."""


@dataclass(slots=True, kw_only=True)
class HttpOutcome:
    """What was answered within the window."""

    window_s: float
    latencies_s: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        """Answers per second."""
        return len(self.latencies_s) / self.window_s

    def percentile_ms(self, percent: float) -> float:
        """Return the latency that so many of a hundred requests were below, in ms."""
        ordered = sorted(self.latencies_s)
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] * 1000


def request(path: str, cookie: str = "") -> bytes:
    """Write a GET request."""
    lines = [f"GET {path} HTTP/1.1", "host: 127.0.0.1", "accept: application/json"]
    if cookie:
        lines.append(f"cookie: {cookie}")
    return "\r\n".join([*lines, "", ""]).encode()


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answered: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(HttpFailedError(f"the connection was closed: {exc}"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(_END_OF_HEAD)
        if head < 0:
            return
        begin = self._buffer.find(_LENGTH) + len(_LENGTH)
        length = int(self._buffer[begin : self._buffer.find(b"\r", begin)])
        whole = head + len(_END_OF_HEAD) + length
        if len(self._buffer) >= whole and self._answered is not None:
            answer = bytes(self._buffer[:whole])
            del self._buffer[:whole]
            self._answered.set_result(answer)

    async def ask(self, sent: bytes) -> bytes:
        """Send a request and return the body of its answer."""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(sent)
        answer = await self._answered
        if not answer.startswith(_OK):
            raise HttpFailedError(answer[:500].decode(errors="replace"))
        return answer[answer.find(_END_OF_HEAD) + len(_END_OF_HEAD) :]

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def run_http_load(
    address: str,
    requests: Sequence[bytes],
    *,
    connections: int,
    warm_up_s: float,
    window_s: float,
    per_s: float | None = None,
) -> HttpOutcome:
    """Send the requests round and round; at a fixed pace over all connections, if one is given.

    Under pace a latency counts from the time at which the request was to be sent.

    Raises:
        HttpFailedError: Something else than 200 was answered.
    """
    load = _Load(address, requests, connections=connections, per_s=per_s)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(load.run(warm_up_s, window_s))


def ask_in_turn(address: str, requests: Sequence[bytes]) -> list[tuple[bytes, float]]:
    """Send requests one after the other; their bodies, and how long each took in seconds."""

    async def ask() -> list[tuple[bytes, float]]:
        connection = await _connect(address)
        answers = []
        for sent in requests:
            began = time.perf_counter()
            body = await connection.ask(sent)
            answers.append((body, time.perf_counter() - began))
        connection.close()
        return answers

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(ask())


class _Load:
    def __init__(self, address: str, requests: Sequence[bytes], *, connections: int, per_s: float | None) -> None:
        self._address = address
        self._requests = cycle(requests)
        self._connections = connections
        self._interval_s = None if per_s is None else connections / per_s
        self._opens_at = self._closes_at = 0.0
        self._latencies_s: list[float] = []

    async def run(self, warm_up_s: float, window_s: float) -> HttpOutcome:
        connected = [await _connect(self._address) for _ in range(self._connections)]
        begins_at = time.perf_counter()
        self._opens_at = begins_at + warm_up_s
        self._closes_at = self._opens_at + window_s
        await asyncio.gather(
            *(self._send(connection, begins_at, number) for number, connection in enumerate(connected))
        )
        for connection in connected:
            connection.close()
        return HttpOutcome(window_s=window_s, latencies_s=self._latencies_s)

    async def _send(self, connection: _Connection, begins_at: float, number: int) -> None:
        interval_s = self._interval_s
        due = begins_at if interval_s is None else begins_at + interval_s * number / self._connections
        while True:
            now = time.perf_counter()
            if interval_s is None:
                due = now
            elif due > now:
                await asyncio.sleep(due - now)
            if due >= self._closes_at:
                return
            await connection.ask(next(self._requests))
            now = time.perf_counter()
            if self._opens_at <= now < self._closes_at:
                self._latencies_s.append(now - due)
            if interval_s is not None:
                due += interval_s


async def _connect(address: str) -> _Connection:
    host, _, port = address.rpartition(":")
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, host, int(port))
    return connection
