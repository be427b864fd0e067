"""Processes of the benchmark's own, seen from the benchmark: clients that are listened to, and yardsticks that serve.

A client is given lines of JSON on its standard input. Both watch theirs: when it closes, however we end, they end.
"""

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Self

from bench.servers.wallet_server import python_environment, repository

_SILENCE_MAX_S = 60.0
_END_WITHIN_S = 10.0
_SAID_BYTES_MAX = 3000


class ClientFailedError(Exception):
    """The process failed; the message holds what it said."""


class ChildProcess:
    """One `python -m` of a module of this package."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __enter__(self) -> Self:
        """Start it."""
        self._errors = TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            cwd=repository(),
            env=python_environment(),
            stdin=subprocess.PIPE,
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

    def tell(self, line: str) -> None:
        """Give it a line, with its end.

        Raises:
            ClientFailedError: It has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise ClientFailedError(self._last_words()) from error

    def lines(self) -> Iterator[str]:
        """Yield what it says, line by line; the caller knows which is the last.

        Raises:
            ClientFailedError: It ended, or fell silent.
        """
        while True:
            try:
                line = self._lines.get(timeout=_SILENCE_MAX_S)
            except queue.Empty as error:
                raise ClientFailedError(f"{self._module} said nothing for {_SILENCE_MAX_S:.0f} s") from error
            if line is None:
                raise ClientFailedError(self._last_words())
            yield line

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)

    def _last_words(self) -> str:
        self._process.wait(_END_WITHIN_S)
        self._errors.seek(0)
        said = self._errors.read()[-_SAID_BYTES_MAX:].decode(errors="replace")
        return f"{self._module} ended with status {self._process.returncode}:\n{said}"


@contextmanager
def side_server(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a `python -m` of a module of this package that serves, for a block. It may not serve yet."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=repository(),
        env=python_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    with process:  # which closes standard input, and waits
        try:
            yield process
        finally:
            process.kill()
