"""Wallet.API on a grown ledger, beside the thinnest HTTP endpoint that reads the same rows."""

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import psycopg

from bench.clients.child_process import side_server
from bench.clients.http_load import HttpFailedError, HttpOutcome, ask_in_turn, request, run_http_load
from bench.report.processors import Parties, cores, used_s
from bench.servers.database import TEMPLATE
from bench.servers.wallet_server import BenchCommand, started
from bench.steps.plan import FULL, PLAYERS, Plan
from bench.steps.testbed import Testbed
from devstack.credentials import give_login
from devstack.servers.ports import free_port
from devstack.stack_settings import StackError
from devstack.wallet_command import API_ROLE, Databases
from wallet_api.cookies import COOKIE, issue
from wallet_api.endpoints import BALANCES, TRANSACTIONS

_DATABASE = "wallet_api"
_FILL = Path(__file__).with_name("sql") / "history.sql"
_CONNECTIONS = 32
_ASKING_PLAYERS = 1_000
_MANY_TRANSACTIONS_PLAYER = 1
_PAGE_ROWS = 50
_DEEP_PAGE = 1_000
_PAGES_TIMED = 400
_LONGEST_PAGE_ROWS = 200
_COOKIE_TTL_S = 3_600
_READY_WITHIN_S = 20.0
_POLL_S = 0.05
_NO_RATE_LIMIT = {"WALLET_RATE_PER_S": "1000000", "WALLET_RATE_BURST": "1000000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """A running HTTP server."""

    address: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Rates beside the bare server's, in turns; latency at half the rate; a page far back beside the first."""

    name: str = "api"

    def run(self, testbed: Testbed) -> None:
        """Grow a ledger and measure on it."""
        plan = testbed.plan
        command = self._grow(testbed)
        secret = secrets.token_urlsafe(32)
        with _api(command, secret) as api, _bare(command) as bare:
            cookies = {player: _cookie(secret, player) for player in range(1, _ASKING_PLAYERS + 1)}
            loads = {
                "bare_balances_rps": (bare, [request(f"/balances/{player}") for player in cookies]),
                "api_balances_rps": (api, [request(BALANCES, cookie) for cookie in cookies.values()]),
                "bare_transactions_rps": (bare, [request(f"/transactions/{player}") for player in cookies]),
                "api_transactions_rps": (
                    api,
                    [request(f"{TRANSACTIONS}?limit={_PAGE_ROWS}", cookie) for cookie in cookies.values()],
                ),
            }
            measure = partial(self._measure, testbed, plan)
            for _ in range(plan.api_windows):
                for figure, (server, requests) in loads.items():
                    outcome, busy = measure(server, requests)
                    testbed.results.add(figure, outcome.per_s, remark=f"busy cores: {busy}")
            worst = 0.0
            for figure in ("api_balances_rps", "api_transactions_rps"):
                server, requests = loads[figure]
                outcome, _ = measure(server, requests, per_s=testbed.results.readings[figure].value / 2)
                worst = max(worst, outcome.percentile_ms(99))
            testbed.results.add("api_p99_ms", worst, "the worse of balances and transactions")
            self._measure_pages(testbed, api, cookies[_MANY_TRANSACTIONS_PLAYER])
        testbed.server.drop_database(_DATABASE)

    def _grow(self, testbed: Testbed) -> BenchCommand:
        """Make the ledger; returns the command that serves it, as the API's own role."""
        server, plan = testbed.server, testbed.plan
        server.create_database(_DATABASE, template=TEMPLATE)
        password = secrets.token_urlsafe(24)
        give_login(admin_url=server.cluster.dsn(_DATABASE), password=password, role=API_ROLE)
        began = time.monotonic()
        with testbed.display.part(f"a history of {plan.api_transactions:,} transactions"):
            text = _FILL.read_text().replace(":transactions", str(plan.api_transactions))
            with psycopg.connect(server.cluster.dsn(_DATABASE), autocommit=True) as connection:
                connection.execute(text.replace(":players", str(PLAYERS)).encode())
            server.vacuum(_DATABASE)
            server.checkpoint()
        server.check_durable(_DATABASE)
        testbed.results.details["api_history"] = {
            "transactions": plan.api_transactions,
            "grown_in_s": round(time.monotonic() - began, 1),
        }
        command = server.command(_DATABASE)
        databases = Databases.of(
            admin_url=server.cluster.dsn(_DATABASE), service_password=server.service_password, api_password=password
        )
        return BenchCommand(settings=command.settings, databases=databases)

    def _measure(
        self, testbed: Testbed, plan: Plan, server: _Server, requests: list[bytes], *, per_s: float | None = None
    ) -> tuple[HttpOutcome, str]:
        processes = {"client": (os.getpid(),), "server": (server.pid,)}
        parties = Parties(processes=processes, postmaster=testbed.postmaster)
        before, began = used_s(parties), time.monotonic()
        with testbed.display.part("HTTP requests"):
            outcome = run_http_load(
                server.address,
                requests,
                connections=_CONNECTIONS,
                warm_up_s=plan.api_warm_up_s,
                window_s=plan.api_window_s,
                per_s=per_s,
            )
        busy = cores(before, used_s(parties), seconds=time.monotonic() - began)
        return outcome, ", ".join(f"{name} {used:.2f}" for name, used in busy.items() if name != "client")

    def _measure_pages(self, testbed: Testbed, api: _Server, cookie: str) -> None:
        """Ask for the first page and for one far back in turns."""
        deep_page = min(_DEEP_PAGE, testbed.plan.api_transactions // 20 // _PAGE_ROWS)
        first = f"{TRANSACTIONS}?limit={_PAGE_ROWS}"
        deep = f"{first}&cursor={self._cursor_after(api, cookie, rows=(deep_page - 1) * _PAGE_ROWS)}"
        asked = [request(path, cookie) for path in (first, deep)]
        answers = ask_in_turn(api.address, asked * _PAGES_TIMED)
        for body, _ in answers[:2]:
            assert len(json.loads(body)["transactions"]) == _PAGE_ROWS, "a page is not full"
        took_ms = [took_s * 1000 for _, took_s in answers]
        full = deep_page == _DEEP_PAGE and testbed.plan is FULL
        testbed.results.add("api_page_1_ms", median(took_ms[0::2]))
        testbed.results.add("api_page_1000_ms", median(took_ms[1::2]), f"page {deep_page:,}", decides=full)

    def _cursor_after(self, api: _Server, cookie: str, *, rows: int) -> str:
        """Walk back over so many rows."""
        cursor = ""
        while rows:
            limit = min(rows, _LONGEST_PAGE_ROWS)
            path = f"{TRANSACTIONS}?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
            ((body, _),) = ask_in_turn(api.address, [request(path, cookie)])
            page = json.loads(body)
            assert len(page["transactions"]) == limit, "a page is not full"
            cursor = page["next_cursor"]
            rows -= limit
        return cursor


def _cookie(secret: str, player_id: int) -> str:
    return f"{COOKIE}={issue(secret=secret, player_id=player_id, ttl_s=_COOKIE_TTL_S)}"


@contextmanager
def _api(command: BenchCommand, secret: str) -> Iterator[_Server]:
    """Serve Wallet.API for a block, by its command."""
    assert command.databases.api_url is not None
    address = f"127.0.0.1:{free_port()}"
    extra = {
        **_NO_RATE_LIMIT,
        "WALLET_API_DATABASE_URL": command.databases.api_url,
        "WALLET_HTTP_ADDRESS": address,
        "WALLET_COOKIE_SECRET": secret,
    }
    served = BenchCommand(settings=command.settings, databases=command.databases, extra=extra)
    with started(served, "api") as process:
        _wait_until_answering(process, address, "/readyz")
        yield _Server(address=address, pid=process.pid)


@contextmanager
def _bare(command: BenchCommand) -> Iterator[_Server]:
    """Serve the bare API for a block."""
    assert command.databases.api_url is not None
    address = f"127.0.0.1:{free_port()}"
    with side_server("bench.yardsticks.bare_http_api", address, command.databases.api_url) as process:
        _wait_until_answering(process, address, f"/balances/{_MANY_TRANSACTIONS_PLAYER}")
        yield _Server(address=address, pid=process.pid)


def _wait_until_answering(process: subprocess.Popen[bytes], address: str, path: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while True:
        try:
            ask_in_turn(address, [request(path)])
        except (OSError, HttpFailedError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise StackError(f"the HTTP server did not answer: {error}") from error
            time.sleep(_POLL_S)
        else:
            return
