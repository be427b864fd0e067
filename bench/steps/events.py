"""The measurements of events: relay and consumer, each beside a bare loop, how late events are, and what they cost.

A bare loop and the wallet's process do the same work one after the other, on the same broker, and are watched by the
same means: how many messages wait in a queue (`steady`). What the wallet did is audited, on top of every step's audit:
each event is in the subscriber's queue once, each deposit is credited once, and nothing is parked or dead-lettered.
"""

import time
from dataclasses import dataclass, replace

from bench.clients.event_orders import EventOrder, Job
from bench.clients.orders import Order
from bench.servers.broker import BARE_EXCHANGE, BARE_QUEUE, COPIES_QUEUE, NAMES, SUBSCRIBER_QUEUE
from bench.steps.event_ground import EventGround, event_ground
from bench.steps.plan import Plan
from bench.steps.players import batch_order, paced_order, unary_order
from bench.steps.steady_rate import Steady
from bench.steps.testbed import Testbed

LAG_PER_S = 500
_SUBSCRIBER_IN_FLIGHT = 1_000


def lag_order(plan: Plan) -> Order:
    """500 calls a second at fixed times."""
    return replace(_short(paced_order(plan), plan), prefix="l", per_second=LAG_PER_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """All of them, on one database: to serve and to audit three would take longer than to measure."""

    name: str = "events"

    def run(self, testbed: Testbed) -> None:
        """Measure each with an empty outbox and empty queues."""
        with event_ground(testbed, self.name) as ground:
            for part in (Relaying(), Consumption(), Beside()):
                ground.clear()
                part.run(ground)


class Relaying:
    """How fast one relay empties an outbox that was filled before, and how late events are when it keeps up."""

    def run(self, ground: EventGround) -> None:
        """Fill the outbox through the wallet; publish it by the bare loop, then by the relay; then measure the lag."""
        testbed = ground.bench.testbed
        events = ground.fill_outbox()
        _record(testbed, "bare_publish_per_s", self._publish_bare(ground, events))
        with ground.part("relay") as relay:
            _record(testbed, "relay_events_per_s", self._relay(ground, relay, events))
            self._lag(ground, relay)

    def _publish_bare(self, ground: EventGround, events: int) -> Steady:
        order = EventOrder(
            job=Job.PUBLISH,
            amqp_url=ground.amqp_url,
            place=BARE_EXCHANGE,
            in_flight=ground.bench.command.settings_in_use()["relay_in_flight_max"],
            file=str(ground.messages_path),
        )
        with ground.client(order) as publisher:
            steady = ground.watch("publisher", publisher.pid, lambda: ground.queues.depth(BARE_QUEUE), total=events)
            publisher.end()
        return steady

    def _relay(self, ground: EventGround, relay: int, events: int) -> Steady:
        steady = ground.watch("relay", relay, lambda: ground.queues.depth(SUBSCRIBER_QUEUE), total=events)
        ground.await_empty_outbox()
        ground.expect("relayed messages", ground.queues.depth(SUBSCRIBER_QUEUE), events)
        return steady

    def _lag(self, ground: EventGround, relay: int) -> None:
        """Have a subscriber note how old events are, from the first of a paced load to the last."""
        testbed, load_order = ground.bench.testbed, lag_order(ground.bench.testbed.plan)
        ground.queues.purge(SUBSCRIBER_QUEUE)
        order = EventOrder(
            job=Job.SUBSCRIBE,
            amqp_url=ground.amqp_url,
            place=SUBSCRIBER_QUEUE,
            in_flight=_SUBSCRIBER_IN_FLIGHT,
            warm_up_s=load_order.warm_up_s + load_order.settle_s,
            window_s=load_order.window_s,
        )
        with ground.client(order) as subscriber:
            beside = ground.beside | {"relay": relay, "subscriber": subscriber.pid}
            load = ground.bench.measure("event_lag", load_order, beside=beside)
            applied = sum(load.outcome.acknowledged.values())
            told = subscriber.end(total=applied)
        ground.expect("events at the subscriber", told.distinct, applied)
        note = f"p50 {told.p50_ms:.1f} ms, longest {told.max_ms:.0f} ms, of {told.in_window:,} events"
        testbed.results.add("event_lag_p99_ms", told.p99_ms, note, remark=f"busy cores: {load.cores}")


class Consumption:
    """How fast one consumer credits a queue full of deposits."""

    def run(self, ground: EventGround) -> None:
        """Fill two queues with the same deposits; empty one by the bare consumer, the other by the wallet's."""
        testbed = ground.bench.testbed
        deposits = ground.fill_queues()
        prefetch = ground.bench.command.settings_in_use()["consumer_prefetch"]
        _record(testbed, "bare_consume_per_s", self._consume_bare(ground, deposits, prefetch))
        with ground.part("consume") as consumer:
            _record(testbed, "deposits_consumed_per_s", self._consume(ground, consumer, deposits))

    def _consume_bare(self, ground: EventGround, deposits: int, prefetch: int) -> Steady:
        order = EventOrder(
            job=Job.CONSUME, amqp_url=ground.amqp_url, place=COPIES_QUEUE, in_flight=prefetch, messages=deposits
        )
        with ground.client(order) as consumer:
            steady = ground.watch(
                "consumer", consumer.pid, lambda: deposits - ground.queues.depth(COPIES_QUEUE), total=deposits
            )
            consumer.end()
        return steady

    def _consume(self, ground: EventGround, consumer: int, deposits: int) -> Steady:
        steady = ground.watch(
            "consumer", consumer, lambda: deposits - ground.queues.depth(NAMES.payments_queue), total=deposits
        )
        ground.await_credited(deposits)
        return steady


class Beside:
    """What the gRPC rates are with a relay and a consumer on the same machine.

    The relay publishes what the load makes; the consumer is connected and looks at its inbox, but nothing comes.
    """

    def run(self, ground: EventGround) -> None:
        """Measure unary calls, which leave an outbox that can be emptied, then batches, which may not."""
        plan = ground.bench.testbed.plan
        with ground.part("relay") as relay, ground.part("consume") as consumer:
            ground.await_connected()
            beside = ground.beside | {"relay": relay, "consumer": consumer}
            unary, batch = _short(unary_order(plan), plan), _short(batch_order(plan), plan)
            self._measure(ground, "unary_bets_with_relay_per_s", "unary_bets_per_s", unary, beside)
            batch = replace(batch, window_s=plan.relayed_batches_s)
            with ground.watching_lag() as lag:
                self._measure(ground, "batch_bets_with_relay_per_s", "batch_bets_per_s", batch, beside)
            ground.bench.testbed.results.add("relay_lag_s", lag.most_s, f"over {plan.relayed_batches_s:g} s of batches")

    def _measure(self, ground: EventGround, figure: str, plain: str, order: Order, beside: dict[str, int]) -> None:
        results = ground.bench.testbed.results
        relayed, started = ground.queues.depth(SUBSCRIBER_QUEUE), time.monotonic()
        load = ground.bench.measure(figure.removesuffix("_per_s"), order, beside=beside)
        relayed_per_s = (ground.queues.depth(SUBSCRIBER_QUEUE) - relayed) / (time.monotonic() - started)
        note = f"{relayed_per_s:,.0f}/s relayed meanwhile, {ground.waiting_events():,} left to relay"
        if plain in results.readings:
            note = f"{load.outcome.per_s / results.readings[plain].value:.2f} x {plain}; {note}"
        results.add(figure, load.outcome.per_s, note, remark=f"busy cores: {load.cores}")


def _short(order: Order, plan: Plan) -> Order:
    """Give an order the lengths that loads have here with relay and consumer beside."""
    return replace(
        order, warm_up_s=plan.events_warm_up_s, settle_s=plan.events_warm_up_s / 3, window_s=plan.events_window_s
    )


def _record(testbed: Testbed, figure: str, steady: Steady) -> None:
    testbed.results.add(figure, steady.per_s, remark=steady.remark)
    testbed.results.details.setdefault("events", {})[figure] = {
        "counted": steady.counted,
        "window_s": round(steady.window_s, 3),
        "busy_cores": steady.cores,
    }
