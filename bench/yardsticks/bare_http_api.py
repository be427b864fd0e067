"""The bare API: what HTTP and one indexed SELECT cost without a wallet around.

`python -m bench.yardsticks.bare_http_api ADDRESS DSN` serves it.

The yardstick of Wallet.API: its server, its router and its pool, with the thinnest endpoints that can be. The player
comes in the path; no cookie, no check, no header, no currency's name; the rows as they are, as JSON.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import uvicorn
import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from bench.clients.end_with_parent import end_with_parent
from wallet_api.database import Database
from wallet_api.settings import ApiSettings
from wallet_grpc.store.connection.statements import Positional

_BALANCES = b"SELECT currency_network_id, account_type, account_id FROM accounts WHERE player_id = $1"
_TRANSACTIONS = b"""
    SELECT
        tx_id::TEXT, kind, reference, amount_minor::TEXT, main_balance_after_minor::TEXT, currency_network_id,
        game_code, round_id, created_at
    FROM ledger_transactions
    WHERE owner_id = $1
    ORDER BY tx_id DESC
    LIMIT 50
"""


def create_app(database: Database) -> Router:
    """Make the two endpoints."""

    def endpoint(text: bytes) -> Callable[[Request], Awaitable[Response]]:
        query = Positional(text, ("player_id",))

        async def answer(request: Request) -> Response:
            found = await database.read(query, (request.path_params["player_id"],))
            return Response(msgspec.json.encode(found.rows), media_type="application/json")

        return answer

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        yield
        await database.close()

    routes = [
        Route("/balances/{player_id:int}", endpoint(_BALANCES)),
        Route("/transactions/{player_id:int}", endpoint(_TRANSACTIONS)),
    ]
    return Router(routes, lifespan=lifespan)


def main() -> None:
    """Serve on the address given, until standard input closes."""
    end_with_parent()
    (host, _, port), dsn = sys.argv[1].rpartition(":"), sys.argv[2]
    defaults = ApiSettings.model_fields
    database = Database(
        dsn,
        connections_max=defaults["api_connections_max"].default,
        wait_ms=defaults["api_connection_wait_ms"].default,
        timeout_ms=defaults["api_query_timeout_ms"].default,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(database),
            host=host,
            port=int(port),
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
        )
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve())


if __name__ == "__main__":
    main()
