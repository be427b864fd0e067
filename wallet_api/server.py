"""The API as a process: uvicorn in front of the application, until a signal ends it."""

from __future__ import annotations

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wallet_grpc import web_server
from wallet_grpc.store.connection.check import ConnectionsUnavailableError, UnfitConnectionsError, check_connections
from wallet_grpc.store.connection.lending import DatabaseUnavailableError

from .app import create_app, database_of
from .database import Database, kind_of_connections
from .problems import MEDIA_TYPE, ProblemError, ProblemReason, body_of
from .settings import ApiSettings

_BACKLOG = 2_048
_SHARED_CONNECTIONS = 2
"""For what all of several cells share: currency networks, once a second."""

SECURITY_HEADERS = (
    *web_server.SECURITY_HEADERS,
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
)

_HEAD_TOO_LONG = ProblemError(ProblemReason.HEADERS_TOO_LARGE, "the request line and headers are too long")

_log = structlog.get_logger(__name__)


class UnfitLoginError(Exception):
    """The API must not read this database, or not by this login; the message says why."""


async def serve(settings: ApiSettings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the answers and return.

    Raises:
        AddressInUseError: The address is taken.
        UnfitLoginError: The login could change something, or its connections would not do.
        UnusableKeysError: The cookie keys' file cannot be used.
    """
    count = await _check_database(settings)
    # Of several cells, or as long as nobody knows: what all of them share depends on no cell's node.
    database = database_of(settings) if count == 1 else database_of(settings, None, connections_max=_SHARED_CONNECTIONS)
    app = create_app(settings, database)
    listener = web_server.listen(settings.http_address, backlog=_BACKLOG)
    server = web_server.server_of(
        app,
        http=_bounded_protocol(settings.http_request_bytes_max),
        headers=SECURITY_HEADERS,
        stop_timeout_ms=settings.http_stop_timeout_ms,
    )
    _log.info("serving", address=settings.http_address, replica=settings.is_on_replica)
    await server.serve(sockets=[listener])
    _log.info("stopped")


async def _check_database(settings: ApiSettings) -> int | None:
    """Refuse connections that would not do, and a login that can change anything; gives how many cells there are.

    A database that is away, or that some connections cannot reach, is told of, and asked by each request instead: then
    nobody knows how many.
    """
    kind = kind_of_connections(settings.api_query_timeout_ms).of_cell(None)
    try:
        await check_connections(settings.dsn, [kind] * 2, on_primary=not settings.is_on_replica)
    except UnfitConnectionsError as error:
        raise UnfitLoginError(str(error)) from error
    except ConnectionsUnavailableError as error:
        _log.warning("database_unavailable", problem=str(error))
        return None
    database: Database = database_of(settings, None)
    try:
        tables, count = await database.writable_tables(), await database.cell_count()
    except DatabaseUnavailableError:
        return None
    finally:
        await database.close()
    if tables:
        raise UnfitLoginError(
            f"the API's login may change {', '.join(tables[:3])}{' and others' if len(tables) > 3 else ''}; "  # noqa: PLR2004 a few names tell it
            "use one with the rights of role wallet_api alone"
        )
    return count


def _bounded_protocol(head_bytes_max: int) -> type[HttpToolsProtocol]:
    """Make uvicorn's protocol with a bound for the request line and headers, which httptools lacks."""

    class BoundedProtocol(HttpToolsProtocol):
        _head_bytes = 0
        _is_in_head = False

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._is_in_head:  # it has not ended yet; httptools keeps what came, however much
                self._head_bytes += len(data)
                if self._head_bytes > head_bytes_max:
                    self._refuse(_HEAD_TOO_LONG)

        def on_headers_complete(self) -> None:
            self._is_in_head = False
            self._head_bytes = 0
            if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > head_bytes_max:
                self._refuse(_HEAD_TOO_LONG)
            else:
                super().on_headers_complete()

        def on_message_begin(self) -> None:
            self._is_in_head = True
            super().on_message_begin()

        def send_400_response(self, msg: str) -> None:
            del msg  # it is uvicorn's own, in plain text
            self._refuse(ProblemError(ProblemReason.INVALID_FIELD, "this is no HTTP request"))

        def _refuse(self, error: ProblemError) -> None:
            """Answer without the application, and close: what else comes cannot be told apart."""
            status, body = error.reason.value, body_of(error)
            lines = [
                f"HTTP/1.1 {status.value} {status.phrase}",
                *(f"{name}: {value}" for name, value in SECURITY_HEADERS),
                f"content-type: {MEDIA_TYPE}",
                f"content-length: {len(body)}",
                "connection: close",
            ]
            if not self.transport.is_closing():
                self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
                self.transport.close()

    return BoundedProtocol


def run(settings: ApiSettings) -> None:
    """Serve in this process; see `serve`."""
    web_server.run(serve(settings))
