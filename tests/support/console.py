"""The web console as a process, and a client of it that sends requests as they are: cookies and forms of its own."""

import html
import re
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode, urlsplit

from devstack.servers.ports import free_port
from support.process import WalletProcess
from support.waiting import patient
from wallet_console.login_links import link_token
from wallet_console.operators import COOKIE

LINK_SECRET = "a-secret-of-the-tests-that-signs-links-into-the-console"
SESSION_SECRET = "a-secret-of-the-tests-that-signs-sessions-of-the-console"
OTHER_SECRET = "another-secret-of-the-tests-that-is-as-long-as-the-others"
XSS = """<img src=x onerror="window.wasHurt=1"><script>window.wasHurt=1</script>'"{{7*7}}"""
"""A text that does something where a page lets it."""
NOWHERE = "127.0.0.1:1"
"""An address where no wallet serves: enough for who only tries to come in."""

_TIMEOUT_S = 30.0
_AWAY = "database does not answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAnswer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    @property
    def title(self) -> str:
        """The page's first heading."""
        found = re.search(r"<h1>(.*?)</h1>", self.text, re.DOTALL)
        return "" if found is None else html.unescape(re.sub(r"<[^>]+>", "", found[1])).strip()

    def form(self, action: str) -> dict[str, str]:
        """What the page's form that is sent to an address holds in hidden fields."""
        (found,) = re.findall(
            rf'<form method="post" action="{re.escape(action)}"[^>]*>(.*?)</form>', self.text, re.DOTALL
        )
        fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', found)
        return {html.unescape(name): html.unescape(value) for name, value in fields}


@dataclass(slots=True)
class Browser:
    """Somebody at the console: keeps the session's cookie, follows nothing by itself."""

    address: str
    cookie: str | None = None
    last: PageAnswer | None = field(default=None)

    def get(self, path: str, **headers: str) -> PageAnswer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> PageAnswer:
        """Send a form."""
        given = {"content-type": "application/x-www-form-urlencoded", **headers}
        return self.ask("POST", path, body=urlencode(fields), **given)

    def ask(self, method: str, path: str, *, body: str | None = None, **headers: str) -> PageAnswer:
        """Send one request, patiently."""
        return patient(
            lambda: self._ask(method, path, body, headers),
            lambda answer: answer.status == HTTPStatus.SERVICE_UNAVAILABLE and _AWAY in answer.text,
        )

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> PageAnswer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie is not None:
            given["cookie"] = f"{COOKIE}={self.cookie}"
        connection = HTTPConnection(self.address, timeout=_TIMEOUT_S)
        try:
            connection.request(method, path, body=body, headers=given)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            self.last = PageAnswer(status=answer.status, headers=found, text=answer.read().decode())
        finally:
            connection.close()
        kept = re.match(rf"{COOKIE}=([^;]*)", found.get("set-cookie", ""))
        if kept is not None:
            self.cookie = None if kept[1] == "null" else kept[1]
        return self.last

    def csrf(self, path: str = "/nothing-is-here") -> str:
        """Give what this session's forms carry: every page of somebody who is logged in has it."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)
        assert found is not None, self.last
        return found[1]


class ConsoleServer(WalletProcess):
    """One `wallet console` on a free port of this machine, with the tests' secrets."""

    stopped_within_s = 20.0

    def __init__(self, inherited: dict[str, str], **settings: str) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        given = {
            "WALLET_CONSOLE_ADDRESS": self.address,
            "WALLET_CONSOLE_GRPC_ADDRESS": NOWHERE,
            "WALLET_CONSOLE_CALL_TIMEOUT_MS": "30000",  # of a machine that does much else
            "WALLET_CONSOLE_KEY": "sk_test_of_nobody",
            "WALLET_CONSOLE_AUDITOR_KEY": "sk_test_of_nobody_either",
            "WALLET_CONSOLE_SESSION_SECRET": SESSION_SECRET,
            "WALLET_CONSOLE_LINK_SECRET": LINK_SECRET,
        } | settings
        super().__init__("console", environment=inherited | {name: value for name, value in given.items() if value})

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.launch_until(self._answers)

    def browser(self) -> Browser:
        return Browser(self.address)

    def operator(self, name: str = "anna", role: str = "backoffice") -> Browser:
        """Give somebody who is logged in."""
        browser = self.browser()
        answer = browser.get(self.link(name, role))
        assert (answer.status, answer.location) == (303, "/"), answer
        return browser

    def link(self, name: str = "anna", role: str = "backoffice", *, secret: str = LINK_SECRET, ttl_s: int = 600) -> str:
        """Give the path of a link that logs in."""
        return f"/login/link?token={link_token(secret=secret, operator=name, role=role, ttl_s=ttl_s)}"

    def _answers(self) -> bool:
        try:
            return self.browser().get("/healthz").status == 200
        except (OSError, HTTPException):
            return False


def path_of(url: str) -> str:
    """Give what a browser asks a server for: an address without its origin."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def seconds_ago(seconds: int) -> int:
    return int(time.time()) - seconds
