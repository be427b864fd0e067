"""What a worker sets aside: for how long, and until when it is told of."""

import pytest
from prometheus_client import CollectorRegistry

from wallet_grpc import chores
from wallet_grpc.chores import ChoreMetrics, SetAside


class Clock:
    """The time as chores see it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(chores, "time", clock)
    return clock


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def aside(registry: CollectorRegistry) -> SetAside[str]:
    return SetAside("expiry", "session_id", ChoreMetrics(registry))


def told(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("wallet_set_aside", {"worker": "expiry"})


def test_pauses_grow_from_one_try_to_the_next(clock: Clock, aside: SetAside[str]) -> None:
    for pause_s in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        aside.put("s", "cause")
        clock.now += pause_s - 0.1
        assert aside.waiting() == {"s"}
        clock.now += 0.2
        assert aside.waiting() == frozenset()
        assert "s" in aside


def test_what_somebody_else_has_done_is_told_of_no_more(
    clock: Clock, aside: SetAside[str], registry: CollectorRegistry
) -> None:
    """Another process settles the session, so this one never comes upon it again."""
    aside.put("settled elsewhere", "cause")
    aside.put("failing", "cause")
    for _ in range(8):
        while "failing" in aside.waiting():
            clock.now += 10
        aside.put("failing", "cause")
    assert aside.waiting() == {"failing"}
    assert told(registry) == 1
    clock.now += 1_000
    aside.forget_gone()
    assert (len(aside), told(registry)) == (0, 0)
