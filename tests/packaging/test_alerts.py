"""Each alert fires on made-up series and not beside them; what alerts and dashboard name is there."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from support.database import ROOT
from support.prometheus import prometheus_programs
from support.scrapes import told_metrics

RULES = ROOT / "deploy" / "helm" / "wallet" / "files" / "wallet.rules.yaml"
DASHBOARD = ROOT / "deploy" / "helm" / "wallet" / "files" / "dashboard.json"
RUNBOOK = ROOT / "docs" / "runbook.md"
WATCHED_MIN = 24
"""Minutes of each made-up series, a value every 30 seconds."""


class Told(NamedTuple):
    """Series that an alert fires on at their end, and some beside them that it does not: values as promtool has them.

    `0` stays, `0+5` grows by 5 at each of the values.
    """

    fires: Mapping[str, str]
    beside: Mapping[str, str]


def _one(series: str, fires: str, beside: str) -> Told:
    return Told({series: fires}, {series: beside})


def _slow(seconds: str, bound: str) -> Mapping[str, str]:
    name = "wallet_call_seconds_bucket"
    labels = 'service="wallet.v1.WalletService",method="Bet"'
    return {
        f'{name}{{{labels},le="0.1"}}': f"0+{seconds}",
        f'{name}{{{labels},le="{bound}"}}': "0+100",
        f'{name}{{{labels},le="+Inf"}}': "0+100",
    }


def _ratio(name: str, bad: str, of_100: int) -> Mapping[str, str]:
    return {f"{name}{{{bad}}}": f"0+{of_100}", f'{name}{{code="OK",status="200"}}': f"0+{100 - of_100}"}


def _role(role: str, process: str) -> Mapping[str, str]:
    at = 'job="wallet",instance="a"'
    return {f'wallet_database_role{{{at},role="{role}"}}': "1", f'wallet_build_info{{{at},process="{process}"}}': "1"}


def _cell_up(is_up: str, *, database_up: str) -> Mapping[str, str]:
    at = 'job="wallet",instance="a"'
    return {f'wallet_cell_up{{{at},cell="1"}}': is_up, f"wallet_database_up{{{at}}}": database_up}


def _backlog(queue: str, fires_s: int, beside_s: int) -> Told:
    return _one(f'wallet_backlog_oldest_seconds{{queue="{queue}",cell="0"}}', str(fires_s), str(beside_s))


ALERTS = {
    "WalletDatabaseAway": _one("wallet_database_up", "0", "1"),
    "WalletCellAway": Told(_cell_up("0", database_up="1"), _cell_up("0", database_up="0")),
    "WalletDatabaseNotPrimary": Told(_role("read_only", "serve"), _role("replica", "api") | _role("primary", "serve")),
    "WalletReplicaLags": _one("wallet_replica_lag_seconds", "31", "29"),
    "WalletBackofficeLags": _one("wallet_backoffice_lag_seconds", "31", "29"),
    "WalletPoolExhausted": _one('wallet_pool_waiting{pool="reads"}', "1", "0"),
    "WalletInternalErrors": _one('wallet_calls_total{method="Bet",code="INTERNAL"}', "0+1", "5"),
    "WalletCallsUnavailable": Told(
        _ratio("wallet_calls_total", 'code="UNAVAILABLE"', 2),
        _ratio("wallet_calls_total", 'code="NOT_FOUND"', 50) | {'wallet_calls_total{code="OVER"}': "0+900"},
    ),
    "WalletCallsSlow": Told(_slow("90", "1.0"), _slow("100", "1.0")),
    "WalletQueueFull": _one("wallet_queue_full_total", "0+1", "7"),
    "WalletKeysRefused": _one('wallet_key_refusals_total{reason="CALLER_UNKNOWN"}', "0+60", "0+5"),
    "WalletRateLimited": _one('wallet_rate_limited_total{limit="rate"}', "0+1", "3"),
    "WalletCellStandsStill": _one('wallet_cell_standstill_seconds{cell="1"}', "6", "4"),
    "WalletRacesLost": Told(
        {"wallet_batch_retries_total": "0+3", "wallet_batch_seconds_count": "0+10"},
        {"wallet_batch_retries_total": "0+1", "wallet_batch_seconds_count": "0+10"},
    ),
    "WalletEventLoopLate": Told(
        {
            'wallet_event_loop_lag_seconds_bucket{le="0.2"}': "0+50",
            'wallet_event_loop_lag_seconds_bucket{le="0.5"}': "0+60",
            'wallet_event_loop_lag_seconds_bucket{le="+Inf"}': "0+60",
        },
        {
            'wallet_event_loop_lag_seconds_bucket{le="0.2"}': "0+60",
            'wallet_event_loop_lag_seconds_bucket{le="0.5"}': "0+60",
            'wallet_event_loop_lag_seconds_bucket{le="+Inf"}': "0+60",
        },
    ),
    "WalletWorkerStalled": _one('wallet_worker_last_success_age_seconds{worker="poster"}', "61", "59"),
    "WalletWorkerFails": _one('wallet_worker_failures_total{worker="poster"}', "0+1", "9"),
    "WalletSetAside": _one('wallet_set_aside{worker="poster"}', "1", "0"),
    "WalletPosterBehind": _backlog("postings", 31, 29),
    "WalletOutboxGrows": _backlog("outbox", 31, 29),
    "WalletRelaysMissing": Told(
        {
            'wallet_outbox_partitions{cell="0",instance="a"}': "8",
            'wallet_outbox_partitions{cell="0",instance="b"}': "7",
        },
        {
            'wallet_outbox_partitions{cell="0",instance="a"}': "8",
            'wallet_outbox_partitions{cell="0",instance="b"}': "8",
        },
    ),
    "WalletOutboxRefused": _one("wallet_outbox_refused_total", "0+1", "4"),
    "WalletEventsParked": _one('wallet_backlog{queue="inbox_parked"}', "1", "0"),
    "WalletInboxWaits": _backlog("inbox", 1801, 1799),
    "WalletDeadLetters": _one('wallet_inbox_dead_letters_total{reason="INVALID_FIELD"}', "0+1", "2"),
    "WalletSessionsOverdue": _backlog("sessions", 601, 599),
    "WalletReservationsOverdue": _backlog("reservations", 601, 599),
    "WalletDaysBehind": _one("wallet_days_lag_seconds", "121", "10"),
    "WalletProcessAway": Told({'up{job="wallet-serve"}': "0"}, {'up{job="wallet-serve"}': "1", 'up{job="other"}': "0"}),
    "WalletProcessRestarts": _one('process_start_time_seconds{job="wallet-serve"}', "1+15", "1000"),
    "WalletWorkerProcessAway": _one('wallet_worker_process_up{worker_number="1"}', "0", "1"),
    "WalletFilesRunOut": Told(
        {'process_open_fds{job="wallet"}': "81", 'process_max_fds{job="wallet"}': "100"},
        {'process_open_fds{job="wallet"}': "79", 'process_max_fds{job="wallet"}': "100"},
    ),
    "WalletApiFails": Told(
        _ratio("wallet_api_requests_total", 'status="503"', 2), _ratio("wallet_api_requests_total", 'status="404"', 50)
    ),
    "WalletGatewayFails": Told(
        _ratio("wallet_gateway_requests_total", 'code="unavailable"', 2),
        _ratio("wallet_gateway_requests_total", 'code="not_found"', 50)
        | {'wallet_gateway_requests_total{code="over"}': "0+900"},
    ),
}


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    read = yaml.safe_load(RULES.read_text())
    return [rule for group in read["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def promtool() -> Path:
    return prometheus_programs().promtool


def test_the_rules_are_well_formed(promtool: Path) -> None:
    checked = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_nobody_who_shows_anything_is_told_of(promtool: Path, tmp_path: Path) -> None:
    """A namespace that is gone has no series that could say so."""
    _holds(promtool, tmp_path, [_test("WalletProcessAway", {'up{job="other"}': "1"}, fires=True)])


def test_each_alert_fires_on_its_series_and_not_beside_them(
    rules: list[dict[str, Any]], promtool: Path, tmp_path: Path
) -> None:
    assert {rule["alert"] for rule in rules} == ALERTS.keys()
    tests = [
        _test(name, series, fires=fires)
        for name, told in ALERTS.items()
        for series, fires in ((told.fires, True), (told.beside, False))
    ]
    _holds(promtool, tmp_path, tests)


def _holds(promtool: Path, folder: Path, tests: list[dict[str, Any]]) -> None:
    file = folder / "tests.yaml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "30s", "tests": tests}))
    tested = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def _test(alert: str, series: Mapping[str, str], *, fires: bool) -> dict[str, Any]:
    values = WATCHED_MIN * 2
    firing = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    return {
        "name": f"{alert} {'fires' if fires else 'does not'}",
        "interval": "30s",
        "input_series": [
            {"series": name, "values": f"{shape}x{values}" if "+" in shape else f"{shape}+0x{values}"}
            for name, shape in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": firing,
                "eval_time": f"{WATCHED_MIN}m",
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
        ],
    }


# ----------------------------------------------------------------------------------------------------------- the names


def _metrics_in(expression: str) -> Iterator[str]:
    """Give what an expression names, as the page does: without what a histogram's samples have behind their name."""
    without_labels = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|ignoring)\s*\([^)]*\)", "", expression)
    for name in re.findall(r"\b(?:wallet|process|python)_\w+", without_labels):
        yield re.sub(r"_(?:bucket|sum|count)$", "", name)


