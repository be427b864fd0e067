"""Who comes into the console, and who does not: sessions, links, forms, hosts, addresses to go on to.

Long because each way in has those who try it in vain.
"""

import base64
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import itsdangerous
import jwt
import pytest
from support.console import LINK_SECRET, OTHER_SECRET, SESSION_SECRET, Browser, ConsoleServer, seconds_ago
from support.waiting import wait_until

from wallet_console.operators import COOKIE
from wallet_console.pages import PAGES
from wallet_console.settings import ConsoleSettings

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")}
READ = sorted(page.path for page in PAGES if page.method == "GET")
CHANGED = sorted(page.path for page in PAGES if page.method == "POST")
SECURITY_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


@pytest.fixture(scope="module")
def console() -> Iterator[ConsoleServer]:
    with ConsoleServer(ENVIRONMENT) as server:
        yield server


def session_key(environment: str) -> str:
    """Give what a console of an environment signs sessions with."""
    settings = {"console_key": f"sk_{environment}_x", "console_session_secret": SESSION_SECRET}
    provider = {"console_oidc_issuer": "https://login.example", "console_oidc_client_id": "x"}
    return ConsoleSettings.model_validate({"environment": environment} | settings | provider).session_key


def session_cookie(content: dict[str, object], *, secret: str = session_key("test"), age_s: int = 0) -> str:
    """Sign a session as the console does, at any time."""

    class Then(itsdangerous.TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time()) - age_s

    return Then(secret).sign(base64.b64encode(json.dumps(content).encode())).decode()


GOOD = {"operator": "anna", "role": "backoffice", "csrf": "x" * 32, "at": int(time.time())}
FORGED = {
    "none": None,
    "empty": "",
    "no session": "abc",
    "signed with another secret": session_cookie(GOOD, secret=OTHER_SECRET),
    "signed with the links' secret": session_cookie(GOOD, secret=LINK_SECRET),
    "signed with the bare secret": session_cookie(GOOD, secret=SESSION_SECRET),
    "of the other environment": session_cookie(GOOD, secret=session_key("live")),
    "too old": session_cookie(GOOD, age_s=28_801),
    "signed anew, of a login that is too old": session_cookie(GOOD | {"at": seconds_ago(28_801)}),
    "of no time": session_cookie(GOOD | {"at": None}),
    "from tomorrow, changed": session_cookie(GOOD)[:-2] + "xx",
    "another name under its signature": base64.b64encode(json.dumps(GOOD | {"operator": "bert"}).encode()).decode()
    + "."
    + session_cookie(GOOD).partition(".")[2],
    "a role that there is not": session_cookie(GOOD | {"role": "admin"}),
    "a name with a line in it": session_cookie(GOOD | {"operator": "anna\nbert"}),
    "no name": session_cookie({"role": "backoffice"}),
    "a link's token": jwt.encode({"sub": "anna"}, LINK_SECRET, algorithm="HS256"),
}


def test_a_session_that_the_console_signed_is_let_in(console: ConsoleServer) -> None:
    answer = Browser(console.address, session_cookie(GOOD)).get("/nothing-is-here")
    assert (answer.status, answer.title) == (404, "There is nothing under this address")
    assert "anna" in answer.text


@pytest.mark.parametrize("cookie", FORGED.values(), ids=FORGED.keys())
def test_nobody_else_sees_a_page(console: ConsoleServer, cookie: str | None) -> None:
    for path in READ:
        answer = Browser(console.address, cookie).get(path.replace("{player_id}", "42"))
        assert answer.status == 303, path
        assert answer.location.startswith("/login"), path
        assert answer.text == "", path


@pytest.mark.parametrize("path", [*CHANGED, "/logout"])
def test_no_form_of_nobody_is_taken(console: ConsoleServer, path: str) -> None:
    answer = console.browser().post(path.replace("{player_id}", "42"), {"csrf": ""})
    assert (answer.status, answer.location) == (303, "/login")


