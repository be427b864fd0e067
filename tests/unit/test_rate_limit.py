"""A player's bucket: full at first, refilled with time, and forgotten when too many others came after."""

import pytest

from wallet_api.problems import ProblemError
from wallet_api.rate_limit import RateLimit
from wallet_grpc.domain.identifiers import PlayerId

ANA, BEN = PlayerId(1), PlayerId(2)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> RateLimit:
    return RateLimit(per_s=2, burst=3, players_max=100, clock=clock)


def refused(limit: RateLimit, player_id: PlayerId) -> int | None:
    """Return after how many seconds a refused request may be made again; None if it was counted."""
    try:
        limit.count(player_id)
    except ProblemError as error:
        return error.retry_after_s
    return None


def test_a_burst_then_the_rate(limit: RateLimit, clock: Clock) -> None:
    assert [refused(limit, ANA) for _ in range(4)] == [None, None, None, 1]
    clock.now_s += 0.5
    assert [refused(limit, ANA) for _ in range(2)] == [None, 1]
    clock.now_s += 1_000
    assert [refused(limit, ANA) for _ in range(4)] == [None, None, None, 1]


def test_a_refused_request_costs_nothing(limit: RateLimit, clock: Clock) -> None:
    for _ in range(50):
        refused(limit, ANA)
    clock.now_s += 0.5
    assert refused(limit, ANA) is None


def test_players_do_not_share_a_bucket(limit: RateLimit) -> None:
    for _ in range(4):
        refused(limit, ANA)
    assert refused(limit, BEN) is None


def test_memory_is_bounded_and_who_was_longest_away_is_forgotten(limit: RateLimit) -> None:
    for _ in range(4):
        refused(limit, ANA)
    for number in range(1_000):
        refused(limit, PlayerId(10 + number))
    assert len(limit._buckets) == 100
    assert refused(limit, ANA) is None
