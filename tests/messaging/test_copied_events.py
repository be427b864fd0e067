"""Events over a copy: what the source has not published the target publishes, once, with a relay at each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from support.broker import Broker, new_vhost
from support.copying import SETTINGS, copy_to, new_target
from support.database import Installation
from support.events import Bus, Worker
from support.load import Load
from support.server import WalletServer
from support.waiting import wait_until


@pytest.mark.timeout(600)
def test_each_event_is_published_once(new_installation: Callable[..., Installation], broker: Broker) -> None:
    source = new_installation(cells=1)
    amqp_url = new_vhost(broker)
    with new_target(source, 3) as target, Bus(amqp_url) as bus, WalletServer(source, **SETTINGS) as server:
        bus.subscribe()
        wallet = server.wallet()
        players = [wallet.player("1000000") for _ in range(4)]
        with Worker("relay", source, amqp_url, WALLET_RELAY_ROUND_EVENTS_MAX="20"):
            with Load(wallet, players) as load:
                load.goes_on()
                copy_to(source, target, "--finish")
            left = source.rows("SELECT count(*) FROM outbox_events")
            assert left == target.rows("SELECT count(*) FROM outbox_events"), "the source's relay has left"
            with Worker("relay", target, amqp_url):
                empty = "SELECT FROM outbox_events"
                wait_until(lambda: target.rows(empty) == [], what="the target has published the rest")
                made = source.rows("SELECT count(*) FROM ledger_transactions")[0][0]
                wait_until(lambda: len(bus.received) >= made, what="all events are received")
        published = Counter(message.message_id for message in bus.received)
        assert len(published) == made, "each of these transactions has one event"
        assert set(published.values()) == {1}
