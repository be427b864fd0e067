"""A lane's connection: prepared statements, any number of them in one round trip.

psycopg has a pipeline of its own, through a cursor for each statement; for a batch of one that took more than half of
the processor time of locking and loading (decision 0011). This stands one floor below it, on psycopg's wrapper of
libpq: connecting, what is said, errors and the reading of rows are psycopg's.

Nothing is ever cancelled on it. PostgreSQL answers a cancel during a commit's wait for a synchronous standby by giving
up the wait: the rows become visible, and a failover to that standby loses them. Who does not want to wait hangs up;
what the server is asked then ends by the session's own time limits, which do not reach into a commit.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import generators
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from .dialing import BoundedConnection, Place
from .dialogue import Dialogue
from .statements import Positional, positional

BEGIN = positional("BEGIN")
COMMIT = positional("COMMIT")
ROLLBACK = positional("ROLLBACK")
_PREPARED_MAX = 500
"""Statements that the server keeps for a connection. A lane uses some dozens; past the bound it begins anew."""


RowMaker = Callable[[Sequence[Any]], Any]


class Answer:
    """What a statement has given, once the round trip is made."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: Sequence[Any] = ()


class _Question(NamedTuple):
    statement: Positional
    values: Sequence[bytes | None]
    formats: Sequence[int] | None
    """Of each value: 1 for binary, 0 for text; None if all are text."""
    make_row: RowMaker
    answer: Answer


class RoundTrip:
    """What is asked together: executed in this order, up to the first statement that fails."""

    __slots__ = ("questions",)

    def __init__(self) -> None:
        self.questions: list[_Question] = []

    def ask(
        self, statement: Positional, parameters: Mapping[str, object] | None = None, make_row: RowMaker = tuple
    ) -> Answer:
        """Add a statement. Parameters go as text, bytes as they are: the statement says what they are.

        Each row is made by `make_row`.

        Raises:
            psycopg.DataError: A parameter holds a NUL.
        """
        answer = Answer()
        given = statement.values(parameters or {})
        formats = [int(type(value) is bytes) for value in given]
        values = [value if is_binary else _text(value) for value, is_binary in zip(given, formats, strict=True)]
        self.questions.append(_Question(statement, values, formats if any(formats) else None, make_row, answer))
        return answer


class Pipeline:
    """A connection that makes round trips, one at a time."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._dialogue = Dialogue(connection.pgconn)
        self._rows = Transformer(connection)
        self._names: dict[bytes, bytes] = {}
        self._numbers = itertools.count()
        self._warned = False
        connection.add_notice_handler(self._note)

    @property
    def place(self) -> Place | None:
        """Where the cell is that it leads to, on Citus: its statements name the relations there."""
        return self._connection.place if isinstance(self._connection, BoundedConnection) else None

    @property
    def was_warned(self) -> bool:
        """Whether the server warned during the last round trip. Our statements give it no reason to."""
        return self._warned

    @property
    def is_open(self) -> bool:
        """Whether it may be used: it was not closed, and is not known to be broken."""
        return not (self._connection.closed or self._connection.broken)

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open."""
        return self._connection.info.transaction_status is TransactionStatus.IDLE

    @property
    def backend_pid(self) -> int:
        """The server's process at its other end."""
        return self._connection.info.backend_pid

    async def execute(self, statement: Positional, parameters: Mapping[str, object] | None = None) -> Answer:
        """Make a round trip of one statement.

        Raises:
            psycopg.Error: It failed.
        """
        trip = RoundTrip()
        answer = trip.ask(statement, parameters)
        await self.make(trip)
        return answer

    async def make(self, trip: RoundTrip) -> None:
        """Send what is asked and fill in the answers. Where no transaction is open, all of it is one.

        Raises:
            psycopg.Error: What the first statement that failed told, or the end of the transaction. If the connection
                was lost or the wait was interrupted, it is closed: what is under way must not answer another trip.
        """
        try:
            results = await self.begin(trip)
        except BaseException:
            await self.close()
            raise
        self.fill(trip, results)

    def begin(self, trip: RoundTrip) -> asyncio.Future[list[PGresult]]:
        """Send what is asked; the future gets what `fill` makes the answers of.

        It raises where the connection was lost, which is closed then. To give the future up changes nothing: what is
        asked is under way, and no other trip may be made until it has ended.
        """
        self._warned = False
        return self._dialogue.begin(self._conversation(trip.questions))

    def fill(self, trip: RoundTrip, results: Sequence[PGresult]) -> None:
        """Fill in the answers of a trip that was begun and has ended.

        Raises:
            psycopg.Error: What the first statement that failed told, or the end of the transaction.
        """
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(result)
        for question, result in zip(trip.questions, results, strict=True):
            if result.ntuples:
                self._rows.set_pgresult(result)
                question.answer.rows = self._rows.load_rows(0, result.ntuples, question.make_row)

    async def close(self) -> None:
        """Hang up."""
        self._dialogue.close()
        await self._connection.close()

    def _note(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self._warned = self._warned or diagnostic.severity_nonlocalized == "WARNING"

    def _as_sent(self, text: bytes) -> bytes:
        return text if self.place is None else self.place.relations.put_into(text.decode()).encode()

    def _conversation(self, questions: Sequence[_Question]) -> PQGen[list[PGresult]]:
        """Send all, then take the results: those of the questions, unless something was told before or after them."""
        pgconn = self._connection.pgconn
        begins_anew = len(self._names) > _PREPARED_MAX
        if begins_anew:
            self._names.clear()
        texts = dict.fromkeys(statement.text for statement, *_ in questions)
        new = {text: b"lane_%d" % next(self._numbers) for text in texts if text not in self._names}
        names = self._names | new if new else self._names
        pgconn.enter_pipeline_mode()
        if begins_anew:
            pgconn.send_query_params(b"DEALLOCATE ALL", None)
        for text, name in new.items():
            pgconn.send_prepare(name, self._as_sent(text))
        for statement, values, formats, _, _ in questions:
            pgconn.send_query_prepared(names[statement.text], values, formats)
        pgconn.pipeline_sync()
        yield from generators.send(pgconn)
        results: list[PGresult] = []
        for _ in range(
            begins_anew + len(new) + len(questions) + 2
        ):  # the end of the transaction may fail, and then the sync
            results += yield from generators.fetch_many(pgconn)
            if results and results[-1].status == ExecStatus.PIPELINE_SYNC:
                break
        else:
            raise psycopg.OperationalError("the connection was lost")
        pgconn.exit_pipeline_mode()
        results.pop()
        if begins_anew:
            results = results if results[0].status == ExecStatus.FATAL_ERROR else results[1:]
        prepared = [text for text, result in zip(new, results, strict=False) if result.status == ExecStatus.COMMAND_OK]
        self._names.update({text: new[text] for text in prepared})
        return results[len(prepared) :]


def _text(value: object) -> bytes | None:
    if value is None:
        return None
    text = str(value).encode()
    if b"\0" in text:
        raise psycopg.DataError("a parameter holds a NUL, at which libpq would cut it off")
    return text
