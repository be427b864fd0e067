"""What the benchmark makes of events: when a target holds, what of a job is its steady part, messages in files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.clients.event_files import deposit_messages, read_messages, write_messages
from bench.report.figures import Reading
from bench.report.processors import Parties
from bench.report.targets import Target, judge
from bench.steps.steady_rate import watch
from devstack.stack_settings import StackError
from wallet_grpc.messaging.cloudevents import CONTENT_TYPE, Delivery, open_envelope
from wallet_grpc.messaging.payment_events import payment_event

US = Parties(processes={}, postmaster=os.getpid())
EITHER = Target(figure="fast", bound="at least", limit=0.5, over="bare", enough=2_500)


@pytest.mark.parametrize(
    ("fast", "bare", "holds"),
    [
        (1_000, 2_000, "yes"),
        (999, 2_000, "no"),
        (2_500, 10_000, "yes"),
        (2_499, 10_000, "no"),
    ],
)
def test_either_the_multiple_or_the_plain_value_is_enough(fast: float, bare: float, holds: str) -> None:
    readings = {"fast": Reading(windows=[fast]), "bare": Reading(windows=[bare])}

    (verdict,) = judge(readings, [EITHER])

    assert verdict.holds is (holds == "yes")


def test_a_target_tells_both_of_its_bounds() -> None:
    assert EITHER.describe() == ">= 0.5 x bare, or >= 2,500"


def test_the_steady_part_leaves_out_the_first_fifth_and_the_end() -> None:
    counts = iter([0, 19, 25, 50, 94, 97, 100])

    steady = watch(lambda: next(counts), total=100, parties=US, on_look=lambda _count: None)

    assert steady.counted == 97 - 25


def test_a_job_that_was_over_at_the_first_look_is_no_measurement() -> None:
    with pytest.raises(StackError, match="too soon"):
        watch(lambda: 100, total=100, parties=US, on_look=lambda _count: None)


def test_deposits_come_out_of_their_file_as_events_that_the_wallet_understands(tmp_path: Path) -> None:
    path = tmp_path / "messages"

    assert write_messages(path, deposit_messages(3, players=5)) == 3

    read = read_messages(path)
    assert len({message.message_id for message in read}) == 3
    for message in read:
        delivery = Delivery(
            body=message.body,
            content_type=CONTENT_TYPE,
            message_id=message.message_id,
            routing_key=message.routing_key,
            headers={},
        )
        event = payment_event(open_envelope(delivery, environment="TEST", bytes_max=65_536))
        assert event.receipt.event_id == message.message_id
