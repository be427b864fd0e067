"""Which failures CI tries once more: those that a busy machine brings about, and no other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAILING = '''
import asyncio

import subprocess

import grpc
import psycopg
import pytest
from google.rpc import error_details_pb2, status_pb2
from support.waiting import NotInTimeError, wait_until
from support.wallet import patiently


class _InactiveRpcError(grpc.RpcError):
    """As gRPC's own."""

    def __init__(self, text, status, details=()):
        super().__init__(text)
        self.status, self.details_of_status = status, details

    def code(self):
        return self.status

    def details(self):
        return "why"

    def trailing_metadata(self):
        return self.details_of_status


times = dict.fromkeys(["opened", "kept"], 0)


def told(status, reason=None):
    code = grpc.StatusCode[status]
    details = []
    if reason is not None:
        refusal = status_pb2.Status(code=code.value[0], message="why")
        refusal.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="wallet"))
        details = [("grpc-status-details-bin", refusal.SerializeToString())]
    text = f"<_InactiveRpcError of RPC that terminated with:\\n\\tstatus = StatusCode.{status}"
    return _InactiveRpcError(text, code, details)


def told_for_long(error, monkeypatch):
    """As what patient callers raise in the end."""
    monkeypatch.setattr("support.waiting.PATIENCE_S", 0.0)

    def call():
        raise error

    patiently(call)


ERRORS = {
    "not_in_time": NotInTimeError("not within 60 s: it is there"),
    "time_is_over": TimeoutError(),
    "unavailable": told("UNAVAILABLE"),
    "no_answer": told("DEADLINE_EXCEEDED"),
    "connection": psycopg.errors.ConnectionTimeout("connection timeout expired"),
    "command": subprocess.TimeoutExpired("wallet", 60),
    "refused": told("FAILED_PRECONDITION"),
    "outcome_unknown": told("DEADLINE_EXCEEDED", "OUTCOME_UNKNOWN"),
    "database_once": told("UNAVAILABLE", "DATABASE_UNAVAILABLE"),
    "served_elsewhere": told("UNAVAILABLE", "SERVED_ELSEWHERE"),
    "value": AssertionError("expected 90, got 100"),
    "text": AssertionError("TimeoutError: NotInTimeError: StatusCode.UNAVAILABLE"),
    "hangs": pytest.fail.Exception("Timeout (>300.0s) from pytest-timeout."),
    "statement": psycopg.OperationalError("the connection is lost"),
}


@pytest.fixture(scope="module")
def kept():
    times["kept"] += 1
    return times["kept"]


@pytest.fixture
def opened():
    times["opened"] += 1
    return times["opened"]


@pytest.mark.parametrize("name", ERRORS)
def test_once(name, kept, opened, failed=set()):
    assert kept == 1, "a module's fixture is made once"
    if name not in failed:
        failed.add(name)
        raise ERRORS[name]
    assert opened > 1, "a test's own fixture is made anew"


def test_database_for_long(monkeypatch, failed=[]):
    if not failed:
        failed.append(1)
        told_for_long(told("UNAVAILABLE", "DATABASE_UNAVAILABLE"), monkeypatch)


def test_unknown_to_the_patient(monkeypatch, failed=[]):
    if not failed:
        failed.append(1)
        told_for_long(told("DEADLINE_EXCEEDED", "OUTCOME_UNKNOWN"), monkeypatch)


@pytest.fixture
def refused_at_first(failed=[]):
    if not failed:
        failed.append(1)
        raise told("UNAVAILABLE", "DATABASE_UNAVAILABLE")


def test_fixture(refused_at_first):
    pass


def test_value_after_a_timeout(failed=[]):
    if not failed:
        failed.append(1)
        try:
            raise TimeoutError
        except TimeoutError:
            assert 90 == 100


def test_twice():
    wait_until(lambda: False, what="never", timeout_s=0)


def test_in_coroutine(failed=[]):
    async def run():
        async with asyncio.timeout(0.01 if not failed else None):
            failed.append(1)
            await asyncio.sleep(1 if len(failed) == 1 else 0)

    asyncio.run(run())
'''
UPSET = {"not_in_time", "time_is_over", "unavailable", "no_answer", "connection", "command"}
WRONG = {"refused", "value", "text", "hangs", "statement", "outcome_unknown", "database_once", "served_elsewhere"}


@pytest.fixture(scope="module", params=[(), ("-n", "2")], ids=["one-process", "two-processes"])
def summary(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What CI's options tell of tests that fail the first time."""
    folder = tmp_path_factory.mktemp("reruns")
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT / 'tests'}\n")
    (folder / "test_failing.py").write_text(FAILING)
    (folder / "test_beside.py").write_text("def test_nothing(): pass\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "support.reruns",
        f"@{ROOT / '.ci/reruns'}",
        *request.param,
    ]
    command += ["--max-suite-reruns=20", "--dist=loadfile"] if request.param else ["--max-suite-reruns=20"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}"}  # pytest loads plugins before its own
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def told_of(summary: str, outcome: str) -> set[str]:
    return set(re.findall(rf"^{outcome} test_failing\.py::test_(\S+)", summary, re.MULTILINE))


def test_what_a_busy_machine_upsets_runs_once_more_and_is_told(summary: str) -> None:
    again = {f"once[{name}]" for name in UPSET} | {"twice", "in_coroutine", "database_for_long"}
    assert told_of(summary, "RERUN") == again, summary
    assert f"{len(again)} rerun" in summary
    assert "NotInTimeError: not within 60 s: it is there" in summary, (
        "what passed in the end tells why it failed at first"
    )


def test_what_is_wrong_fails_at_once_and_what_fails_twice_has_failed(summary: str) -> None:
    wrong = {f"once[{name}]" for name in WRONG} | {"value_after_a_timeout", "twice", "unknown_to_the_patient"}
    assert told_of(summary, "FAILED") == wrong, summary
    assert told_of(summary, "ERROR") == {"fixture"}, summary


def test_few_may_run_once_more() -> None:
    """Where many are upset, something is wrong."""
    (most,) = re.findall(r"--max-suite-reruns=(\d+)", (ROOT / ".ci/reruns").read_text(encoding="utf-8"))
    assert int(most) <= 5