@pytest.mark.parametrize("path", [*CHANGED, "/logout"])
def test_no_form_of_another_page_is_taken(console: ConsoleServer, path: str) -> None:
    anna, bert = console.operator("anna"), console.operator("bert")
    path = path.replace("{player_id}", "42")
    own, others = anna.csrf(), bert.csrf()
    sent = [
        anna.post(path, {}),
        anna.post(path, {"csrf": ""}),
        anna.post(path, {"csrf": others}),
        anna.post(path, {"csrf": own + "x"}),
        anna.post(path, {"csrf": own}, sec_fetch_site="cross-site"),
        anna.post(path, {"csrf": own}, sec_fetch_site="same-site"),
    ]
    assert [(answer.status, answer.title) for answer in sent] == [(403, "This form is not of your session")] * len(sent)


def test_a_large_form_is_refused(console: ConsoleServer) -> None:
    anna = console.operator()
    answer = anna.post("/approval/decision", {"csrf": anna.csrf(), "reason": "x" * 70_000})
    assert (answer.status, answer.title) == (413, "This form is too large")


@pytest.mark.parametrize(
    "asked",
    [
        "/sessions?older_than_hours=9223372036854775807",
        "/withdrawals?older_than_hours=876001",
        f"/sessions?player={'0' * 5_000}1",
        "/transactions?currency_network=2147483648",
        "/round?player=1&currency_network=99999999999",
        "/transactions?begin=0001-01-01T00:00%2B14:00",
        "/transactions?end=9999-12-31T23:59-14:00",
    ],
)
def test_numbers_and_times_that_there_are_not_are_told_of(console: ConsoleServer, asked: str) -> None:
    answer = console.operator().get(asked)
    assert answer.status == 400, answer.title


def test_an_own_form_reaches_the_wallet(console: ConsoleServer) -> None:
    """Which is not there in these tests: nobody can tell what came of it, and the form is there to be sent again."""
    anna = console.operator()
    fields = {"csrf": anna.csrf(), "proposal_id": "p", "decision": "approve", "reason": '"because" <b>'}
    answer = anna.post("/approval/decision", fields)
    assert (answer.status, answer.title) == (504, "This may have been done")
    assert answer.form("/approval/decision") == fields


def test_a_page_that_only_reads_says_nothing_of_changes(console: ConsoleServer) -> None:
    answer = console.operator().get("/approvals")
    assert (answer.status, answer.title) == (503, "The wallet cannot be reached")
    assert "Load the page again in a moment" in answer.text
    assert "changed" not in answer.text


# ------------------------------------------------------------------------------------------------------- under fire

PLACES = 4
FEW = {"WALLET_CONSOLE_REQUESTS_MAX": str(PLACES), "WALLET_CONSOLE_RECEIVE_TIMEOUT_MS": "2000"}


@pytest.fixture(scope="module")
def small_console() -> Iterator[ConsoleServer]:
    """A console of few places, which waits for nobody longer than two seconds."""
    with ConsoleServer(ENVIRONMENT, **FEW) as server:
        yield server


def begun(console: ConsoleServer, sent: str) -> socket.socket:
    """Open a connection, send this much on it, and nothing more."""
    host, _, port = console.address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(sent.encode())
    return connection


def test_forms_that_never_arrive_give_their_places_back(small_console: ConsoleServer) -> None:
    anna = small_console.operator()
    head = (
        f"POST /approval/decision HTTP/1.1\r\nHost: {small_console.address}\r\nCookie: {COOKIE}={anna.cookie}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ncsrf="
    )
    with ExitStack() as opened:
        slow = [opened.enter_context(begun(small_console, head)) for _ in range(PLACES)]
        wait_until(lambda: small_console.browser().get("/login").status == 503, what="all places are taken")
        assert small_console.browser().get("/healthz").status == 200
        answers = [connection.recv(12) for connection in slow]
    assert answers == [b"HTTP/1.1 408"] * PLACES
    assert anna.get("/nothing-is-here").status == 404


def test_connections_that_say_nothing_end_and_others_are_served(small_console: ConsoleServer) -> None:
    """Silent ones, half heads, and a half head after an answered request; and a flood of probes beside."""
    probe = f"GET /healthz HTTP/1.1\r\nHost: {small_console.address}\r\n\r\n"
    half = f"GET /login HTTP/1.1\r\nHost: {small_console.address}\r\n"
    with ExitStack() as opened:
        silent = [opened.enter_context(begun(small_console, sent)) for sent in ("", half, probe) for _ in range(50)]
        for connection in silent[-50:]:
            assert connection.recv(12) == b"HTTP/1.1 200"
            connection.sendall(half.encode())
        assert all(small_console.browser().get("/healthz").status == 200 for _ in range(50))
        assert small_console.browser().get("/login").status == 200
        for connection in silent:
            while connection.recv(65_536):
                pass


