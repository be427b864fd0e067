"""Messages in files, for publishers: a line each, with routing key, message id and body parted by tabs."""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

from bench.clients.workloads import NETWORK_ID
from bench.servers.database import Server
from wallet_grpc.messaging.cloudevents import render
from wallet_grpc.messaging.payment_events import DEPOSIT_SETTLED
from wallet_grpc.store.batch.transactions import TOLD_TRANSACTIONS, ToldTransaction
from wallet_grpc.store.queues.told_events import NamedEvent, facts_parameters, outbox_rows

_DEPOSIT_MINOR = 25_000_000
_OUTBOX: LiteralString = """
    SELECT outbox_id, owner_id, tx_id::TEXT, event_no, sequence, traceparent FROM outbox_events ORDER BY outbox_id
"""


@dataclass(frozen=True, slots=True)
class EventMessage:
    """A message that is to be published."""

    routing_key: str
    message_id: str
    body: bytes


def read_messages(path: Path) -> list[EventMessage]:
    """Read a file of messages."""
    lines = (line.split(b"\t", 2) for line in path.read_bytes().splitlines())
    return [EventMessage(key.decode(), message_id.decode(), body) for key, message_id, body in lines]


def write_messages(path: Path, messages: Iterable[EventMessage]) -> int:
    """Write a file of messages; returns how many they are."""
    count = 0
    with path.open("wb") as file:
        for count, message in enumerate(messages, start=1):  # noqa: B007 it is returned
            file.write(b"\t".join([message.routing_key.encode(), message.message_id.encode(), message.body]) + b"\n")
    return count


def outbox_messages(server: Server, database: str, *, environment: str) -> Iterator[EventMessage]:
    """Yield what a relay is to publish, in its bytes."""
    named = [NamedEvent(*columns) for columns in server.rows(database, _OUTBOX)]
    facts = TOLD_TRANSACTIONS.statement
    told = server.raw_rows(database, facts.text, facts.values(facts_parameters(named)))
    for row in outbox_rows(named, [ToldTransaction(*columns) for columns in told]):
        event = row.tell()
        yield EventMessage(event.event_type, event.event_id, render(event, environment=environment))


def deposit_messages(count: int, *, players: int) -> Iterator[EventMessage]:
    """Yield deposits as the Payments System tells them, of players drawn uniformly."""
    draw = random.Random("deposits")
    for number in range(1, count + 1):
        event_id = f"settled-{number:012d}"
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": "/payments",
            "type": DEPOSIT_SETTLED,
            "time": "2026-01-01T00:00:00Z",
            "datacontenttype": "application/json",
            "data": {
                "depositId": f"bench-deposit-{number:012d}",
                "playerId": str(draw.randint(1, players)),
                "currencyNetworkId": NETWORK_ID,
                "amountMinor": str(_DEPOSIT_MINOR),
                "txHash": f"{draw.getrandbits(256):064x}",
                "outputIndex": 0,
            },
        }
        yield EventMessage(DEPOSIT_SETTLED, event_id, json.dumps(event, separators=(",", ":")).encode())
