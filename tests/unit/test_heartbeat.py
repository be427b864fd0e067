"""Heartbeats: a loop that turns is heard, a blocked one is missed, and a pause of the listener itself counts little."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from wallet_grpc import heartbeat
from wallet_grpc.heartbeat import Heartbeat, beat

HUNG_AFTER_S = 0.6


async def test_an_event_loop_that_is_blocked_is_missed_and_one_that_turns_is_not() -> None:
    pulse = Heartbeat()
    beating = asyncio.create_task(beat(pulse.writing))
    deadline = time.monotonic() + 3 * HUNG_AFTER_S
    while time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        assert not pulse.is_missing(HUNG_AFTER_S)
    while not pulse.is_missing(HUNG_AFTER_S):
        time.sleep(0.05)  # noqa: ASYNC251 - the loop is blocked, as by a call that does not return
        assert time.monotonic() < deadline + 20
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
    pulse.worker_has_it()
    pulse.close()


def test_a_worker_that_never_says_a_word_is_missed_only_after_a_long_start(monkeypatch: pytest.MonkeyPatch) -> None:
    pulse = Heartbeat()
    now = time.monotonic()
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now)
    for _ in range(59):
        now += 1
        assert not pulse.is_missing(HUNG_AFTER_S)
    now += 2
    assert not pulse.is_missing(HUNG_AFTER_S)
    now += 1
    assert pulse.is_missing(HUNG_AFTER_S)
    pulse.worker_has_it()
    pulse.close()


def test_where_the_listener_was_stopped_too_nobody_is_to_blame(monkeypatch: pytest.MonkeyPatch) -> None:
    pulse = Heartbeat()
    os.write(pulse.writing, b".")
    assert not pulse.is_missing(10)
    now = time.monotonic() + 3_600
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now)
    assert not pulse.is_missing(10)
    pulse.worker_has_it()
    pulse.close()