def test_any_number_of_operators_are_logged_in_at_once(console: ConsoleServer) -> None:
    """A session is kept by its browser alone: what many of them hold of the console is nothing."""
    console.operator("warm")
    rss_before = console.rss_bytes
    browsers = [console.operator(f"operator-{number}") for number in range(1_000)]
    assert console.rss_bytes - rss_before < 8 * 1024 * 1024
    assert len({browser.csrf() for browser in browsers[::50]}) == 20, "the first are as well logged in as the last"


def test_who_logs_out_is_nobody(console: ConsoleServer) -> None:
    anna = console.operator()
    assert anna.post("/logout", {"csrf": anna.csrf()}).location == "/login"
    assert anna.cookie is None
    assert anna.get("/").location == "/login"


def test_a_form_that_somebody_opened_before_they_logged_in_again_is_still_theirs(console: ConsoleServer) -> None:
    browser = console.operator("anna")
    opened = browser.csrf()
    browser.get(console.link("anna"))
    assert browser.csrf() == opened
    for other in (("bert", "backoffice"), ("anna", "auditor")):
        browser.get(console.link(*other))
        assert browser.csrf() != opened, other
    browser.get(console.link("anna"))
    kept = browser.csrf()
    assert kept != opened
    assert browser.post("/logout", {"csrf": kept}).location == "/login"
    browser.get(console.link("anna"))
    assert browser.csrf() != kept, "who logs out leaves nothing"


def test_a_form_of_a_session_that_ended_can_be_sent_once_its_operator_is_back(console: ConsoleServer) -> None:
    browser = console.browser()
    browser.cookie = session_cookie(GOOD | {"at": seconds_ago(28_801)})
    assert browser.post("/approval/decision", {"csrf": str(GOOD["csrf"])}).location == "/login"
    browser.get(console.link("anna"))
    assert browser.csrf() == GOOD["csrf"]


# ------------------------------------------------------------------------------------------------------------ links


def test_a_link_lets_nobody_in_that_was_made_up(console: ConsoleServer) -> None:
    def token(**changes: object) -> str:
        claims = {"sub": "anna", "role": "backoffice", "aud": "wallet-console", "exp": int(time.time()) + 60} | changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, LINK_SECRET, algorithm="HS256")

    links = [
        console.link(secret=OTHER_SECRET),
        console.link(secret=SESSION_SECRET),
        console.link(ttl_s=-5),
        console.link(role="admin"),
        console.link("anna bert"),
        "/login/link",
        "/login/link?token=abc",
        f"/login/link?token={'x' * 5_000}",
        f"/login/link?token={token(exp=None)}",
        f"/login/link?token={token(aud='wallet-api')}",
        f"/login/link?token={token(aud=None)}",
        f"/login/link?token={token(sub=None)}",
        "/login/link?token=" + jwt.encode({"sub": "anna", "role": "backoffice"}, None, algorithm="none"),
    ]
    for link in links:
        browser = console.browser()
        answer = browser.get(link)
        assert (answer.status, answer.title, browser.cookie) == (403, "This link lets nobody in", None), link


def test_names_are_kept_in_small_letters(console: ConsoleServer) -> None:
    assert ">anna.b@example<" in console.operator("Anna.B@Example").get("/nothing-is-here").text


def test_a_login_leads_to_what_was_asked_for_and_nowhere_else(console: ConsoleServer) -> None:
    assert console.browser().get("/players/42?kinds=bet").location == "/login?next=%2Fplayers%2F42%3Fkinds%3Dbet"
    to = {
        "/players/42?kinds=bet": "/players/42?kinds=bet",
        "": "/",
        "//evil.example": "/",
        "/\\evil.example": "/",
        "https://evil.example/": "/",
        "javascript:alert(1)": "/",
        "/login": "/",
        "/x\r\nset-cookie: a=b": "/",
    }
    for asked, reached in to.items():
        browser = console.browser()
        answer = browser.get(console.link() + "&next=" + "".join(f"%{byte:02x}" for byte in asked.encode()))
        assert (answer.status, answer.location) == (303, reached), asked


