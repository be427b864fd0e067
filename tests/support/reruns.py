"""What the wallet refused is no stall of the machine: a test that a refusal ended is not run once more (`.ci/reruns`).

gRPC's own errors have the same codes as the wallet's refusals: DEADLINE_EXCEEDED is also OUTCOME_UNKNOWN, and
UNAVAILABLE also DATABASE_UNAVAILABLE. A lane that gives one of them wrongly must not be taken for a busy machine. So
a test ends with RefusedError where the error that ended it has the wallet's reason. DATABASE_UNAVAILABLE that was told
for as long as a client asks again stays what it is: nothing answered for all that time.
"""

from collections.abc import Generator
from contextlib import contextmanager

import grpc
import pytest

from support.refusals import refusal_of_call
from support.waiting import was_patient

_AWAY = "DATABASE_UNAVAILABLE"


class RefusedError(AssertionError):
    """The wallet refused what a test expected it to do."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    """Tell refusals in fixtures that are made."""
    with _refusals_told():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Tell refusals in the test."""
    with _refusals_told():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    """Tell refusals in fixtures that end."""
    with _refusals_told():
        return (yield)


@contextmanager
def _refusals_told() -> Generator[None]:
    try:
        yield
    except grpc.RpcError as error:
        refusal = refusal_of_call(error)
        if refusal.reason and not (refusal.reason == _AWAY and was_patient(error)):
            raise RefusedError(f"{refusal.reason}: {refusal.message}") from error
        raise