def _expressions() -> Iterator[tuple[str, str]]:
    """Give where an expression stands, and the expression."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def test_every_metric_that_alerts_and_dashboard_name_is_on_the_page() -> None:
    told = {row.name for row in told_metrics()}
    histograms = {row.name for row in told_metrics() if row.kind == "histogram"}
    for where, expression in _expressions():
        named = set(_metrics_in(expression))
        assert named - told == set(), where
        for name in re.findall(r"\b(wallet_\w+)_bucket", expression):
            assert name in histograms, where


def test_labels_that_are_chosen_by_are_on_the_page() -> None:
    known = {label for row in told_metrics() for label in row.labels} | {"job", "instance", "le", "worker_number"}
    for where, expression in _expressions():
        chosen = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
        chosen += re.split(r"\s*,\s*", ",".join(re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression)))
        assert {label for label in chosen if label} - known == set(), where


def test_the_runbook_has_a_heading_of_each_alert_with_what_to_look_at_and_do(rules: list[dict[str, Any]]) -> None:
    _, *parts = re.split(r"^## (Wallet\w+)$", RUNBOOK.read_text(), flags=re.MULTILINE)
    told = dict(zip(parts[::2], parts[1::2], strict=True))
    assert told.keys() == {rule["alert"] for rule in rules}
    for alert, text in told.items():
        for part in ("**Means**", "**Look at**", "**Do**"):
            assert part in text, (alert, part)
    for rule in rules:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
