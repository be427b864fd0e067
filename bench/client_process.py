"""The client process, seen from the benchmark's own: started with an order, listened to, ended."""

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Self

from bench.orders import Order, Outcome, Progress, from_line
from bench.wallet_process import python_environment, repository

_SILENCE_MAX_S = 60.0
_END_WITHIN_S = 10.0
_SAID_BYTES_MAX = 3000


class ClientFailedError(Exception):
    """The client process failed; the message holds what it said."""


class ClientProcess:
    """One client with one order."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def __enter__(self) -> Self:
        """Start it."""
        self._errors = TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.client"],
            cwd=repository(),
            env=python_environment(),
            stdin=subprocess.PIPE,  # it ends when this closes, however we end
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,  # Ctrl-C is for us, and we end it
        )
        assert self._process.stdout is not None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, if it has not ended by itself."""
        self._process.kill()
        self._process.wait()
        self._reader.join(_END_WITHIN_S)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            stream.close()

    @property
    def pid(self) -> int:
        """Its pid."""
        return self._process.pid

    def answers(self) -> Iterator[Progress | Outcome]:
        """Give the order and yield what the client tells; the outcome is the last.

        Raises:
            ClientFailedError: It ended without an outcome, or fell silent.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(self._order.to_line())
        self._process.stdin.flush()
        while True:
            try:
                line = self._lines.get(timeout=_SILENCE_MAX_S)
            except queue.Empty as error:
                raise ClientFailedError(f"the client said nothing for {_SILENCE_MAX_S:.0f} s") from error
            if line is None:
                raise ClientFailedError(self._last_words())
            answer = from_line(line)
            yield answer
            if isinstance(answer, Outcome):
                return

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)

    def _last_words(self) -> str:
        self._process.wait(_END_WITHIN_S)
        self._errors.seek(0)
        said = self._errors.read()[-_SAID_BYTES_MAX:].decode(errors="replace")
        return f"the client ended with status {self._process.returncode}:\n{said}"
