"""Connections that say nothing: they are ended after a while, since each takes one of the places that there are.

granian has no bound of time before it can tell HTTP/1.1 from HTTP/2, which may take as many bytes as HTTP/2 begins
with; afterwards its own bounds count. It keeps connections to itself, but they are this process's, and Linux tells of
each how many bytes have come and when the last one did. One that is shut down here ends there as if its peer had gone.

Over TLS a handshake has more bytes than that, so only what says nothing at all is ended.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_FIRST_BYTES = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
_LOOKS = 10
"""How often one looks in the time that a connection has."""
_LOOKS_EACH_S_MAX = 5.0
_A_TURN = 50
"""How many are looked at before others of the loop have their turn: half a millisecond's work."""
_ESTABLISHED = 1
_TCP_INFO = struct.Struct("=B51xI72xQ")
"""Of Linux's `struct tcp_info`: the state, how long ago the last byte came, in ms, and how many have come."""
_MS_PER_S = 1_000


async def end_silent(port: int, within_s: float) -> None:
    """End connections to this process's port that have said nothing for so long, until it is cancelled."""
    while True:
        await asyncio.sleep(min(within_s / _LOOKS, _LOOKS_EACH_S_MAX))
        for looked, connection in enumerate(_connections(port), start=1):
            with connection, suppress(OSError):  # it may have ended meanwhile
                if _is_silent(connection, within_s):
                    connection.shutdown(socket.SHUT_RDWR)
            if looked % _A_TURN == 0:
                await asyncio.sleep(0)


def _connections(port: int) -> Iterator[socket.socket]:
    """Give this process's sockets of a port, each as one of our own: theirs may be closed and its number used again."""
    for path in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):  # it was closed since they were listed
            number = os.dup(int(path.name))
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                os.close(number)
                continue
            connection = socket.socket(fileno=number)
            if connection.family in {socket.AF_INET, socket.AF_INET6} and connection.getsockname()[1] == port:
                yield connection
            else:
                connection.close()


def _is_silent(connection: socket.socket, within_s: float) -> bool:
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    if len(told) < _TCP_INFO.size:
        return False
    state, last_ms_ago, bytes_received = _TCP_INFO.unpack(told)
    return bool(state == _ESTABLISHED and bytes_received < _FIRST_BYTES and last_ms_ago >= within_s * _MS_PER_S)
