"""PostgreSQL away for a while, under reads: once it is back, every process answers at once, and every worker goes on.

The outages are short here. WALLET_TEST_OUTAGES="3,30,180" and WALLET_TEST_OUTAGE_READS="0,100,300" (a second) make them
as long and as loaded as the promise is.
"""

import os
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from http.client import HTTPException
from urllib.error import HTTPError

import grpc
import pytest
from support.broker import Broker, new_vhost
from support.cookies import token
from support.credit import ENTRY_NOT_POSTED, CreditCaller, credit_of
from support.database import Installation
from support.events import Bus, Worker, deposit_settled
from support.http_api import BALANCES, ApiServer
from support.ledger import check_invariants
from support.proxy import Proxy
from support.refusals import Refusal
from support.requests import Player
from support.server import WalletServer
from support.waiting import BUSY_S, wait_until
from support.wallet import Wallet

from devstack.servers.ports import free_port

OUTAGES_S = [float(outage) for outage in os.environ.get("WALLET_TEST_OUTAGES", "3").split(",")]
READS_PER_S = [int(reads) for reads in os.environ.get("WALLET_TEST_OUTAGE_READS", "100").split(",")]
ANSWERS_WITHIN_S = 2.0
WORKS_WITHIN_S = 6.0
"""What workers do is seen an interval or two later."""

New = Callable[..., Installation]


@contextmanager
def reads(wallet: Wallet, api: ApiServer, player: Player, per_s: int) -> Iterator[None]:
    """Read over gRPC at a rate, and over HTTP at a fifth of it, whatever is answered."""
    over = threading.Event()
    stub = wallet.caller(wallet.keys["games"])

    def read() -> None:
        began, sent = time.monotonic(), 0
        while not over.wait(0.01):
            while sent < (time.monotonic() - began) * per_s:
                sent += 1
                stub.stub.GetBalance.future(player.balance(), metadata=stub.credentials, timeout=10)

    def ask() -> None:
        while not over.wait(5 / per_s * len(askers)):
            with suppress(OSError, HTTPException):
                api.ask(BALANCES, cookie=token(player.player_id))

    askers = [threading.Thread(target=ask, daemon=True) for _ in range(8 if per_s else 0)]
    threads = [*askers, *([threading.Thread(target=read, daemon=True)] if per_s else [])]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def took_s(name: str, since: float, done: Callable[[], object]) -> float:
    """Wait until something is so; how long after `since` it was."""
    wait_until(done, what=f"{name} goes on")
    return time.monotonic() - since


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("per_s", READS_PER_S)
@pytest.mark.parametrize("outage_s", OUTAGES_S)
def test_case_60_all_go_on_when_the_database_is_back(
    new_installation: New, broker: Broker, outage_s: float, per_s: int
) -> None:
    direct = new_installation()
    amqp_url = new_vhost(broker)
    with ExitStack() as running:
        proxy = running.enter_context(Proxy(direct.service_dsn))
        through = replace(
            direct,
            cluster=replace(direct.cluster, admin_dsn=proxy.before(direct.cluster.admin_dsn)),
        )
        bus = running.enter_context(Bus(amqp_url))
        server = running.enter_context(WalletServer(through, WALLET_SESSION_EXPIRY_GRACE_MS="0"))
        api = running.enter_context(ApiServer(through))
        running.enter_context(Worker("consume", through, amqp_url))
        running.enter_context(Worker("relay", through, amqp_url))
        bus.subscribe()
        channel = running.enter_context(server.channel())
        wallet = server.wallet()
        player = wallet.player("100")
        credit: CreditCaller = credit_of(wallet)
        purse = credit.purse("100")
        before = deposit_settled(Player().deposit("1"))
        bus.publish(before)
        wait_until(lambda: _applied(direct, before.message_id), what="the consumer works")
        wait_until(lambda: bus.events_of(player), what="the relay works")  # one that starts in an outage ends
        with reads(wallet, api, player, per_s):
            proxy.refuse()
            time.sleep(outage_s)
            late = deposit_settled(Player().deposit("1"))
            bus.publish(late)
            published = len(bus.events_of(player))
            proxy.serve()
            back = time.monotonic()
            with ThreadPoolExecutor() as pool:
                waits = {
                    "a bet": lambda: not isinstance(wallet.games.attempt(player.bet("1"), timeout_s=5), Refusal),
                    "a read": lambda: not isinstance(wallet.payments.attempt(player.balance(), timeout_s=5), Refusal),
                    "the API": lambda: api.ask(BALANCES, cookie=token(player.player_id)).status == 200,
                    "the server's readiness": lambda: server.health(channel, "readiness") == "SERVING",
                    "the API's readiness": lambda: api.ask("/readyz").status == 200,
                    "the consumer": lambda: _applied(direct, late.message_id),
                    "the relay": lambda: len(bus.events_of(player)) > published,
                }
                found = {name: pool.submit(took_s, name, back, done) for name, done in waits.items()}
                answered = {name: future.result() for name, future in found.items()}
            credit.accepted(purse.credit("1"), "101", "101")
            worked = {"the poster": took_s("the poster", back, lambda: direct.rows(ENTRY_NOT_POSTED) == [(0,)])}
        told = {name: round(after_s, 2) for name, after_s in (answered | worked).items()}
        sys.stderr.write(f"\nafter {outage_s:g} s under {per_s} reads a second, seconds until it goes on: {told}\n")
        assert max(answered.values()) < ANSWERS_WITHIN_S + BUSY_S, answered
        assert max(worked.values()) < WORKS_WITHIN_S + BUSY_S, worked
        for process in (server, api):
            assert process.runs
    check_invariants(direct)


