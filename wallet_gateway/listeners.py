"""Listeners: granian's servers at one address, HTTP/1.1 and HTTP/2. The parsers are hyper's, in threads of their own.

A certificate that is replaced gets a listener of its own, beside the one before it: that takes no more connections,
answers what it holds, and ends. Files that cannot be used are told, and what was served before stays.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Any

import structlog
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server

from wallet_grpc.tls_files import TlsFiles, TlsMaterial, UnusableTlsFilesError

_BACKLOG = 2_048
_HEAD_WITHIN_MS = 75_000
"""How long a connection may be without a request's head, or take to send one: longer than a proxy keeps its side."""
_HEAD_BYTES_MAX = 32 * 1024
_CONNECTION_CALLS_MAX = 250
"""Calls that one HTTP/2 connection may have under way, as over gRPC."""
_WINDOW_BYTES = 64 * 1024
"""What a call over HTTP/2 may send before it is read."""
_BESIDE_S = 1.0
"""How long a new listener has to begin before the one before it takes no more connections."""
_LOOK_EACH_S = 0.5

_log = structlog.get_logger(__name__)


class Listeners:
    """What serves at an address."""

    def __init__(self, application: Any, *, host: str, port: int, connections_max: int, files: TlsFiles | None) -> None:
        """Read the certificate for the first time.

        Raises:
            UnusableTlsFilesError: It cannot be used.
        """
        self._application = application
        self._host = host
        self._port = port
        self._connections_max = connections_max
        self._files = None if files is None else files.followed()
        self._listeners: list[_Listener] = []

    async def serve(self) -> None:
        """Serve until it is cancelled, and look at the certificate's files meanwhile.

        Raises:
            RuntimeError: A listener has ended by itself.
        """
        self._open()
        while True:
            await asyncio.wait((self._listeners[-1].serving,), timeout=_LOOK_EACH_S)
            if self._listeners[-1].serving.done():
                self._listeners[-1].serving.result()  # what it raised is raised here
                raise RuntimeError("the HTTP server has ended by itself")
            if self._renewed():
                before = self._listeners[-1]
                self._open()
                await asyncio.sleep(_BESIDE_S)
                before.stop()
            self._listeners = [known for known in self._listeners if not known.serving.done()]

    async def stop(self, within_s: float) -> None:
        """Take no more connections, and wait so long for the answers to what has begun."""
        for listener in self._listeners:
            listener.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await asyncio.gather(*(listener.serving for listener in self._listeners))

    def _open(self) -> None:
        server = Server(
            self._application,
            address=self._host,
            port=self._port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.auto,
            websockets=False,
            log_enabled=False,
            backlog=_BACKLOG,
            backpressure=self._connections_max,
            http1_settings=HTTP1Settings(header_read_timeout=_HEAD_WITHIN_MS, max_buffer_size=_HEAD_BYTES_MAX),
            http2_settings=HTTP2Settings(
                initial_stream_window_size=_WINDOW_BYTES,
                keep_alive_interval=30_000,
                max_concurrent_streams=_CONNECTION_CALLS_MAX,
                max_headers_size=_HEAD_BYTES_MAX,
            ),
        )
        self._listeners.append(_Listener(server, None if self._files is None else self._files.content))

    def _renewed(self) -> bool:
        """Read the files if they are not as they were read last; gives whether there is something new."""
        try:
            if self._files is None or not self._files.look():
                return False
        except UnusableTlsFilesError as error:
            _log.error("tls_files_unusable", problem=str(error), hint="what was served before stays")
            return False
        _log.info("tls_files_read", not_after=self._files.content.not_after.isoformat())
        return True


class _Listener:
    """One of granian's servers, from its beginning."""

    def __init__(self, server: Server, material: TlsMaterial | None) -> None:
        self._server = server
        self._held: list[int] = []
        if material is not None:
            # What was checked is what is served: granian reads paths, and the files may have changed again by then.
            chain, key = self._path_of(material.chain), self._path_of(material.key)
            told: Any = (True, chain, key, None, str(SSLProtocols.tls12), None, [], False)
            server.ssl_ctx = told
        self.serving = asyncio.create_task(server.serve(), name="http")
        self.serving.add_done_callback(lambda _: self._let_go())

    def stop(self) -> None:
        """Take no more connections, answer what has begun, and end."""
        self._server.stop()  # type: ignore[no-untyped-call]  # granian types its own in part

    def _path_of(self, content: bytes) -> str:
        """Hold a content in memory, and give a path that this process can read it by."""
        held = os.memfd_create("tls")
        self._held.append(held)
        with os.fdopen(os.dup(held), "wb") as file:
            file.write(content)
        return f"/proc/self/fd/{held}"

    def _let_go(self) -> None:
        for held in self._held:
            os.close(held)
        self._held.clear()
