"""Every metric of docs/metrics.md is shown by the processes that it names, and every one that is shown is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import grpc
import pytest
import yaml
from support.broker import Broker, new_vhost
from support.credit import Purse, credit_of, wait_until_posted
from support.database import ROOT, Installation
from support.events import Bus, Worker, deposit_settled
from support.gateway import GatewayServer
from support.http_api import ApiServer
from support.requests import USDT_TRON, Player
from support.scrapes import Scrape, told_metrics
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

from devstack.servers.ports import free_port, listens
from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.build import this_build

SERVICE = "wallet.v1.WalletService"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A wallet with all that shows metrics, and where."""

    wallet: Wallet
    server: WalletServer
    bus: Bus
    addresses: Mapping[str, str]
    first: Mapping[str, Scrape]
    """What each showed before anything was done."""

    def scrape(self, process: str) -> Scrape:
        return Scrape(self.addresses[process])


@pytest.fixture(scope="module")
def stack(module_installation: Installation, broker: Broker) -> Iterator[Stack]:
    installation, amqp_url = module_installation, new_vhost(broker)
    at = {process: f"127.0.0.1:{free_port()}" for process in ("serve", "consume", "relay", "gateway")}
    with ExitStack() as running:
        server = running.enter_context(WalletServer(installation, WALLET_METRICS_ADDRESS=at["serve"]))
        bus = running.enter_context(Bus(amqp_url))
        for process in ("consume", "relay"):
            worker = Worker(process, installation, amqp_url, WALLET_METRICS_ADDRESS=at[process])
            running.enter_context(worker)
        api = running.enter_context(ApiServer(installation))
        gateway = GatewayServer(server.wallet().target, WALLET_GATEWAY_METRICS_ADDRESS=at["gateway"])
        running.enter_context(gateway)
        bus.subscribe()
        addresses = {**at, "api": api.address}
        told_at = [int(address.rpartition(":")[2]) for address in addresses.values()]
        wait_until(lambda: all(map(listens, told_at)), what="all show their metrics")
        first = {process: Scrape(address) for process, address in addresses.items()}
        made = Stack(wallet=server.wallet(), server=server, bus=bus, addresses=addresses, first=first)
        _live(made)
        assert gateway.ask("/wallet.v1.WalletService/GetBalance", {}).status == 401
        yield made


def _live(stack: Stack) -> None:
    """Do a little of everything, so that something is counted everywhere."""
    wallet, player = stack.wallet, Player()
    stack.bus.publish(deposit_settled(player.deposit("100")))
    wait_until(lambda: wallet.main(player) == "100", what="the deposit", timeout_s=60)
    bet = player.bet("1")
    wallet.send(bet)
    wallet.send(bet)
    wait_until(lambda: len(stack.bus.events_of(player)) >= 2, what="events", timeout_s=60)
    credit = credit_of(wallet)
    credit.call(Purse(credit.ledger()).credit("5"))
    wait_until_posted(stack.server.installation)


OF_DATABASE = ("serve", "consume", "relay", "api")
PROCESSES = (*OF_DATABASE, "gateway")


@pytest.mark.parametrize("process", PROCESSES)
def test_the_page_tells_what_is_shown_and_all_of_it(stack: Stack, process: str) -> None:
    told = {row.name: row for row in told_metrics() if process in row.processes}
    shown = stack.scrape(process)
    assert told.keys() == shown.families.keys()
    for name, row in told.items():
        assert shown.families[name].type == (row.kind or shown.families[name].type), name
        assert shown.labels_of(name) <= {row.labels}, name


def test_what_alerts_count_is_there_before_it_happens(stack: Stack) -> None:
    """Prometheus sees no growth in a series that comes into being with its first failure."""
    rules = yaml.safe_load((ROOT / "deploy" / "helm" / "wallet" / "files" / "wallet.rules.yaml").read_text())
    counted = {
        found
        for group in rules["groups"]
        for rule in group["rules"]
        for found in re.findall(r"(?:rate|increase)\((wallet_\w+)(?:\{([^}]*)\})?\[", rule["expr"])
    }
    assert len(counted) > 10
    shown = [
        (sample.name, sample.labels)
        for scrape in stack.first.values()
        for family in scrape.families.values()
        for sample in family.samples
    ]
    for name, matchers in counted:
        chosen = re.findall(r'(\w+)(=~|=)"([^"]*)"', matchers)
        wanted = {value for label, _, values in chosen if label == "code" for value in values.split("|")} or {None}
        for code in wanted:
            assert [
                labels
                for shown_name, labels in shown
                if shown_name == name
                and (code is None or labels["code"] == code)
                and all(re.fullmatch(values, labels[label]) for label, _, values in chosen)
            ], (name, matchers, code)
    reasons = {labels["reason"] for name, labels in shown if name == "wallet_key_refusals_total"}
    assert reasons == {"CALLER_UNKNOWN", "CALL_NOT_ALLOWED", "ENVIRONMENT_MISMATCH"}
    methods = {(labels["service"], labels["method"]) for name, labels in shown if name == "wallet_call_seconds_count"}
    told = {(labels["service"], labels["method"]) for name, labels in shown if labels.get("code") == "INTERNAL"}
    assert methods <= told
    release = {tuple(labels.items()) for name, labels in shown if name == "wallet_build_info"}
    assert {dict(labels)["process"] for labels in release} == set(PROCESSES)
    assert {dict(labels)["commit"] for labels in release} == {this_build().commit}
    assert {dict(labels)["schema"] for labels in release} == {this_build().schema}