# --------------------------------------------------------------------------------------------------------- the rest


def test_every_answer_carries_the_security_headers(console: ConsoleServer) -> None:
    anna = console.operator()
    answers = [anna.get(path) for path in ("/", "/nothing", "/login", "/static/console.css", "/healthz")]
    answers += [anna.post("/logout", {}), console.browser().get("/"), anna.ask("PUT", "/")]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert "server" not in answer.headers
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_the_cookie_is_for_this_server_alone(console: ConsoleServer) -> None:
    sent = console.browser().get(console.link()).headers["set-cookie"].lower()
    assert "httponly" in sent
    assert "samesite=lax" in sent
    with ConsoleServer(ENVIRONMENT, WALLET_CONSOLE_URL="https://wallet.example") as by_tls:
        answer = by_tls.browser().get(by_tls.link(), host="wallet.example")
        assert answer.headers["set-cookie"].startswith("__Host-wallet_console=")
        assert answer.headers["set-cookie"].lower().endswith("; secure")
        assert "max-age" in answer.headers["strict-transport-security"]


def test_another_host_than_its_own_is_not_answered(console: ConsoleServer) -> None:
    assert console.browser().get("/login", host="evil.example").status == 400


def test_probes_that_name_a_pod_by_its_address_are_answered(console: ConsoleServer) -> None:
    for path in ("/healthz", "/readyz"):
        assert console.browser().get(path, host="192.0.2.7:8081").status == 200


def test_a_full_console_still_answers_its_probes() -> None:
    with ConsoleServer(ENVIRONMENT, WALLET_CONSOLE_REQUESTS_MAX="1") as console:
        anna = console.operator()
        connection = HTTPConnection(console.address, timeout=30)
        connection.putrequest("POST", "/logout")
        connection.putheader("cookie", f"{COOKIE}={anna.cookie}")
        connection.putheader("content-length", "10")
        connection.endheaders()  # its page waits for the form
        wait_until(lambda: console.browser().get("/login").status == 503, what="the only place is taken")
        assert [console.browser().get(path).status for path in ("/healthz", "/readyz")] == [200, 200]
        connection.close()


def test_a_path_cannot_leave_the_static_files(console: ConsoleServer) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/"):
        assert console.browser().get(path).status in {404, 405}, path


def test_its_log_holds_neither_tokens_nor_what_was_looked_for() -> None:
    with ConsoleServer(ENVIRONMENT) as console:
        anna = console.operator()
        cookie, csrf = anna.cookie, anna.csrf()
        anna.get("/search?q=what-somebody-looked-for")
        assert console.stop() == 0
        for secret in (cookie, csrf, LINK_SECRET, SESSION_SECRET, "looked-for", "sk_test", "login/link"):
            assert secret is not None
            assert secret not in console.log, secret


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"WALLET_ENVIRONMENT": "live"}, "on LIVE, operators log in by OpenID Connect"),
        ({"WALLET_CONSOLE_LINK_SECRET": ""}, "nobody could log in: WALLET_CONSOLE_OIDC_ISSUER is required"),
        ({"WALLET_CONSOLE_OIDC_ISSUER": "https://login.example"}, "WALLET_CONSOLE_OIDC_CLIENT_ID go together"),
        ({"WALLET_CONSOLE_OIDC_ISSUER": "http://login.example"}, "must be https://"),
        ({"WALLET_CONSOLE_SESSION_SECRET": "short"}, "is shorter than 32 bytes"),
        ({"WALLET_CONSOLE_KEY": ""}, "WALLET_CONSOLE_KEY: Field required"),
        ({"WALLET_CONSOLE_URL": "wallet.example"}, "is no address such as https://wallet.example"),
        ({"WALLET_CONSOLE_METRICS_URLS": "here"}, "is no address such as http://wallet:9464/metrics"),
        ({"WALLET_CONSOLE_GRPC_CA_FILE": "/nowhere/ca.pem"}, "No such file"),
    ],
)
def test_it_names_the_setting_that_is_wrong(settings: dict[str, str], said: str) -> None:
    server = ConsoleServer(ENVIRONMENT, **settings)
    assert server.launch().wait(timeout=30) == 1
    assert said in server.log
    assert "short" not in server.log.replace("shorter", "")