def _applied(installation: Installation, event_id: str | None) -> bool:
    return installation.rows("SELECT state FROM inbox_events WHERE event_id = %s", event_id) == [("APPLIED",)]


@pytest.mark.faults
def test_readiness_tells_of_a_process_that_does_not_reach_its_database(new_installation: New) -> None:
    """And its liveness does not: a restart would help nobody. One beside it that reaches the database stays ready."""
    direct = new_installation()
    metrics = f"127.0.0.1:{free_port()}"
    settings = {"WALLET_UNHEALTHY_AFTER_MS": "1000"}
    with ExitStack() as running:
        proxy = running.enter_context(Proxy(direct.service_dsn))
        through = replace(direct, cluster=replace(direct.cluster, admin_dsn=proxy.before(direct.cluster.admin_dsn)))
        alone = running.enter_context(WalletServer(through, WALLET_METRICS_ADDRESS=metrics, **settings))
        away = f"amqp://127.0.0.1:{free_port()}/"
        asked = [metrics, *(f"127.0.0.1:{free_port()}" for _ in range(2))]
        for command, address in zip(("consume", "relay"), asked[1:], strict=True):
            running.enter_context(Worker(command, through, away, WALLET_METRICS_ADDRESS=address, **settings))
        other = running.enter_context(WalletServer(direct, **settings))
        channel, beside = running.enter_context(alone.channel()), running.enter_context(other.channel())
        assert _metric(metrics, "wallet_database_up") == 1
        wait_until(lambda: {_probe(address, "/readyz") for address in asked} == {200}, what="they are ready")
        proxy.refuse()
        for service in ("", "wallet.v1.WalletService", "readiness"):
            wait_until(partial(_is_out, alone, channel, service), what=f"{service} is not ready")
        assert alone.health(channel, "liveness") == "SERVING"
        assert {other.health(beside, name) for name in ("", "readiness", "liveness")} == {"SERVING"}
        wait_until(lambda: {_probe(address, "/readyz") for address in asked} == {503}, what="it is not ready")
        assert {_probe(address, "/healthz") for address in asked} == {200}
        wait_until(lambda: _metric(metrics, "wallet_database_up") == 0, what="the metric tells")
        proxy.serve()
        wait_until(lambda: alone.health(channel, "readiness") == "SERVING", what="it is ready again")
        wait_until(lambda: {_probe(address, "/readyz") for address in asked} == {200}, what="it is ready again")
        wait_until(lambda: _metric(metrics, "wallet_database_up") == 1, what="the metric tells again")
        assert alone.log.count('"database_not_reached"') == 1
        assert alone.log.count('"database_reached"') == 1


def _is_out(server: WalletServer, channel: grpc.Channel, service: str) -> bool:
    return server.health(channel, service) == "NOT_SERVING"


def _probe(address: str, path: str) -> int | None:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return refused.code
    except OSError:  # it does not listen yet
        return None


def _metric(address: str, name: str) -> float:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    (line,) = [line for line in lines if line.startswith(name + " ")]
    return float(line.rpartition(" ")[2])
