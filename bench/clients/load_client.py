"""The client process: `python -m bench.clients.load_client`, one order on standard input, answers on standard output.

It is a process of its own, on uvloop, so that progress bars and process control take nothing from it. One load is:

1. warm-up: requests built as they go; connections, plans and caches get warm, and the rate tells how many requests
   the window will need;
2. building: those requests, serialised, with plenty to spare;
3. settling and, without a pause, the window: what is answered APPLIED between its ends is the rate;
4. draining: everything sent is answered, since the audit wants each acknowledgement.

One client process is enough: see `bench/README.md`.
"""

import asyncio
import gc
import math
import os
import sys
import time
from collections.abc import Sequence
from itertools import chain, islice

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # read when grpc is imported

import uvloop

from bench.clients.answer_counts import Tally
from bench.clients.end_with_parent import end_with_parent
from bench.clients.orders import Order, Outcome, Phase, Progress, Shape, to_line
from bench.clients.senders import Sender, open_channels, sender_of
from bench.clients.workloads import Feed, feeds_of

_TELL_INTERVAL_S = 0.25
_SURPLUS = 2.2
"""Prebuilt requests over what the warm-up's rate asks for: without building, the client is faster. Past them it builds
as it goes."""
_ITEMS_MIN = 8
"""A slot has at least so many."""
_CONNECT_TIMEOUT_S = 20.0
_NICEST = 19


class Client:
    """One load."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._tally = Tally()
        self._phase = Phase.WARM_UP

    async def run(self) -> Outcome:
        """Carry the order out."""
        channels = open_channels(self._order)
        teller = asyncio.create_task(self._tell_now_and_then())
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await asyncio.gather(*(channel.channel_ready() for channel in channels))
            sender = sender_of(self._order, channels, self._tally)
            if self._order.operations is not None:
                return await self._send_all(sender)
            return await self._measure(sender)
        finally:
            teller.cancel()
            await asyncio.gather(*(channel.close() for channel in channels))

    async def _send_all(self, sender: Sender) -> Outcome:
        """Send a fixed number of operations over the slots, or what the time allows; measures nothing exactly."""
        order = self._order
        assert order.operations is not None
        items = math.ceil(order.operations / order.batch_operations / order.in_flight)
        started = time.perf_counter()
        self._enter(Phase.WINDOW)
        sending = asyncio.create_task(sender.send([islice(feed, items) for feed in feeds_of(order)]))
        await _sleep_or_end(order.operations_s_max, sending)
        sender.stop()
        await sending
        return self._tally.close(applied_in_window=self._tally.applied, window_s=time.perf_counter() - started)

    async def _measure(self, sender: Sender) -> Outcome:
        order, tally = self._order, self._tally
        feeds = feeds_of(order)
        items_per_s = float(order.per_second)
        if order.shape is not Shape.PACED:
            items_per_s = await self._warm_up(sender, feeds)
        self._enter(Phase.BUILD)
        ready = self._build(feeds, items_per_s)
        gc.collect()
        gc.freeze()
        self._enter(Phase.SETTLE)
        sending = asyncio.create_task(sender.send(ready))
        await _sleep_or_end(self._settle_s, sending)
        self._enter(Phase.WINDOW)
        tally.counting, before, started = True, tally.applied, time.perf_counter()
        await _sleep_or_end(order.window_s, sending)
        tally.counting, applied, window_s = False, tally.applied - before, time.perf_counter() - started
        self._enter(Phase.DRAIN)
        sender.stop()
        await sending
        return tally.close(applied_in_window=applied, window_s=window_s)

    async def _warm_up(self, sender: Sender, feeds: Sequence[Feed]) -> float:
        """Send for a while; returns how many requests the busiest half of it took each second."""
        self._enter(Phase.WARM_UP)
        operations = self._order.batch_operations
        sending = asyncio.create_task(sender.send(feeds))
        rates = []
        for _ in range(2):
            before = self._tally.applied
            await _sleep_or_end(self._order.warm_up_s / 2, sending)
            rates.append((self._tally.applied - before) / operations / (self._order.warm_up_s / 2))
        sender.stop()
        await sending
        return max(rates)

    @property
    def _settle_s(self) -> float:
        """How long prebuilt requests are sent before the window: a paced load, whose rate is known, warms up so."""
        order = self._order
        return order.settle_s + (order.warm_up_s if order.shape is Shape.PACED else 0)

    def _build(self, feeds: Sequence[Feed], items_per_s: float) -> list[Feed]:
        surplus = 1.0 if self._order.shape is Shape.PACED else _SURPLUS
        seconds = self._settle_s + self._order.window_s
        each = max(_ITEMS_MIN, math.ceil(items_per_s * seconds * surplus / len(feeds)))
        return [chain(list(islice(feed, each)), feed) for feed in feeds]

    # ---- telling

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        _say(Progress(phase=phase, applied=self._tally.applied))

    async def _tell_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_TELL_INTERVAL_S)
            _say(Progress(phase=self._phase, applied=self._tally.applied))


async def _sleep_or_end(seconds: float, task: asyncio.Task[None]) -> None:
    """Wait, unless the task ends before; pass on what ended it."""
    await asyncio.wait({task}, timeout=seconds)
    if task.done():
        task.result()


def _say(message: Progress | Outcome) -> None:
    sys.stdout.write(to_line(message))
    sys.stdout.flush()


def _give_way_to_all() -> None:
    """Run when a processor is idle; the threads that are started from now on do as well."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(_NICEST)


def main() -> None:
    """Read the order, carry it out, answer."""
    order = Order.from_line(sys.stdin.readline())
    if order.in_background:
        _give_way_to_all()
    end_with_parent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        _say(runner.run(Client(order).run()))


if __name__ == "__main__":
    main()
