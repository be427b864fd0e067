"""Waiting for what nobody tells us of."""

import time
from collections.abc import Callable

_FIRST_PAUSE_S = 0.02
_PAUSE_GROWS_BY = 1.2
_LONGEST_PAUSE_S = 0.2
"""Looking costs a connection or a call, and what is waited for needs the processor: rarer, the longer it takes."""


def wait_until(condition: Callable[[], object], *, what: str, timeout_s: float = 60.0) -> None:
    """Wait until a condition holds; bounded."""
    deadline = time.monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(pause_s)
        pause_s = min(pause_s * _PAUSE_GROWS_BY, _LONGEST_PAUSE_S)
