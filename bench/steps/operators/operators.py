"""What operators wait for on a ledger of 10,000,000 transactions, and what their clicking costs those who bet."""

import asyncio
import json
import math
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPConnection
from statistics import median
from typing import Any

import grpc

from bench.clients.load import Load
from bench.clients.orders import Order
from bench.report.processors import Parties, used_s
from bench.servers.wallet_server import BenchCommand, RunningWallet, serving, started
from bench.steps.audit import Ledgered
from bench.steps.credit import create_ledgers, funding_order
from bench.steps.operators.fill import Extent, fill
from bench.steps.operators.names import draw_names
from bench.steps.operators.pages import Browser, clicking, pages_of
from bench.steps.operators.questions import Asker, Question, questions_of
from bench.steps.plan import FULL
from bench.steps.players import batch_order, paced_order
from bench.steps.testbed import Testbed, Workbench
from devstack.servers.ports import free_port
from devstack.stack_settings import StackError
from wallet.v1 import credit_wallet_pb2, credit_wallet_pb2_grpc
from wallet_grpc.store.background.days import DaySettings, DayStore
from wallet_grpc.store.connection.pool import Pool

_DATABASE = "wallet_operators"
_WALLETS = 2_000
_RESERVATIONS = 60
_DAYS = 30
_COUNT_MS = 60_000
_READY_WITHIN_S = 20.0
_POLL_S = 0.1
_CALL_TIMEOUT_S = 30.0
_PERCENT = 95
_CLICK_EVERY_S = 2.0
"""Of each of two operators: whoever reads what a page says clicks no oftener."""
_SHOWN_MAX = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """How long a question or a page took, each time, and the processor time of one, of all that answer together."""

    took_ms: Sequence[float]
    processor_ms: float

    def within_ms(self, percent: float) -> float:
        """What so many of a hundred were within."""
        return sorted(self.took_ms)[max(0, math.ceil(len(self.took_ms) * percent / 100) - 1)]

    def told(self) -> dict[str, float]:
        """What the results file has of it."""
        return {
            "p50_ms": round(median(self.took_ms), 1),
            "p95_ms": round(self.within_ms(_PERCENT), 1),
            "processor_ms": round(self.processor_ms, 1),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """Calls, pages, and bets beside a console that is used, on one ledger that is filled by SQL."""

    name: str = "operators"

    def run(self, testbed: Testbed) -> None:
        """Fill, count its days, ask, open pages, bet."""
        server = testbed.server
        key = server.make_template(_DATABASE)
        command = server.command(_DATABASE)
        with testbed.display.part(f"a ledger of {testbed.plan.operators_transactions:,} transactions"):
            took_s = fill(
                server,
                _DATABASE,
                Extent.of(testbed.plan.operators_transactions),
                say=testbed.display.show,
            )
        server.check_durable(_DATABASE)
        details: dict[str, Any] = {"filled_in_s": round(took_s, 1), "bytes": server.database_bytes(_DATABASE)}
        testbed.results.details["operators"] = details
        testbed.display.console.print(f"  [dim]filled in {took_s:.0f} s, {details['bytes'] / 1e9:.1f} GB[/]")
        self.measure(replace(testbed, key=key), command)
        server.drop_database(_DATABASE)

    def measure(self, testbed: Testbed, command: BenchCommand) -> None:
        """Measure on the ledger that is filled."""
        server, details = testbed.server, testbed.results.details["operators"]
        keys = {
            name: str(json.loads(command.run("keys", "create", "--source", name, "--json", *roles))["key"])
            for name, roles in {
                "backoffice": ("--role", "backoffice"),
                "console": ("--role", "backoffice", "--speaks-for-logins"),
            }.items()
        }
        details["days"] = _count_days(testbed, command)
        with serving(command) as wallet, _console(command, wallet, keys["console"]) as console:
            bench = Workbench(testbed=testbed, name=_DATABASE, command=command, wallet=wallet, ledgered=Ledgered())
            ledger_id, wallet_key = _credit_wallets(bench, testbed.key)
            names = draw_names(server, _DATABASE, testbed.plan.operators_asks, days=_DAYS)
            asker = Asker(wallet.address, keys["backoffice"])
            count = testbed.plan.operators_asks
            questions = questions_of(names, asker, ledger_id=ledger_id, wallet_key=wallet_key, count=count)
            self._ask(bench, console, asker, questions)
            asker.close()
            pages = pages_of(names, ledger_id=ledger_id, wallet_key=wallet_key, count=testbed.plan.operators_asks)
            self._open(bench, console, pages)
            self._bet(bench, console, pages)

    def _ask(self, bench: Workbench, console: "_Console", asker: Asker, questions: Sequence[Question]) -> None:
        searches: dict[str, Timed] = {}
        calls: dict[str, Timed] = {}
        with bench.testbed.display.part("operators' calls"):
            for question in questions:
                bench.testbed.display.show(question.name)
                try:
                    timed = _timed(bench, console, [partial(_seconds, asker, request) for request in question.requests])
                except grpc.RpcError as error:
                    raise StackError(f"the wallet refused to tell {question.name}: {error}") from error
                (searches if question.is_search else calls)[question.name] = timed
        self._told(bench.testbed, "operators_search_p95_ms", searches)
        self._told(bench.testbed, "operators_call_p95_ms", calls)

    def _open(self, bench: Workbench, console: "_Console", pages: Mapping[str, Sequence[str]]) -> None:
        browser = console.browser("anna")
        opened: dict[str, Timed] = {}
        with bench.testbed.display.part("the console's pages"):
            for name, paths in pages.items():
                bench.testbed.display.show(name)
                opened[name] = _timed(bench, console, [partial(browser.open, path) for path in paths])
        browser.close()
        self._told(bench.testbed, "operators_page_p95_ms", opened)

    def _told(self, testbed: Testbed, figure: str, timed: Mapping[str, Timed]) -> None:
        """Tell the worst, by name; the slowest are shown, all stand in the results."""
        plan, results = testbed.plan, testbed.results
        by_p95 = sorted(timed, key=lambda name: -timed[name].within_ms(_PERCENT))
        results.details["operators"][figure] = {name: timed[name].told() for name in by_p95}
        for name in by_p95[:_SHOWN_MAX]:
            told = timed[name].told()
            testbed.display.console.print(
                f"  [dim]{name:<48} p50 {told['p50_ms']:>7.1f} ms  p95 {told['p95_ms']:>7.1f} ms"
                f"  processor {told['processor_ms']:>6.1f} ms[/]"
            )
        processor = [it.processor_ms for it in timed.values()]
        results.add(
            figure,
            timed[by_p95[0]].within_ms(_PERCENT),
            f"worst of {len(timed)}: {by_p95[0]}",
            remark=f"processor time {min(processor):.1f} to {max(processor):.1f} ms",
            decides=plan is FULL,
        )

    def _bet(self, bench: Workbench, console: "_Console", pages: Mapping[str, Sequence[str]]) -> None:
        """Bet in turns with and without a console that is used; who goes first alternates."""
        testbed, plan = bench.testbed, bench.testbed.plan
        players = Extent.of(plan.operators_transactions).players // 2
        paths = [paths[number % len(paths)] for number in range(4) for paths in pages.values()]
        browsers = [console.browser(name) for name in ("anna", "bert")]

        def load(name: str, order: Order, *, used: bool) -> Load:
            beside = {"console": console.pid}
            if not used:
                return bench.measure(f"{name}, no clicks", order, beside=beside)
            with clicking(browsers, paths, every_s=_CLICK_EVERY_S) as clicks:
                done = bench.measure(f"{name}, a console that is used", order, beside=beside)
            testbed.display.console.print(
                f"  [dim]{len(clicks.took_s)} pages, median {1000 * median(clicks.took_s or [0]):.0f} ms[/]"
            )
            return done

        orders = {"batch": replace(batch_order(plan), prefix="ob"), "paced": replace(paced_order(plan), prefix="op")}
        for name, order in orders.items():
            for turn in range(plan.operators_turns):
                loads = {
                    used: load(name, replace(order, players=players), used=used)
                    for used in ((False, True) if turn % 2 == 0 else (True, False))
                }
                self._compare(testbed, name, quiet=loads[False], used=loads[True])
        for browser in browsers:
            browser.close()
        self._audit(bench)

    def _compare(self, testbed: Testbed, name: str, *, quiet: Load, used: Load) -> None:
        if name == "batch":
            remark = f"{quiet.outcome.per_s:,.0f}/s {quiet.cores}; {used.outcome.per_s:,.0f}/s {used.cores}"
            ratio = used.outcome.per_s / quiet.outcome.per_s
            testbed.results.add("bets_beside_console_ratio", ratio, remark=remark, decides=testbed.plan is FULL)
        cost = _postgres_us(used) / _postgres_us(quiet)
        remark = f"{name}: {_postgres_us(quiet):.0f} us beside nobody"
        testbed.results.add("bets_cost_beside_console_ratio", cost, remark=remark)

    def _audit(self, bench: Workbench) -> None:
        """Nothing but the bets came from here: as many as were acknowledged must be there."""
        ((found,),) = bench.testbed.server.rows(
            bench.name, "SELECT count(*) FROM ledger_transactions WHERE source = 'bench' AND kind = 'BET'"
        )
        acknowledged = bench.ledgered.transactions["BET"]
        if found != acknowledged:
            bench.testbed.results.void_reasons.append(
                f"{bench.name}: BET: {found} in the ledger, {acknowledged} acknowledged"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Console:
    """A running console."""

    address: str
    pid: int
    link_secret: str

    def browser(self, operator: str) -> Browser:
        """Give an operator who is logged in."""
        return Browser(self.address, operator=operator, link_secret=self.link_secret)


@contextmanager
def _console(command: BenchCommand, wallet: RunningWallet, key: str) -> Iterator[_Console]:
    """Serve the console for a block, by its command."""
    address, link_secret = f"127.0.0.1:{free_port()}", secrets.token_urlsafe(48)
    extra = {
        **command.extra,
        "WALLET_CONSOLE_ADDRESS": address,
        "WALLET_CONSOLE_GRPC_ADDRESS": wallet.address,
        "WALLET_CONSOLE_KEY": key,
        "WALLET_CONSOLE_SESSION_SECRET": secrets.token_urlsafe(48),
        "WALLET_CONSOLE_LINK_SECRET": link_secret,
        "WALLET_CONSOLE_METRICS_URLS": f"http://127.0.0.1:{wallet.metrics_port}/metrics",
    }
    with started(replace(command, extra=extra), "console") as process:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise StackError(f"the console did not answer within {_READY_WITHIN_S:.0f} s")
            time.sleep(_POLL_S)
        yield _Console(address=address, pid=process.pid, link_secret=link_secret)


def _answers(address: str) -> bool:
    connection = HTTPConnection(address, timeout=_READY_WITHIN_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _count_days(testbed: Testbed, command: BenchCommand) -> dict[str, float]:
    """Count what was filled in as a server does, without its rests; gives what that took of a transaction."""
    parties = Parties(processes={"worker": (os.getpid(),)}, postmaster=testbed.postmaster)
    began, before = time.monotonic(), used_s(parties)

    async def count() -> int:
        pool = Pool(
            command.databases.service_url, connections_max=1, wait_ms=_COUNT_MS, timeout_ms=_COUNT_MS, writes=True
        )
        settings = DaySettings(begins_at_hour=0, interval_ms=1, slices_max=testbed.plan.operators_transactions)
        try:
            return (await DayStore(settings, pool).count()).transactions
        finally:
            await pool.close()

    with testbed.display.part("counting business days"):
        transactions = asyncio.run(count())
    took_s = time.monotonic() - began
    used = used_s(parties)
    us = {name: (used[name] - before[name]) / transactions * 1e6 for name in ("worker", "postgres")}
    testbed.display.console.print(
        f"  [dim]days counted in {took_s:.0f} s; processor time of one of {transactions:,}: "
        f"worker {us['worker']:.2f} us, PostgreSQL {us['postgres']:.2f} us[/]"
    )
    return {"counted_in_s": round(took_s, 1)} | {f"{name}_us": round(each, 2) for name, each in us.items()}


def _credit_wallets(bench: Workbench, key: str) -> tuple[str, str]:
    """Create ledgers with wallets, one of which holds reservations; gives that one's ledger and its key."""
    ledger_ids = create_ledgers(bench.wallet.address, key)
    bench.load(funding_order(bench.testbed.plan, ledger_ids=ledger_ids, wallets=_WALLETS))
    wallet_key = f"{ledger_ids[0]}:customer-000000"
    metadata = (("authorization", f"Bearer {key}"),)
    with grpc.insecure_channel(bench.wallet.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = credit_wallet_pb2_grpc.CreditWalletServiceStub(channel)
        for number in range(_RESERVATIONS):
            request = credit_wallet_pb2.ReserveRequest(
                wallet_key=wallet_key, transaction_id=f"held-{number}", amount_minor="5", ttl_seconds=7_200
            )
            stub.Reserve(request, metadata=metadata, timeout=_CALL_TIMEOUT_S)
    return ledger_ids[0], wallet_key


def _timed(bench: Workbench, console: _Console, asks: Sequence[Callable[[], float]]) -> Timed:
    """Ask one after the other."""
    processes = {"server": bench.wallet.worker_pids(), "console": (console.pid,)}
    parties = Parties(processes=processes, postmaster=bench.testbed.postmaster)
    before = used_s(parties)
    took_ms = [1000 * ask() for ask in asks]
    after = used_s(parties)
    used = sum(after[name] - before[name] for name in ("server", "console", "postgres"))
    return Timed(took_ms=took_ms, processor_ms=1000 * used / len(asks))


def _seconds(asker: Asker, request: Any) -> float:
    """Ask; what the wallet gave up to answer, after its own time limit, counts with the time that took."""
    began = time.perf_counter()
    try:
        asker.ask(request)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
    return time.perf_counter() - began


def _postgres_us(load: Load) -> float:
    return load.used_s["postgres"] / load.outcome.applied_in_window * 1e6
