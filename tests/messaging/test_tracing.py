"""A payment event's trace goes on through the consumer, its batch, the outbox and the relay, to whoever subscribes."""

from __future__ import annotations

import secrets

from support.broker import Broker, new_vhost
from support.collector import collecting
from support.database import Installation
from support.events import Bus, Worker, deposit_settled
from support.requests import Player
from support.waiting import wait_until

CONSUMER_KIND, PRODUCER_KIND = 5, 4


def test_an_event_that_comes_in_is_traced_until_the_event_that_goes_out(
    module_installation: Installation, broker: Broker
) -> None:
    amqp_url, player = new_vhost(broker), Player()
    trace_id, span_id, untraced = secrets.token_hex(16), secrets.token_hex(8), secrets.token_hex(16)
    with (
        collecting() as collector,
        Bus(amqp_url) as bus,
        Worker("consume", module_installation, amqp_url, **collector.settings) as consumer,
        Worker("relay", module_installation, amqp_url, **collector.settings) as relay,
    ):
        bus.subscribe()
        bus.publish(
            deposit_settled(player.deposit("5"), traceparent=f"00-{untraced}-{span_id}-00"),
            deposit_settled(player.deposit("5"), traceparent=f"00-{trace_id}-{span_id}-01"),
        )
        taken = collector.one("process payments.deposit.settled", trace_id)
        assert (taken.process, taken.kind, taken.parent_id) == ("consume", CONSUMER_KIND, span_id)
        assert collector.one("wait", trace_id).parent_id == taken.span_id
        assert taken.context in collector.batch_of(taken).links

        wait_until(lambda: len(bus.events_of(player)) == 2, what="both events", timeout_s=60)
        traceparents = {event["traceparent"] for event in bus.events_of(player)}
        assert traceparents == {f"00-{untraced}-{span_id}-00", f"00-{trace_id}-{taken.span_id}-01"}
        event_type = bus.events_of(player)[0]["type"]
        told = collector.one(f"publish {event_type}", trace_id)
        assert (told.process, told.kind, told.parent_id) == ("relay", PRODUCER_KIND, taken.span_id)
        assert not told.failed
        assert consumer.stop() == 0, consumer.log
        assert relay.stop() == 0, relay.log
        assert [span for span in collector.spans if span.trace_id == untraced] == []
