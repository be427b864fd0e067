"""Shares of the queue and rates of keys: who is let in, who must wait, and how long."""

from __future__ import annotations

import pytest

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.engine.shares import Shares
from wallet_grpc.rpc.rates import Rates
from wallet_grpc.store.reads.keys import Caller

FLOOD, QUIET, THIRD = Source("flood"), Source("quiet"), Source("third")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def shares() -> tuple[Shares, Clock]:
    clock = Clock()
    return Shares(operations_max=1_000, source_share=0.5, clock=clock), clock


def reason(refusal: Refusal | None) -> Reason | None:
    return None if refusal is None else refusal.reason


def test_alone_a_source_may_fill_the_queue() -> None:
    queue, _ = shares()
    assert queue.admit(FLOOD, 1_000) is None
    assert reason(queue.admit(FLOOD, 1)) is Reason.QUEUE_FULL


def test_while_another_waits_a_source_has_its_share_at_most() -> None:
    queue, _ = shares()
    queue.admit(QUIET, 1)
    assert queue.admit(FLOOD, 500) is None
    assert reason(queue.admit(FLOOD, 1)) is Reason.RATE_LIMITED
    queue.answered(QUIET, 1)
    assert queue.admit(FLOOD, 1) is None, "nobody else waits any more"


def test_who_comes_to_a_queue_that_one_source_has_filled_is_let_in() -> None:
    queue, _ = shares()
    queue.admit(FLOOD, 1_000)
    assert queue.admit(QUIET, 400) is None
    assert queue.admit(THIRD, 300) is None, "so is a third, up to an equal part"
    assert reason(queue.admit(THIRD, 300)) is Reason.RATE_LIMITED
    assert reason(queue.admit(FLOOD, 1)) is Reason.RATE_LIMITED


def test_two_floods_do_not_keep_a_third_source_out() -> None:
    queue, _ = shares()
    queue.admit(QUIET, 1)
    queue.admit(FLOOD, 500)
    queue.admit(QUIET, 499)
    assert queue.admit(THIRD, 1) is None
    assert queue.admit(THIRD, 332) is None, "up to a third"
    assert reason(queue.admit(THIRD, 1)) is Reason.QUEUE_FULL


def test_a_batch_larger_than_a_part_is_let_in_where_its_source_holds_nothing() -> None:
    queue, _ = shares()
    queue.admit(FLOOD, 500)
    assert queue.admit(QUIET, 1_000) is None
    assert reason(queue.admit(QUIET, 1)) is Reason.RATE_LIMITED


def test_however_many_sources_come_with_large_batches_the_queue_holds_twice_its_bound_at_most() -> None:
    queue, _ = shares()
    queue.admit(FLOOD, 1_000)
    told = [reason(queue.admit(Source(f"newcomer {number}"), 400)) for number in range(100)]
    assert told == [None, None] + [Reason.QUEUE_FULL] * 98
    assert queue.admitted == 1_800
    queue.answered(FLOOD, 1_000)
    assert queue.admit(Source("newcomer 99"), 400) is None


def test_own_work_is_nobodys_rival() -> None:
    queue, _ = shares()
    queue.admit(None, 100)
    assert queue.admit(FLOOD, 900) is None
    assert not queue.has_rivals((FLOOD,))


def test_a_rival_counts_for_a_moment_after_its_last_answer() -> None:
    queue, clock = shares()
    queue.admit(QUIET, 1)
    queue.answered(QUIET, 1)
    queue.admit(FLOOD, 1)
    assert queue.has_rivals((FLOOD,))
    clock.now += 1.1
    assert not queue.has_rivals((FLOOD,))


def test_who_has_much_waiting_floods_and_for_a_moment_after_it() -> None:
    queue, clock = shares()
    queue.admit(FLOOD, 31)
    queue.admit(QUIET, 1)
    assert not queue.floods(FLOOD)
    queue.admit(FLOOD, 1)
    assert queue.floods(FLOOD)
    assert not queue.floods(QUIET)
    assert not queue.floods(THIRD)
    queue.answered(FLOOD, 32)
    assert queue.floods(FLOOD)
    clock.now += 1.1
    assert not queue.floods(FLOOD)


