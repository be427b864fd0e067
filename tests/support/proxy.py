"""A TCP proxy in front of a server that tests can take away: refused, or silent as behind a firewall that drops all.

A part of the connections can be taken away as well: those that say something, such as the cell whose tables they see.
"""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from psycopg.conninfo import conninfo_to_dict

_CHUNK_BYTES = 65_536
_STARTED_WITHIN_S = 10.0
_REMEMBERED_BYTES = 16_384


class Proxy:
    """Stands before the server of a DSN for the length of the block."""

    def __init__(self, dsn: str) -> None:
        given = conninfo_to_dict(dsn)
        self._host, self._port = str(given.get("host", "127.0.0.1")), int(given.get("port", 5432))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._pairs: set[asyncio.Task[None]] = set()
        self._silent = False
        self._unwanted: bytes | None = None
        self._said: dict[asyncio.Task[None], bytearray] = {}
        self._whole = asyncio.Event()
        self._whole.set()
        self.port = 0
        self.connections = 0
        """How many were made through it, or tried while it was silent."""

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def before(self, dsn: str) -> str:
        """Return a URL that leads through the proxy."""
        parts = urlsplit(dsn)
        secrets, _, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{secrets}@127.0.0.1:{self.port}", query=""))

    def refuse(self) -> None:
        """Hang up everything, and take no connection."""
        self._do(self._refuse())

    def fall_silent(self) -> None:
        """Take every connection, pass nothing on, and say nothing: neither on new nor on old ones, ever again."""
        self._silent = True

    def cut(self) -> None:
        """Lose the network between both ends: neither hears of the other, nor of its hanging up, until `mend`."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """Have the network back: what was sent meanwhile arrives."""
        self._loop.call_soon_threadsafe(self._whole.set)

    def lead_to(self, dsn: str) -> None:
        """Hang up everything, and pass what comes from now on to another server."""
        self.refuse()
        given = conninfo_to_dict(dsn)
        self._host, self._port = str(given.get("host", "127.0.0.1")), int(given.get("port", 5432))
        self.serve()

    def refuse_who_says(self, unwanted: str | None) -> None:
        """Hang up those that said this when they began, and from now on who says it; None: nobody any more."""
        self._do(self._refuse_who_says(None if unwanted is None else unwanted.encode()))

    def serve(self) -> None:
        """Pass on what new connections send."""
        self._silent = False
        self._do(self._listen())

    def _do(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result(_STARTED_WITHIN_S)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._pair, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        pairs = list(self._pairs)
        for pair in pairs:
            pair.cancel()
        await asyncio.gather(*pairs, return_exceptions=True)

    async def _refuse_who_says(self, unwanted: bytes | None) -> None:
        self._unwanted = unwanted
        for task, said in list(self._said.items()):
            if unwanted is not None and unwanted in said:
                task.cancel()

    async def _pair(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pairs.add(task)
        self.connections += 1
        far: asyncio.StreamWriter | None = None
        try:
            if self._silent:
                await asyncio.Event().wait()
            await self._whole.wait()
            if self._host.startswith("/"):
                far_reader, far = await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
            else:
                far_reader, far = await asyncio.open_connection(self._host, self._port)
            said = self._said[task] = bytearray()
            ways = [
                asyncio.ensure_future(self._pass_on(reader, far, said)),
                asyncio.ensure_future(self._pass_on(far_reader, writer, None)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._pairs.discard(task)
            self._said.pop(task, None)
            for end in (writer, far):
                if end is not None:
                    end.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytearray | None
    ) -> None:
        while chunk := await reader.read(_CHUNK_BYTES):
            if self._silent:
                await asyncio.Event().wait()
            if said is not None and len(said) < _REMEMBERED_BYTES:
                said += chunk
                if self._unwanted is not None and self._unwanted in said:
                    return
            await self._whole.wait()
            writer.write(chunk)
            await writer.drain()
        await self._whole.wait()
