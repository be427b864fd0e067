"""Waiting for what nobody tells us of."""

import time
from collections.abc import Callable

_POLL_INTERVAL_S = 0.02


def wait_until(condition: Callable[[], object], *, what: str, timeout_s: float = 30.0) -> None:
    """Wait until a condition holds; bounded."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(_POLL_INTERVAL_S)