def test_those_who_flood_and_the_wallets_own_work_are_not_waited_for() -> None:
    queue, clock = shares()
    queue.admit(FLOOD, 500)
    queue.admit(None, 1)
    assert not queue.modest_wait(clock.now)
    queue.admit(QUIET, 1)
    assert queue.modest_wait(clock.now)
    queue.answered(QUIET, 1)
    assert not queue.modest_wait(clock.now)


def test_who_has_been_silent_is_forgotten_but_not_what_it_still_holds() -> None:
    queue, clock = shares()
    queue.admit(QUIET, 2)
    queue.answered(QUIET, 1)
    queue.admit(FLOOD, 1)
    queue.answered(FLOOD, 1)
    clock.now += 1.1
    assert queue.has_rivals((THIRD,)), "the other is waiting, however long ago it was answered"
    assert not queue.has_rivals((QUIET,))
    queue.answered(QUIET, 1)
    assert queue.admitted == 0
    assert queue.admit(FLOOD, 1_000) is None


def test_two_that_flood_are_no_rivals_of_one_another_together() -> None:
    queue, _ = shares()
    queue.admit(FLOOD, 100)
    queue.admit(THIRD, 100)
    assert queue.has_rivals((FLOOD,))
    assert not queue.has_rivals((FLOOD, THIRD))
    queue.admit(QUIET, 1)
    assert queue.has_rivals((FLOOD, THIRD))


def limited(rate_per_s: int | None) -> Caller:
    return Caller(key_id="k", source=FLOOD, roles=frozenset(), rate_per_s=rate_per_s)


def test_a_key_sends_its_rate_and_is_told_when_to_send_again() -> None:
    clock = Clock()
    rates, caller = Rates(clock=clock), limited(10)
    assert [rates.take(caller) for _ in range(10)] == [None] * 10
    refusal = rates.take(caller)
    assert refusal is not None
    assert (refusal.reason, refusal.retry_after_ms) == (Reason.RATE_LIMITED, 100)
    clock.now += 0.1
    assert rates.take(caller) is None
    clock.now += 3_600
    assert [reason(rates.take(caller)) for _ in range(11)] == [None] * 10 + [Reason.RATE_LIMITED], "a second's worth"


@pytest.mark.parametrize(("rate_per_s", "questions"), [(1, 10), (25, 25)])
def test_questions_take_nothing_of_a_keys_rate_and_have_a_bound_of_their_own(rate_per_s: int, questions: int) -> None:
    clock = Clock()
    rates, caller = Rates(clock=clock), limited(rate_per_s)
    assert [rates.take_question(caller) for _ in range(questions)] == [None] * questions
    refusal = rates.take_question(caller)
    assert refusal is not None
    assert (refusal.reason, refusal.metadata["rate_per_s"]) == (Reason.RATE_LIMITED, str(questions))
    assert [rates.take(caller) for _ in range(rate_per_s)] == [None] * rate_per_s
    assert reason(rates.take(caller)) is Reason.RATE_LIMITED
    clock.now += 1
    assert rates.take_question(caller) is None
    assert Rates(clock=clock).take_question(limited(None)) is None


def test_a_batch_larger_than_the_bucket_is_let_in_and_paid_for() -> None:
    clock = Clock()
    rates, caller = Rates(clock=clock), limited(10)
    assert rates.take(caller) is None
    assert rates.owe(caller, 99) == 9.0
    refusal = rates.take(caller)
    assert refusal is not None
    assert refusal.retry_after_ms == 9_100
    clock.now += 9.1
    assert rates.take(caller) is None


def test_a_key_without_a_rate_has_no_bound() -> None:
    rates = Rates()
    assert all(rates.take(limited(None)) is None for _ in range(1_000))
    assert rates.owe(limited(None), 1_000_000) == 0
