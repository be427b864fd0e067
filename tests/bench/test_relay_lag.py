"""How far behind a relay is, as the benchmark sees it: by the oldest event of the outbox."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from support.database import Installation
from support.waiting import wait_until

from bench.steps.event_ground import EventGround

AGE_S = 7.0


def tx_id_of(age_s: float) -> uuid.UUID:
    """Give an id that begins with its time, as the wallet makes them."""
    return uuid.UUID(int=int((time.time() - age_s) * 1000) << 80 | 7 << 76 | 2 << 62)


def test_the_lag_is_how_long_the_oldest_event_had_waited_at_the_worst_look(
    new_installation: Callable[[], Installation],
) -> None:
    installation = new_installation()
    server = SimpleNamespace(cluster=SimpleNamespace(dsn=lambda _name: installation.admin_dsn))
    bench: Any = SimpleNamespace(testbed=SimpleNamespace(server=server), name="any")
    ground = EventGround(bench=bench, queues=None, amqp_url="", broker_pid=0)  # type: ignore[arg-type]
    with installation.connect() as connection:
        connection.execute("TRUNCATE outbox_events")
        connection.commit()
        with ground.watching_lag() as empty:
            wait_until(lambda: empty.looks > 0, what="it has been looked at")
        assert empty.most_s == 0.0
        for age_s in (AGE_S, 1.0):
            connection.execute(
                "INSERT INTO outbox_events (owner_id, sequence, tx_id, event_no) VALUES (1, 1, %s, 1)",
                (tx_id_of(age_s),),
            )
        connection.commit()
        with ground.watching_lag() as lag:
            wait_until(lambda: lag.looks > 0, what="it has been looked at")
            connection.execute("TRUNCATE outbox_events")
            connection.commit()
    assert AGE_S <= lag.most_s < AGE_S + 60
