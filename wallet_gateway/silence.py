"""Connections that say nothing: they are ended after a while, since each takes one of the places that there are.

granian has no bound of time before it can tell HTTP/1.1 from HTTP/2, which may take as many bytes as HTTP/2 begins
with; afterwards its own bounds count. It keeps connections to itself, but they are this process's, and Linux tells of
each how many bytes have come. One that is shut down here ends there as if its peer had gone. Its time runs from when it
was first seen, not from its last byte, or a byte now and then would hold a place for ever so long.

Silent connections may use up all file descriptors, and just then they must be ended. So a round opens none: it has
what it needs from the beginning. A connection is looked at, and shut down, by a duplicate of its descriptor: granian's
threads may close theirs at any moment, and its number be another connection's. The duplicate takes the place of
`/dev/null` at a number of our own (dup2), which needs no free one.

Over TLS a handshake has more bytes than that, so only what says nothing at all is ended.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
import time
from contextlib import suppress
from typing import NoReturn

import structlog

_FIRST_BYTES = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
_LOOKS = 10
"""How often one looks in the time that a connection has."""
_LOOKS_EACH_S_MAX = 5.0
_A_TURN = 50
"""How many descriptors are looked at before others of the loop have their turn: half a millisecond's work."""
_ESTABLISHED = 1
_TCP_INFO = struct.Struct("=B127xQ")
"""Of Linux's `struct tcp_info`: the state, and how many bytes have come."""
_STATUS_BYTES_MAX = 16 * 1024
_HIGHEST = b"\nFDSize:"
"""The line of Linux's `status` that tells how many descriptors there is room for: no number is above it."""

_log = structlog.get_logger(__name__)


class SilentConnections:
    """This process's connections to a port that have not begun yet, and since when each is known."""

    def __init__(self, port: int, within_s: float) -> None:
        """Open what a round needs, which stays open."""
        self._port = port
        self._within_s = within_s
        self._nothing = os.open(os.devnull, os.O_RDONLY)
        self._ours = os.open(os.devnull, os.O_RDONLY)
        self._status = os.open("/proc/self/status", os.O_RDONLY)
        self._first_seen_s: dict[int, float] = {}
        """By the socket's inode."""
        self._failures: set[tuple[type[Exception], int | None]] = set()

    async def end(self) -> NoReturn:
        """End those whose time is over, until cancelled. A kind of failure is told once, or it would fill the log."""
        while True:
            await asyncio.sleep(min(self._within_s / _LOOKS, _LOOKS_EACH_S_MAX))
            try:
                await self.end_once()
            except Exception as error:  # noqa: BLE001 - one round that fails is no reason to look no more
                kind = (type(error), getattr(error, "errno", None))
                if kind not in self._failures:
                    self._failures.add(kind)
                    _log.error("silent_connections_not_ended", hint="tried again, and not told again", exc_info=error)

    async def end_once(self) -> None:
        """Look at each connection once, and forget those that have gone or begun."""
        now_s = time.monotonic()
        seen: dict[int, float] = {}
        for number in range(self._numbers()):
            with suppress(OSError):  # there is none of this number, or it ends just now
                if number != self._ours and stat.S_ISSOCK(os.fstat(number).st_mode):
                    self._look_at(number, now_s, seen)
            if number % _A_TURN == 0:
                await asyncio.sleep(0)
        self._first_seen_s = seen

    def close(self) -> None:
        """Close what a round needs; there is none afterwards."""
        for descriptor in (self._nothing, self._ours, self._status):
            os.close(descriptor)

    def _numbers(self) -> int:
        """Give what is above all numbers of descriptors."""
        status = os.pread(self._status, _STATUS_BYTES_MAX, 0)
        return int(status.partition(_HIGHEST)[2].split(maxsplit=1)[0])

    def _look_at(self, number: int, now_s: float, seen: dict[int, float]) -> None:
        os.dup2(number, self._ours, inheritable=False)
        try:
            connection = socket.socket(fileno=self._ours)
            try:
                if self._has_not_begun(connection):
                    inode = os.fstat(self._ours).st_ino
                    since_s = seen[inode] = self._first_seen_s.get(inode, now_s)
                    if now_s - since_s >= self._within_s:
                        connection.shutdown(socket.SHUT_RDWR)
            finally:
                connection.detach()  # the number stays ours
        finally:
            os.dup2(self._nothing, self._ours, inheritable=False)  # or we would hold open what granian closes

    def _has_not_begun(self, connection: socket.socket) -> bool:
        if connection.family not in {socket.AF_INET, socket.AF_INET6} or connection.getsockname()[1] != self._port:
            return False
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        if len(told) < _TCP_INFO.size:
            return False
        state, bytes_received = _TCP_INFO.unpack(told)
        return bool(state == _ESTABLISHED and bytes_received < _FIRST_BYTES)
