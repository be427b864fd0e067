"""What a trace in the log shows: where it happened, and no variable, which may hold a request or a password."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAILING = """
import structlog
from wallet_grpc.logs import configure_logs
from wallet_grpc.settings import LogFormat

def fail(given):
    shouted = given.upper()
    raise ValueError("it failed")

configure_logs("INFO", LogFormat("{format}"))
try:
    fail("hun" + "ter2")
except ValueError as error:
    structlog.get_logger().error("call_failed", exc_info=error)
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_trace_shows_no_variables(log_format: str) -> None:
    program = FAILING.replace("{format}", log_format)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "call_failed" in done.stderr
    assert "it failed" in done.stderr
    assert "fail" in done.stderr
    assert "hunter2" not in done.stderr.lower()
