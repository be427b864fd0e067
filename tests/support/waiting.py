"""Waiting for what nobody tells us of."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

BUSY_S = float(os.environ.get("WALLET_TEST_OUTAGE_MARGIN_S", "10"))
"""How much later than the wallet promises something may come, on a machine that does other things as well."""
PATIENCE_S = 20.0
"""How long what is refused because the database does not answer, or did not in time, is asked for again."""
_PATIENT = f"told again and again for {PATIENCE_S:.0f} s"
_FIRST_PAUSE_S = 0.02
_PAUSE_GROWS_BY = 1.2
_LONGEST_PAUSE_S = 0.2
"""Looking costs a connection or a call, and what is waited for needs the processor: rarer, the longer it takes."""


class NotInTimeError(AssertionError):
    """What was waited for did not come: the wallet's fault, or that of a machine that was too busy to do it."""


def wait_until(condition: Callable[[], object], *, what: str, timeout_s: float = 60.0) -> None:
    """Wait until a condition holds; bounded.

    Raises:
        NotInTimeError: It does not.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    while not condition():
        if time.monotonic() > deadline:
            raise NotInTimeError(f"not within {timeout_s} s: {what}")
        time.sleep(pause_s)
        pause_s = min(pause_s * _PAUSE_GROWS_BY, _LONGEST_PAUSE_S)


def patient(ask: Callable[[], T], away: Callable[[T], bool]) -> T:
    """Ask again while the wallet's database is away, as callers are told to do; for a while, then what came last.

    The same request changes nothing twice. A busy machine brings it about: a connection is not made in a second.
    """
    deadline = time.monotonic() + PATIENCE_S
    while away(answer := ask()):
        if time.monotonic() >= deadline:
            if isinstance(answer, BaseException):
                answer.add_note(_PATIENT)
            break
        time.sleep(_LONGEST_PAUSE_S)
    return answer


def was_patient(error: BaseException) -> bool:
    """Tell whether an error is what came last of `patient`: it was told again and again, for all that time."""
    return _PATIENT in getattr(error, "__notes__", ())
