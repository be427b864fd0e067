"""What is traced, what is slow, and what a call is known by in the log."""

from __future__ import annotations

import math
import random
import time
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from wallet_grpc import telemetry
from wallet_grpc.telemetry import Sampling, TracingError, sampling_of
from wallet_grpc.tracing import BatchTimes, SlowCalls, is_sampled, known_as, trace_id_of

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE_ID}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{TRACE_ID}-b7ad6b7169203331-00"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_TRACES_SAMPLER": "always_on"},
        ENDPOINT | {"OTEL_SDK_DISABLED": "True"},
    ],
)
def test_traces_are_off_unless_it_is_said_where_they_go(environment: dict[str, str]) -> None:
    assert sampling_of(environment) is None


@pytest.mark.parametrize(
    ("environment", "ratio", "follows"),
    [
        ({}, 1.0, True),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, 1.0, False),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, 0.0, False),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, 0.25, False),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}, 0.01, True),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}, 1.0, True),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, 1.0, True),
    ],
)
def test_samplers_are_those_of_opentelemetry(environment: dict[str, str], ratio: float, *, follows: bool) -> None:
    assert sampling_of(ENDPOINT | environment) == Sampling(ratio=ratio, follows_callers=follows)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, "OTEL_TRACES_SAMPLER is jaeger_remote: it must be always_on"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "x"}, "a number from 0 to 1"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.5"}, "a number from 0 to 1"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"}, "a number from 0 to 1"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "is http/protobuf: traces are sent by grpc"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "is http/json: traces are sent by grpc"),
    ],
)
def test_what_cannot_be_done_is_told_at_the_start(environment: dict[str, str], told: str) -> None:
    with pytest.raises(TracingError, match=told):
        sampling_of(ENDPOINT | environment)


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_PACKAGES", ("opentelemetry_of_another_world.sdk",))
    with pytest.raises(TracingError, match=r"install `wallet\[tracing\]`"):
        sampling_of(ENDPOINT)


def test_callers_decide_where_they_are_followed_and_else_the_lot() -> None:
    ids = [random.getrandbits(128) for _ in range(20_000)]
    some = Sampling(ratio=0.1, follows_callers=True)
    assert 1_700 < sum(some.wants(trace_id, None) for trace_id in ids) < 2_300
    assert 1_700 < sum(some.wants(trace_id, "no traceparent") for trace_id in ids) < 2_300
    assert all(some.wants(trace_id, SAMPLED) for trace_id in ids[:100])
    assert not any(some.wants(trace_id, UNSAMPLED) for trace_id in ids)
    none, all_ = Sampling(ratio=0.0, follows_callers=False), Sampling(ratio=1.0, follows_callers=False)
    assert not any(none.wants(trace_id, SAMPLED) for trace_id in (0, *ids))
    assert all(all_.wants(trace_id, UNSAMPLED) for trace_id in (2**128 - 1, *ids))


@pytest.mark.parametrize(
    ("given", "trace_id"),
    [
        (SAMPLED, TRACE_ID),
        (UNSAMPLED, TRACE_ID),
        (None, None),
        ("", None),
        (SAMPLED.upper(), None),
        (SAMPLED + "0", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{TRACE_ID}-{'0' * 16}-01", None),
        (f"ff-{TRACE_ID}-b7ad6b7169203331-01", None),
    ],
)
def test_a_traceparent_is_read_or_is_none(given: str | None, trace_id: str | None) -> None:
    assert trace_id_of(given) == trace_id
    assert is_sampled(given) is (given == SAMPLED)
    assert known_as("r-1", given) == {"request_id": "r-1"} | ({"trace_id": trace_id} if trace_id else {})


def test_a_batchs_parts_are_those_that_it_reached() -> None:
    times = BatchTimes(10.0, 3)
    times.begin()
    assert times.parts() == []
    times.loaded_at, times.decided_at = 10.2, 10.3
    assert times.parts() == [("load", 10.0, 10.2), ("decide", 10.2, 10.3)]
    times.begin()
    assert times.tries == 2
    assert times.parts() == [], "of the last try"


def noted(calls: SlowCalls, *, took_s: float, count: int = 1, **parts: Any) -> list[dict[str, Any]]:
    """Note calls that took so long; gives what was logged."""
    structlog.reset_defaults()
    with capture_logs() as logged:
        for _ in range(count):
            given = {"asked_at": None, "times": None, "reason": None} | parts
            calls.note("Bet", "r-1", SAMPLED, began_at=time.monotonic() - took_s, **given)
    return list(logged)


def test_what_is_not_slow_is_not_logged() -> None:
    assert noted(SlowCalls(slow_s=10.0), took_s=1.0) == []
    assert noted(SlowCalls(slow_s=math.inf), took_s=1e6) == []


def test_a_slow_call_is_told_as_far_as_it_came() -> None:
    (read,) = noted(SlowCalls(slow_s=0.5), took_s=1.0)
    assert read["total_ms"] == pytest.approx(1_000, rel=0.5)
    assert (read["method"], read["request_id"], read["trace_id"]) == ("Bet", "r-1", TRACE_ID)
    assert not {"before_ms", "wait_ms", "load_ms"} & set(read)
    now = time.monotonic()
    times = BatchTimes(now - 0.5, 7, tries=2, loaded_at=now - 0.4)
    (told,) = noted(SlowCalls(slow_s=0.5), took_s=1.0, asked_at=now - 0.9, times=times, reason="CONFLICT")
    assert told["wait_ms"] == pytest.approx(400, abs=1)
    assert told["load_ms"] == pytest.approx(100, abs=1)
    assert (told["batch_operations"], told["batch_tries"], told["reason"]) == (7, 2, "CONFLICT")
    assert "store_ms" not in told


def test_where_all_are_slow_a_few_are_told_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("wallet_grpc.tracing.time.monotonic", lambda: now)
    calls = SlowCalls(slow_s=0.5)
    assert len(noted(calls, took_s=1.0, count=35)) == 10
    now = 1_001.5
    (next_one,) = noted(calls, took_s=1.0)
    assert next_one["calls_not_told"] == 25
    (and_then,) = noted(calls, took_s=1.0)
    assert "calls_not_told" not in and_then
