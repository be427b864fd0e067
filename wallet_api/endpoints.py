"""The endpoints: convert, read, convert."""

from __future__ import annotations

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wallet_grpc.domain.identifiers import PlayerId

from .cookies import Cookies
from .history_query import read_query
from .networks import Networks
from .openapi import document
from .rate_limit import RateLimit
from .reader import ApiReader
from .views import Currencies

JSON = "application/json"
BALANCES = "/api/wallet/balances"
TRANSACTIONS = "/api/wallet/transactions"
CURRENCIES = "/api/wallet/currencies"
OPENAPI = "/api/wallet/openapi.json"
HEALTHZ = "/healthz"
READYZ = "/readyz"
METRICS = "/metrics"
PROBES = frozenset({HEALTHZ, READYZ, METRICS})
"""What those ask who run the process, however many players do."""
PATHS = (BALANCES, TRANSACTIONS, CURRENCIES, OPENAPI, *sorted(PROBES))

_encode = msgspec.json.Encoder().encode


class Endpoints:
    """What is answered under each path."""

    def __init__(
        self,
        *,
        cookies: Cookies,
        rate_limit: RateLimit,
        reader: ApiReader,
        networks: Networks,
        probe: Networks,
        registry: CollectorRegistry,
    ) -> None:
        self._cookies = cookies
        self._rate_limit = rate_limit
        self._reader = reader
        self._networks = networks
        self._probe = probe
        self._registry = registry
        self._openapi = msgspec.json.encode(document())

    def routes(self) -> list[Route]:
        """Give the routes; GET answers HEAD as well."""
        handlers = {
            BALANCES: self.balances,
            TRANSACTIONS: self.transactions,
            CURRENCIES: self.currencies,
            OPENAPI: self.openapi,
            HEALTHZ: self.healthz,
            READYZ: self.readyz,
            METRICS: self.metrics,
        }
        return [Route(path, handler, methods=["GET"]) for path, handler in handlers.items()]

    # ---- of a player

    async def balances(self, request: Request) -> Response:
        """What the player has, in every currency network."""
        player_id = self._player(request)
        return _json(await self._reader.balances(player_id))

    async def transactions(self, request: Request) -> Response:
        """A page of what happened to the player's money, newest first."""
        player_id = self._player(request)
        query = read_query(request.scope["query_string"])
        return _json(await self._reader.transactions(player_id, query))

    async def currencies(self, request: Request) -> Response:
        """The currency networks that there are."""
        self._player(request)
        networks, as_of = await self._networks.read()
        return _json(Currencies(currencies=networks, as_of=as_of))

    def _player(self, request: Request) -> PlayerId:
        player_id = self._cookies.player_of(request.scope["headers"])
        self._rate_limit.count(player_id)
        return player_id

    # ---- of nobody

    async def openapi(self, _request: Request) -> Response:
        """The description of this API."""
        return Response(self._openapi, media_type=JSON)

    async def healthz(self, _request: Request) -> Response:
        """Whether the process answers."""
        return _json({"status": "ok"})

    async def readyz(self, _request: Request) -> Response:
        """Whether the database answers as well."""
        await self._probe.read()
        return _json({"status": "ready"})

    async def metrics(self, _request: Request) -> Response:
        """Prometheus metrics of this process."""
        return Response(generate_latest(self._registry), headers={"content-type": CONTENT_TYPE_LATEST})


def _json(content: object) -> Response:
    return Response(_encode(content), media_type=JSON)
