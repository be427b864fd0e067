"""Traces: what a collector is told of calls, of their batches and of what was refused; and what it is not told."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from support.collector import Collector, Told, collecting
from support.database import Installation
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

from devstack.servers.ports import free_port
from wallet.v1 import wallet_pb2 as pb

SERVER_KIND = 2
BET = "wallet.v1.WalletService.Bet"
OPERATION = "operation of a stream"


class Traced:
    """A wallet whose traces are collected."""

    def __init__(self, server: WalletServer, collector: Collector) -> None:
        self.server = server
        self.collector = collector
        self.wallet: Wallet = server.wallet()

    def send(self, method: str, request: Any, traceparent: str | None) -> Any:
        """Call as the game, with or without a trace."""
        caller = self.wallet.games
        told = () if traceparent is None else (("traceparent", traceparent),)
        return getattr(caller.stub, method)(request, metadata=(*caller.credentials, *told), timeout=20)


@pytest.fixture(scope="module")
def traced(module_installation: Installation) -> Iterator[Traced]:
    with collecting() as collector, WalletServer(module_installation, **collector.settings) as server:
        yield Traced(server, collector)


def new_traceparent(*, sampled: bool = True) -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-0{int(sampled)}"


def trace_id_of(traceparent: str) -> str:
    return traceparent.split("-")[1]


def test_a_call_tells_its_wait_and_its_batch_is_linked(traced: Traced) -> None:
    player, collector = traced.wallet.player("100"), traced.collector
    traceparent = new_traceparent()
    traced.send("Bet", player.bet("1"), traceparent)

    call = collector.one(BET, trace_id_of(traceparent))
    assert call.parent_id == traceparent.split("-")[2]
    assert (call.kind, call.process, call.service, call.failed) == (SERVER_KIND, "serve", "wallet", False)
    assert call.attributes["wallet.source"] == "games"
    assert call.attributes["wallet.request_id"]
    wait = collector.one("wait", call.trace_id)
    assert wait.parent_id == call.span_id
    batch = collector.batch_of(call)
    assert call.context in batch.links
    assert batch.trace_id != call.trace_id
    assert batch.attributes == {"wallet.operations": 1, "wallet.tries": 1}
    parts = [collector.one(name, batch.trace_id) for name in ("load", "decide", "store")]
    assert {part.parent_id for part in parts} == {batch.span_id}
    times = [call.began_ns, wait.began_ns, *(part.began_ns for part in parts), parts[-1].ended_ns, call.ended_ns]
    assert times == sorted(times), "each begins where the one before it ended; told from another clock, so by a hair"
    assert (batch.began_ns, batch.ended_ns) == (parts[0].began_ns, parts[-1].ended_ns)


def test_the_event_of_a_traced_call_goes_on_from_its_span(traced: Traced, module_installation: Installation) -> None:
    player = traced.wallet.player("100")
    traceparent = new_traceparent()
    traced.send("Bet", player.bet("1"), traceparent)
    call = traced.collector.one(BET, trace_id_of(traceparent))
    rows = module_installation.rows(
        "SELECT traceparent FROM outbox_events WHERE owner_id = %s ORDER BY outbox_id", player.player_id
    )
    assert rows[1:] == [(f"00-{call.trace_id}-{call.span_id}-01",)]


def test_a_refused_call_tells_why(traced: Traced) -> None:
    player = traced.wallet.player("100")
    refused = {
        "INSUFFICIENT_FUNDS": player.bet("101"),
        "INVALID_FIELD": pb.BetRequest(player_id=1, amount_minor="x"),
    }
    for reason, request in refused.items():
        traceparent = new_traceparent()
        with pytest.raises(grpc.RpcError):
            traced.send("Bet", request, traceparent)
        call = traced.collector.one(BET, trace_id_of(traceparent))
        assert call.failed
        assert call.attributes["error.type"] in {reason, "MISSING_FIELD"}


def test_reads_and_batches_are_traced_and_each_operation_of_a_stream(traced: Traced) -> None:
    player, collector = traced.wallet.player("100"), traced.collector
    read, batch, stream = (new_traceparent() for _ in range(3))
    traced.send(
        "GetBalance",
        pb.GetBalanceRequest(player_id=player.player_id, currency_network_id=player.currency_network_id),
        read,
    )
    assert collector.one("wallet.v1.WalletService.GetBalance", trace_id_of(read)).links == []
    operations = [pb.Operation(bet=player.bet("1")) for _ in range(3)]
    traced.send("ExecuteBatch", pb.ExecuteBatchRequest(operations=operations), batch)
    whole = collector.one("wallet.v1.WalletService.ExecuteBatch", trace_id_of(batch))
    assert collector.batch_of(whole).attributes["wallet.operations"] == 3
    asked = [pb.Operation(bet=player.bet("1")), pb.Operation(bet=player.bet("1000"))]
    assert len(list(traced.send("Execute", iter(asked), stream))) == 2

    def told() -> list[Told]:
        return collector.named(OPERATION, trace_id_of(stream))

    wait_until(lambda: len(told()) == 2, what="both operations are told")
    assert sorted(span.attributes.get("error.type", "") for span in told()) == ["", "INSUFFICIENT_FUNDS"]
    assert {span.parent_id for span in told()} == {stream.split("-")[2]}


def test_what_a_caller_does_not_trace_is_not_traced(traced: Traced) -> None:
    player = traced.wallet.player("100")
    untraced, malformed, traceparent = new_traceparent(sampled=False), "00-nothing", new_traceparent()
    traced.send("Bet", player.bet("1"), untraced)
    traced.send("Bet", player.bet("1"), malformed)  # as if there were none: then the lot decides
    traced.send("Bet", player.bet("1"), traceparent)
    traced.collector.one(BET, trace_id_of(traceparent))
    assert traced.collector.named(BET, trace_id_of(untraced)) == []


def test_by_lot_none_of_what_nobody_decided(new_installation: Callable[[], Installation]) -> None:
    installation = new_installation()
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    with collecting() as collector, WalletServer(installation, **collector.settings, **sampler) as server:
        traced = Traced(server, collector)
        player = traced.wallet.player("100")
        for _ in range(5):
            traced.send("Bet", player.bet("1"), None)
        traceparent = new_traceparent()
        traced.send("Bet", player.bet("1"), traceparent)
        assert server.stop() == 0, "and what was not sent yet is sent before the end"
        assert [span.trace_id for span in collector.named(BET)] == [trace_id_of(traceparent)]


def test_a_collector_that_is_away_holds_up_nobody(new_installation: Callable[[], Installation]) -> None:
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    with WalletServer(new_installation(), **nowhere) as server:
        traced = Traced(server, Collector())
        player = traced.wallet.player("100")
        for _ in range(3):
            traced.send("Bet", player.bet("1"), None)
        assert server.stop() == 0


def test_a_slow_call_is_logged_with_its_parts_and_its_trace(new_installation: Callable[[], Installation]) -> None:
    with WalletServer(new_installation(), WALLET_SLOW_CALL_MS="1") as server:
        traced = Traced(server, Collector())
        player = traced.wallet.player("100")
        traceparent = new_traceparent()
        traced.send("Bet", player.bet("1"), traceparent)
        wait_until(lambda: trace_id_of(traceparent) in server.log, what="it is logged")
        lines = [json.loads(line) for line in server.log.splitlines() if "slow_call" in line]
        (slow,) = [line for line in lines if line.get("trace_id") == trace_id_of(traceparent)]
        assert slow["event"] == "slow_call"
        assert slow["method"] == BET
        assert slow["reason"] is None
        assert slow["batch_operations"] == 1
        parts = [slow[f"{name}_ms"] for name in ("before", "wait", "load", "decide", "store")]
        assert 0 < sum(parts) <= slow["total_ms"] + 0.5, "each is rounded"
        server.check_log_holds_no_secrets()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_sampler_that_is_unknown_ends_the_start(module_installation: Installation, workers: str) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_TRACES_SAMPLER": "now_and_then"}
    server = WalletServer(module_installation, "--workers", workers, **settings)
    server.launch()
    assert server.wait() == 1
    assert "OTEL_TRACES_SAMPLER is now_and_then" in server.log
