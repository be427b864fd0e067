"""The HTTP API as a process, and a client of it that sends requests as they are."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

from devstack.servers.ports import free_port
from support.cookies import SECRET, token
from support.database import Installation
from support.process import WalletProcess
from support.waiting import patient

BALANCES = "/api/wallet/balances"
TRANSACTIONS = "/api/wallet/transactions"
CURRENCIES = "/api/wallet/currencies"
OPENAPI = "/api/wallet/openapi.json"
OF_PLAYERS = (BALANCES, TRANSACTIONS, CURRENCIES)
OF_NOBODY = (OPENAPI, "/healthz", "/readyz", "/metrics")

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def problem(self, status: int, reason: str) -> dict[str, Any]:
        """Assert that it is this problem, well-formed, and return it."""
        assert self.status == status, (self.status, self.body)
        assert self.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = self.json
        assert (problem["status"], problem["reason"]) == (status, reason), problem
        return problem


class ApiServer(WalletProcess):
    """One `wallet api` on a free port of this machine, with the tests' secret."""

    stopped_within_s = 20.0

    def __init__(self, installation: Installation, **settings: str) -> None:
        self.installation = installation
        self.address = f"127.0.0.1:{free_port()}"
        given = {
            "WALLET_API_DATABASE_URL": installation.api_dsn,
            "WALLET_HTTP_ADDRESS": self.address,
            "WALLET_COOKIE_SECRET": SECRET,
            "WALLET_RATE_PER_S": "100000",
            "WALLET_RATE_BURST": "100000",
        } | settings
        environment = installation.settings() | {name: value for name, value in given.items() if value}
        super().__init__("api", environment=environment)

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.launch_until(self._answers)

    def _answers(self) -> bool:
        try:
            return self.ask("/healthz").status == 200
        except (OSError, HTTPException):
            return False

    # ------------------------------------------------------------------------------------------------------- ask

    def ask(
        self,
        path: str,
        *,
        cookie: str | None = None,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request on a connection of its own; the cookie is the value of `wallet_session`."""
        given = dict(headers or {})
        if cookie is not None:
            given["cookie"] = f"wallet_session={cookie}"
        connection = HTTPConnection(self.address, timeout=_TIMEOUT_S)
        try:
            connection.request(method, path, body=body, headers=given)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(status=answer.status, headers=found, body=answer.read())
        finally:
            connection.close()

    def get(self, path: str, player_id: int, **parameters: Any) -> Any:
        """Return what a player is answered, who must be answered, if only by and by; `from_` stands for `from`."""
        asked = path + query(parameters)
        answer = patient(
            lambda: self.ask(asked, cookie=token(player_id)), lambda it: it.status == HTTPStatus.SERVICE_UNAVAILABLE
        )
        assert answer.status == 200, (answer.status, answer.body)
        assert answer.headers["content-type"] == "application/json"
        return answer.json

    def balances(self, player_id: int) -> dict[tuple[str, str], dict[str, Any]]:
        """Return a player's balances by currency and network."""
        listed = self.get(BALANCES, player_id)["balances"]
        found = {(item["currency"], item["network"]): item for item in listed}
        assert len(found) == len(listed)
        return found

    def page(self, player_id: int, **parameters: Any) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of a player's history, and the next cursor."""
        page = self.get(TRANSACTIONS, player_id, **parameters)
        return page["transactions"], page["next_cursor"]

    def history(self, player_id: int, **parameters: Any) -> list[dict[str, Any]]:
        """Return all pages, one after the other."""
        items, cursor = self.page(player_id, **parameters)
        while cursor is not None:
            more, cursor = self.page(player_id, **parameters, cursor=cursor)
            items += more
        return items


def query(parameters: dict[str, Any]) -> str:
    """Write a query string."""
    return "?" + urlencode({name.rstrip("_"): value for name, value in parameters.items()}) if parameters else ""