def test_the_page_names_processes_that_there_are() -> None:
    known = {*PROCESSES, "supervisor"}  # tests/rpc/test_workers.py asks that one
    assert [row for row in told_metrics() if not row.processes or set(row.processes) - known] == []


def test_calls_are_counted_by_how_they_ended(stack: Stack) -> None:
    wallet, player = stack.wallet, Player()
    before = stack.scrape("serve")
    bet = player.bet("3")
    wallet.refused(bet, "INSUFFICIENT_FUNDS")
    wallet.send(player.deposit("3"))
    for _ in range(3):
        wallet.send(bet)
    with stack.server.channel() as channel:
        for key in ("sk_test_nobody", ""):
            with pytest.raises(grpc.RpcError) as refused:
                _call(channel, "GetBalance", {"authorization": f"Bearer {key}"})
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        for name in ("Nothing1", "Nothing2"):
            with pytest.raises(grpc.RpcError) as unknown:
                _call(channel, name, {})
            assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert stack.server.health(channel) == "SERVING"
        assert stack.server.health(channel, "nothing") == "NOT_FOUND"
    health = {"service": "grpc.health.v1.Health", "method": "Check"}
    ended = [
        (3, {"service": SERVICE, "method": "Bet", "code": "OK", "reason": ""}),
        (1, {"method": "Bet", "code": "FAILED_PRECONDITION", "reason": "INSUFFICIENT_FUNDS"}),
        (2, {"method": "GetBalance", "code": "UNAUTHENTICATED", "reason": "CALLER_UNKNOWN"}),
        (2, {"service": "other", "method": "other", "code": "UNIMPLEMENTED"}),
        (1, {**health, "code": "OK"}),
        (1, {**health, "code": "NOT_FOUND"}),
    ]

    def gained(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    def all_counted() -> bool:
        nonlocal after
        after = stack.scrape("serve")
        return all(gained("wallet_calls_total", **labels) == count for count, labels in ended)

    after = before
    wait_until(all_counted, what="the calls are counted, some of them after their callers had the status")
    assert gained("wallet_call_seconds_count", service=SERVICE, method="Bet") == 4
    assert gained("wallet_operations_total", operation="bet", outcome="applied") == 1
    assert gained("wallet_operations_total", operation="bet", outcome="replayed") == 2
    assert gained("wallet_operations_total", operation="bet", outcome="INSUFFICIENT_FUNDS") == 1
    assert gained("wallet_key_refusals_total", reason="CALLER_UNKNOWN") == 2
    batches = gained("wallet_batch_seconds_count")
    assert batches == gained("wallet_batch_operations_count") > 0
    for part in ("load", "decide", "store"):
        assert gained("wallet_batch_part_seconds_count", part=part) == batches
    parts_s = gained("wallet_batch_part_seconds_sum")
    assert parts_s == pytest.approx(gained("wallet_batch_seconds_sum"), rel=0.01)


def test_streams_are_counted_by_how_they_ended(stack: Stack) -> None:
    wallet, player = stack.wallet, Player()
    before = stack.scrape("serve")
    assert len(wallet.default_caller(player.bet()).stream([player.bet("1"), player.bet("1")])) == 2
    with stack.server.channel() as channel:
        execute = channel.stream_stream(f"/{SERVICE}/Execute", lambda it: it, lambda it: it)
        with pytest.raises(grpc.RpcError):
            next(execute(iter([b""]), metadata=[("authorization", "Bearer sk_test_nobody")]))

    def gained(code: str) -> float:
        labels = {"service": SERVICE, "method": "Execute", "code": code}
        return stack.scrape("serve").value("wallet_calls_total", **labels) - before.value(
            "wallet_calls_total", **labels
        )

    wait_until(lambda: (gained("OK"), gained("UNAUTHENTICATED")) == (1, 1), what="both streams are counted")


def test_databases_and_workers_are_told(stack: Stack) -> None:
    for process in OF_DATABASE:
        shown = stack.scrape(process)
        wait_until(
            lambda process=process: stack.scrape(process).value("wallet_database_role", role="primary") == 1,
            what=f"{process} has seen what its database is",
        )
        assert shown.value("wallet_database_up") == 1
        assert shown.value("wallet_database_role", role="replica") == 0
    workers = {
        "serve": {"poster", "sweeper", "house", "expiry", "days", "backlog", "lookup lag", "key uses", "summaries"},
        "consume": {"consume", "retries", "watch"},
        "relay": {"relay", "watch"},
    }
    for process, names in workers.items():
        ages = stack.scrape(process).families["wallet_worker_last_success_age_seconds"].samples
        assert {sample.labels["worker"] for sample in ages} == names
        assert max(sample.value for sample in ages) < 60
    backlog = stack.scrape("serve").families["wallet_backlog"].samples
    queues = {"outbox", "outbox_parked", "inbox", "inbox_parked", "postings", "reservations", "sessions"}
    assert {sample.labels["queue"] for sample in backlog} == queues


def _call(channel: grpc.Channel, method: str, metadata: Mapping[str, str]) -> None:
    request = pb.GetBalanceRequest(player_id=1, currency_network_id=USDT_TRON)
    call = channel.unary_unary(f"/{SERVICE}/{method}", pb.GetBalanceRequest.SerializeToString, lambda raw: raw)
    call(request, metadata=tuple(metadata.items()), timeout=30)
