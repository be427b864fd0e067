"""What is said on a lane's connection, driven by its socket: no task, and no registering with the loop for each answer.

psycopg registers a connection's socket with the event loop for each wait and takes it out again, in several system
calls. A lane waits on the same two sockets all the time, so here they stay registered from one wait to the next.
"""

from __future__ import annotations

import asyncio
import select
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import ConnStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import READY_NONE, READY_R, READY_W, WAIT_W, Ready, Wait

Result = TypeVar("Result")


class Dialogue:
    """The talks on one connection, one at a time. A talk that fails costs the connection."""

    def __init__(self, pgconn: PGconn) -> None:
        self._pgconn = pgconn
        self._socket = -1
        """What is registered with the loop; -1: nothing is."""
        self._is_full = False
        """Whether we wait until the socket takes more."""
        self._talk: PQGen[Any] | None = None
        self._ended: asyncio.Future[Any] | None = None

    def begin(self, talk: PQGen[Result]) -> asyncio.Future[Result]:
        """Begin to talk; the future gets what the talk comes to, or what it raises."""
        assert self._talk is None, "one talk at a time"
        ended: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._talk, self._ended = talk, ended
        self._go_on(READY_NONE)
        return ended

    def rest(self) -> None:
        """Take the socket out of the loop: before it is closed, or used by others."""
        if self._socket >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            if self._is_full:
                loop.remove_writer(self._socket)
            self._socket, self._is_full = -1, False

    def close(self) -> None:
        """Break off a talk that is under way, and hang up."""
        self.rest()
        self._pgconn.finish()
        self._end()

    def _end(self) -> asyncio.Future[Any] | None:
        talk, ended = self._talk, self._ended
        self._talk = self._ended = None
        if talk is not None:
            talk.close()
        return None if ended is None or ended.done() else ended

    def _go_on(self, ready: Ready) -> None:
        talk = self._talk
        if talk is None:  # nobody has asked: the next talk reads what came, and the loop must not tell of it until then
            self.rest()
            return
        try:
            wanted = talk.send(ready) if ready else next(talk)
            if ready and self._is_hung_up():
                self.rest()  # to be told once more: see `_is_hung_up`
            self._wait_for(wanted)
        except StopIteration as end:
            if self._pgconn.status != ConnStatus.OK:  # its socket is closed: another may get the same number
                self.rest()
            ended = self._end()
            if ended is not None:
                ended.set_result(end.value)
        except Exception as error:  # noqa: BLE001 - it is told to whoever waits
            self.rest()
            self._pgconn.finish()
            ended = self._end()
            if ended is not None:
                ended.set_exception(error)

    def _is_hung_up(self) -> bool:
        """Whether the other end is gone, of which there may still be something to read: its last words, and the end.

        uvloop tells of such a socket once, and then no more until it is registered anew. After an event that did not
        end the talk it is asked for, or a lost connection would be waited for until the time limit.
        """
        if self._pgconn.status != ConnStatus.OK:
            return False
        poll = select.poll()
        poll.register(self._pgconn.socket, 0)  # what is hung up or broken is told unasked
        return bool(poll.poll(0))

    def _wait_for(self, wanted: Wait) -> None:
        """Be told when the socket is ready: to read from it always, since what is said is answered.

        Raises:
            psycopg.OperationalError: The connection was lost, and there is nothing to be told of.
        """
        if self._pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError("the connection was lost")
        if self._socket < 0:
            self._socket = self._pgconn.socket
            asyncio.get_running_loop().add_reader(self._socket, self._go_on, READY_R)
        is_full = bool(wanted & WAIT_W)
        if is_full is not self._is_full:
            self._is_full = is_full
            loop = asyncio.get_running_loop()
            if is_full:
                loop.add_writer(self._socket, self._go_on, READY_W)
            else:
                loop.remove_writer(self._socket)
