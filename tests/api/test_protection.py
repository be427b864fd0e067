"""What keeps the API up and quiet: methods, rates, sizes, headers, problems, CORS, a database that is slow or away."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from psycopg import sql
from support.cookies import token
from support.database import Cluster, Installation, own_installation
from support.http_api import BALANCES, CURRENCIES, OF_NOBODY, OF_PLAYERS, TRANSACTIONS, ApiServer
from support.requests import fresh_player_id
from support.waiting import BUSY_S, wait_until
from support.wallet import Wallet, at_once

EVERY_PATH = (*OF_PLAYERS, *OF_NOBODY)
OTHER_METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
SECURITY_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
_WAITING_FOR_LOCKS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'wallet-api' AND wait_event_type = 'Lock'
"""
_END_CONNECTIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND usename = 'wallet_api'
"""
LOCK = sql.SQL("LOCK TABLE ledger_transactions, account_balances, currency_networks IN ACCESS EXCLUSIVE MODE")


@pytest.mark.parametrize("method", OTHER_METHODS)
@pytest.mark.parametrize("path", EVERY_PATH)
def test_every_other_method_is_not_allowed(api: ApiServer, path: str, method: str) -> None:
    answer = api.ask(path, method=method, cookie=token(1))
    answer.problem(405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", [*OF_PLAYERS, *OF_NOBODY[:3], "/nothing"])
def test_head_answers_as_get_without_the_body(api: ApiServer, path: str) -> None:
    for cookie in (token(1), None):
        got, head = api.ask(path, cookie=cookie), api.ask(path, cookie=cookie, method="HEAD")
        assert (head.status, head.body) == (got.status, b"")
        for answer in (got, head):
            answer.headers.pop("date")
        assert head.headers == got.headers


def test_every_answer_carries_the_security_headers(api: ApiServer) -> None:
    answers = [api.ask(path, cookie=token(1)) for path in (*EVERY_PATH, "/nothing")]
    answers += [api.ask(BALANCES), api.ask(BALANCES, method="POST")]
    answers += [api.ask(f"{TRANSACTIONS}?limit=0", cookie=token(1))]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert "server" not in answer.headers
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_an_unknown_path_is_a_problem(api: ApiServer) -> None:
    for path in ("/", "/nothing", "/api/wallet/balances/", "/api/wallet/balances/42", "/api//wallet/balances"):
        api.ask(path, cookie=token(1)).problem(404, "NOT_FOUND")


def test_a_long_head_is_refused(api: ApiServer) -> None:
    long = "x" * 20_000
    api.ask("/healthz", headers={"x-note": long}).problem(431, "HEADERS_TOO_LARGE")
    api.ask(f"/healthz?{long}").problem(431, "HEADERS_TOO_LARGE")


def test_a_head_that_never_ends_is_cut_off(api: ApiServer) -> None:
    host, _, port = api.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: here\r\nx-note: " + b"x" * 20_000)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_a_large_body_is_refused_and_a_small_one_ignored(api: ApiServer) -> None:
    api.ask(BALANCES, cookie=token(1), body=b"x" * 100_000).problem(413, "BODY_NOT_ALLOWED")
    assert api.ask(BALANCES, cookie=token(1), body=b"x" * 100).status == 200


@pytest.mark.parametrize(
    "sent", [b"garbage\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\xff: \x00\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_http_is_a_problem_and_the_end_of_the_connection(api: ApiServer, sent: bytes) -> None:
    host, _, port = api.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(sent)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b"no-store" in answer


# ------------------------------------------------------------------------------------------------------------ rates


def test_a_player_who_asks_too_fast_is_told_when_to_ask_again_and_others_are_not(installation: Installation) -> None:
    hasty, calm = fresh_player_id(), fresh_player_id()
    with ApiServer(installation, WALLET_RATE_PER_S="0.2", WALLET_RATE_BURST="3") as api:
        paths = (BALANCES, TRANSACTIONS, CURRENCIES)
        assert [api.ask(path, cookie=token(hasty)).status for path in paths] == [200, 200, 200]
        refused = api.ask(BALANCES, cookie=token(hasty))
        refused.problem(429, "TOO_MANY_REQUESTS")
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        assert api.ask(BALANCES, cookie=token(hasty, note="another token of the same player")).status == 429
        assert api.ask(BALANCES, cookie=token(calm)).status == 200
        wait_until(lambda: api.ask(BALANCES, cookie=token(hasty)).status == 200, what="a token comes back")


# ------------------------------------------------------------------------------------------------------------- CORS


@pytest.fixture(scope="module")
def open_api(api_installation: Installation) -> Iterator[ApiServer]:
    origins = "https://play.example, http://localhost:3000"
    with ApiServer(api_installation, WALLET_CORS_ORIGINS=origins) as server:
        yield server


def test_a_configured_origin_may_read_with_cookies(open_api: ApiServer) -> None:
    asked = {"origin": "https://play.example"}
    answer = open_api.ask(BALANCES, cookie=token(1), headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://play.example"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"] == "origin"
    refused = open_api.ask(BALANCES, headers=asked)  # a page must be able to read why
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, "https://play.example")
    preflight = open_api.ask(BALANCES, method="OPTIONS", headers=asked | {"access-control-request-method": "GET"})
    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD"
    assert open_api.ask(BALANCES, method="POST", headers=asked).status == 405


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://play.example.evil.example", "http://play.example", "null", "*"]
)
def test_no_other_origin_may(open_api: ApiServer, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = open_api.ask(BALANCES, method=method, cookie=token(1), headers={"origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "origin"


# ---------------------------------------------------------------------------------------------------- the database


def test_a_query_that_takes_too_long_is_given_up(installation: Installation, wallet: Wallet) -> None:
    player = wallet.player("100")
    with ApiServer(installation, WALLET_API_QUERY_TIMEOUT_MS="200") as api:
        assert api.ask(BALANCES, cookie=token(player.player_id)).status == 200
        with installation.connect() as connection:
            connection.execute(LOCK)
            for path in (BALANCES, TRANSACTIONS, CURRENCIES, "/readyz"):
                began = time.monotonic()
                answer = api.ask(path, cookie=token(player.player_id))
                problem = answer.problem(503, "UNAVAILABLE")
                assert time.monotonic() - began < BUSY_S
                assert problem["detail"] == "the wallet cannot be read now"
                assert answer.headers["retry-after"] == "1"
            assert api.ask("/healthz").status == 200
        wait_until(lambda: api.ask(BALANCES, cookie=token(player.player_id)).status == 200, what="it answers again")


def test_requests_past_the_bound_are_refused_at_once(installation: Installation) -> None:
    settings = {"WALLET_HTTP_REQUESTS_MAX": "2", "WALLET_API_QUERY_TIMEOUT_MS": "30000"}
    with ApiServer(installation, **settings) as api, installation.connect() as connection:
        connection.execute(LOCK)
        answers: list[int] = []
        asked = [lambda: answers.append(api.ask(BALANCES, cookie=token(1)).status) for _ in range(8)]
        asking = threading.Thread(target=at_once, args=asked)
        asking.start()
        wait_until(lambda: len(answers) == 6, what="six are answered while two wait")
        connection.rollback()
        asking.join()
    assert answers == [503] * 6 + [200] * 2


def test_a_full_process_still_answers_its_probes(installation: Installation) -> None:
    with ApiServer(installation, WALLET_HTTP_REQUESTS_MAX="1") as api, installation.connect() as connection:
        connection.execute("LOCK TABLE account_balances IN ACCESS EXCLUSIVE MODE")
        reader = threading.Thread(target=lambda: api.ask(BALANCES, cookie=token(1)))
        reader.start()
        wait_until(lambda: installation.rows(_WAITING_FOR_LOCKS) == [(1,)], what="the only place is taken")
        api.ask(CURRENCIES, cookie=token(1)).problem(503, "UNAVAILABLE")
        assert [api.ask(path).status for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
        connection.rollback()
        reader.join()


def test_more_readers_than_its_connections_serve_are_no_outage(installation: Installation) -> None:
    settings = {
        "WALLET_API_CONNECTIONS_MAX": "1",
        "WALLET_API_CONNECTION_WAIT_MS": "300",
        "WALLET_API_QUERY_TIMEOUT_MS": "20000",
    }
    with ApiServer(installation, **settings) as api, installation.connect() as connection:
        assert api.ask(BALANCES, cookie=token(1)).status == 200
        connection.execute("LOCK TABLE account_balances IN ACCESS EXCLUSIVE MODE")
        first = threading.Thread(target=lambda: api.ask(BALANCES, cookie=token(1)))
        first.start()
        wait_until(lambda: installation.rows(_WAITING_FOR_LOCKS) == [(1,)], what="the only connection is in use")
        for answer in at_once(*[lambda: api.ask(BALANCES, cookie=token(1)) for _ in range(5)]):
            problem = answer.problem(503, "UNAVAILABLE")
            assert problem["detail"] == "too many requests at once"
            assert answer.headers["retry-after"] == "1"
        assert api.ask("/readyz").status == 200
        connection.rollback()
        first.join()
        assert "database_unavailable" not in api.log


def test_it_starts_without_its_database_and_serves_when_that_is_back(cluster: Cluster, template: Installation) -> None:
    away = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with own_installation(template) as installation:
        name = sql.Identifier(installation.database)
        cluster.execute(away.format(name, sql.SQL("false")))
        with ApiServer(installation) as api:
            api.ask("/readyz").problem(503, "UNAVAILABLE")
            problem = api.ask(BALANCES, cookie=token(1)).problem(503, "UNAVAILABLE")
            assert installation.database not in str(problem)
            cluster.execute(away.format(name, sql.SQL("true")))
            wait_until(lambda: api.ask(BALANCES, cookie=token(1)).status == 200, what="the database is back")
            # A connection that was cut off is no reason to refuse anybody.
            installation.rows(_END_CONNECTIONS)
            assert api.ask(BALANCES, cookie=token(1)).status == 200


def test_a_fault_of_ours_tells_nothing_but_its_id(new_installation: object, cluster: Cluster) -> None:
    installation = new_installation()  # type: ignore[operator]
    installation.cluster.execute(sql.SQL("SELECT 1"))
    with installation.connect() as connection:
        connection.execute("ALTER TABLE account_balances RENAME COLUMN balance_minor TO gone")
    cookie = token(1)
    with ApiServer(installation) as api:
        problem = api.ask(BALANCES, cookie=cookie).problem(500, "INTERNAL")
        assert problem["detail"] == "a fault of the wallet; its log knows more"
        assert problem["request_id"] in api.log
        assert cookie not in api.log
        assert cluster.service_password not in api.log
