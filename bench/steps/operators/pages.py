"""Every page of the console, as a browser asks for it, and operators who click from one to the next."""

import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from itertools import cycle, islice

from bench.steps.operators.names import Names
from devstack.stack_settings import StackError
from wallet_console import links
from wallet_console.login_links import link_token
from wallet_console.operators import COOKIE

_TIMEOUT_S = 30.0
_JOIN_WITHIN_S = 60.0
_MANY = 1


class Browser:
    """An operator's browser: logged in by a link, on one connection."""

    def __init__(self, address: str, *, operator: str, link_secret: str) -> None:
        self._connection = HTTPConnection(address, timeout=_TIMEOUT_S)
        self._cookie = ""
        token = link_token(secret=link_secret, operator=operator, role="backoffice", ttl_s=3_600)
        self._ask(f"/login/link?token={token}")
        if not self._cookie:
            raise StackError("the console let nobody in by its link")

    def open(self, path: str) -> float:
        """Open a page, with where it sends on to; gives how long that took, in seconds.

        Raises:
            StackError: It is no page.
        """
        began = time.perf_counter()
        status, location = self._ask(path)
        if status == 303:
            status, _ = self._ask(location)
        took_s = time.perf_counter() - began
        if status != 200:
            raise StackError(f"the console answered {path} with {status}")
        return took_s

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, path: str) -> tuple[int, str]:
        try:
            self._connection.request("GET", path, headers={"cookie": self._cookie} if self._cookie else {})
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            raise StackError(f"the console did not answer {path}: {error}") from error
        kept = answer.getheader("set-cookie", "").partition(";")[0]
        if kept.startswith(COOKIE):
            self._cookie = kept
        return answer.status, answer.getheader("location", "")


@dataclass(slots=True, kw_only=True)
class Clicks:
    """What was clicked."""

    took_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@contextmanager
def clicking(browsers: Sequence[Browser], paths: Sequence[str], *, every_s: float) -> Iterator[Clicks]:
    """Have operators click, each as often, for a block; which page comes next is the same in each run.

    Raises:
        StackError: A page was none.
    """
    clicks, ended = Clicks(), threading.Event()

    def click(browser: Browser, number: int) -> None:
        due = time.monotonic() + every_s * number / len(browsers)
        for path in itertools.islice(itertools.cycle(paths), number * len(paths) // len(browsers), None):
            if ended.wait(max(0.0, due - time.monotonic())):
                return
            try:
                clicks.took_s.append(browser.open(path))
            except StackError as error:
                clicks.failures.append(str(error))
                return
            due = max(due + every_s, time.monotonic())

    threads = [threading.Thread(target=click, args=(it, number), daemon=True) for number, it in enumerate(browsers)]
    for thread in threads:
        thread.start()
    try:
        yield clicks
    finally:
        ended.set()
        for thread in threads:
            thread.join(_JOIN_WITHIN_S)
    if clicks.failures:
        raise StackError("; ".join(clicks.failures))


def pages_of(names: Names, *, ledger_id: str, wallet_key: str, count: int) -> Mapping[str, Sequence[str]]:
    """Give every page, each so many times, by what it shows."""
    bets, sessions = names.bets, names.sessions
    begin = (names.now - timedelta(days=10)).date().isoformat()
    end = (names.now - timedelta(days=9)).date().isoformat()
    given: Mapping[str, Sequence[str]] = {
        "now": ["/"],
        "search, nothing": [f"/search?q=nothing-{row.tx_id}" for row in bets],
        "search, a round": [f"/search?q={row.round_id}" for row in bets],
        "search, a hash": [f"/search?q={row.tx_hash}" for row in names.deposits],
        "players": ["/players", "/players?state=blocked"],
        "player": [links.player(row.owner_id) for row in bets],
        "player who has many": [links.player(_MANY)],
        "statement": [
            links.statement_of_month(row.owner_id, names.now.date()) for row in bets if row.owner_id != _MANY
        ],
        "transactions": ["/transactions", "/transactions?source=studio-7", "/transactions?kinds=deposit"],
        "transactions of a player": [links.transactions(player=row.owner_id) for row in bets],
        "transactions of a day": [links.transactions(begin=begin, end=end)],
        "transaction": [links.transaction(row.tx_id) for row in (*bets, *names.withdrawals)],
        "round": [links.round_(row.owner_id, 1, row.game_code, row.round_id, row.source) for row in bets],
        "sessions": ["/sessions", "/sessions?status=open", "/sessions?source=studio-7"],
        "session": [links.session(row.token) for row in sessions],
        "withdrawals": ["/withdrawals", "/withdrawals?older_than_hours=24", "/withdrawals?state=settled"],
        "approvals": ["/approvals", "/approvals?state=refused"],
        "approval": [links.proposal(name) for name in names.proposals],
        "events": ["/events", "/events?direction=published"],
        "event": [links.event(ref) for ref in names.events],
        "finance": ["/finance", "/finance?by=day&by=source&by=game", "/finance?by=source"],
        "trial balance": ["/finance/trial-balance", f"/finance/trial-balance?at={end}"],
        "liabilities": ["/finance/liabilities", f"/finance/liabilities?at={end}"],
        "proof": ["/proof"],
        "callers": ["/callers", "/callers?revoked=1"],
        "ledgers": ["/ledgers"],
        "ledger": [links.ledger(ledger_id)],
        "wallet": [links.wallet(wallet_key)],
        "trail": ["/trail", "/trail?actor=operator-3"],
    }
    return {name: list(islice(cycle(paths), count)) for name, paths in given.items()}
