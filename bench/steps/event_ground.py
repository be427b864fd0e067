"""What is measured of events works on this: a workbench, queues of the run's broker, and messages to fill both."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import LiteralString

import psycopg

from bench.clients.event_files import deposit_messages, outbox_messages, write_messages
from bench.clients.event_orders import EventOrder, Job
from bench.clients.event_process import EventClient
from bench.clients.workloads import DEPOSIT
from bench.report.processors import Parties
from bench.servers.broker import NAMES, SUBSCRIBER_QUEUE, Queues
from bench.servers.wallet_server import Part, running_part
from bench.steps.plan import PLAYERS
from bench.steps.players import batch_order
from bench.steps.steady_rate import Steady, watch
from bench.steps.testbed import Testbed, Workbench
from devstack.stack_settings import StackError

_FILL_IN_FLIGHT = 500
_DEPOSIT_ENTRIES = 2
_READY_WITHIN_S = 30.0
_DONE_WITHIN_S = 60.0
_POLL_S = 0.05
_LAG_LOOKS_S = 0.5


@dataclass(slots=True)
class Lag:
    """How far behind a relay was."""

    most_s: float = 0.0
    """How long the oldest event had waited, at the worst look."""
    looks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGround:
    """A step's database and queues."""

    bench: Workbench
    queues: Queues
    amqp_url: str
    broker_pid: int

    # ---- processes

    @contextmanager
    def part(self, name: Part) -> Iterator[int]:
        """Run `wallet relay` or `wallet consume` for a block; gives its pid."""
        with running_part(self.bench.command, name, amqp_url=self.amqp_url) as pid:
            yield pid

    @contextmanager
    def client(self, order: EventOrder) -> Iterator[EventClient]:
        """Run an event client for a block, which begins when the client does."""
        with EventClient(order) as client:
            client.begin()
            yield client

    @property
    def beside(self) -> dict[str, int]:
        """What runs beside a load, by name and pid: the broker."""
        return {"broker": self.broker_pid}

    def watch(self, name: str, pid: int, done: Callable[[], int], *, total: int) -> Steady:
        """Watch a process do a job; what is done is looked at from here."""
        display = self.bench.testbed.display
        parties = Parties(
            processes={name: (pid,), "broker": (self.broker_pid,)}, postmaster=self.bench.testbed.postmaster
        )
        with display.part(f"{name}, {total:,} messages", total=total):
            return watch(done, total=total, parties=parties, on_look=lambda count: display.show("", completed=count))

    # ---- filling

    def clear(self) -> None:
        """Empty the outbox, which the funding of the players filled as well, and the subscriber's queue."""
        self.bench.testbed.server.execute(self.bench.name, "TRUNCATE outbox_events")
        self.queues.purge(SUBSCRIBER_QUEUE)

    @property
    def messages_path(self) -> Path:
        """Where messages to publish are."""
        return self.bench.testbed.server.folder / "messages.tsv"

    def fill_outbox(self) -> int:
        """Have the wallet fill the outbox by batches of bets, and write its events to the file; returns how many."""
        testbed, bench = self.bench.testbed, self.bench
        order = replace(batch_order(testbed.plan), prefix="o", operations=testbed.plan.events)
        load = bench.load(order)
        environment = bench.command.settings.environment.upper()
        written = write_messages(
            self.messages_path, outbox_messages(testbed.server, bench.name, environment=environment)
        )
        self.expect("events in the outbox", written, load.outcome.applied_in_window)
        testbed.server.vacuum(bench.name)
        testbed.server.checkpoint()  # before anybody begins: its fsyncs would hold up the broker's
        return written

    def fill_queues(self) -> int:
        """Publish deposits, to the wallet's queue and to the bare consumer's; returns how many, to be in the ledger."""
        testbed = self.bench.testbed
        deposits = write_messages(self.messages_path, deposit_messages(testbed.plan.events, players=PLAYERS))
        order = EventOrder(
            job=Job.PUBLISH,
            amqp_url=self.amqp_url,
            place=NAMES.payments_exchange,
            in_flight=_FILL_IN_FLIGHT,
            file=str(self.messages_path),
        )
        with testbed.display.part("filling the queues"), self.client(order) as publisher:
            publisher.end()
        testbed.server.checkpoint()
        self.bench.ledgered.transactions[DEPOSIT] += deposits
        self.bench.ledgered.entries += deposits * _DEPOSIT_ENTRIES
        return deposits

    # ---- waiting

    def await_connected(self) -> None:
        """Wait until there is a relay, who connects to the database last, and a consumer of payments."""
        _await(
            lambda: self._count(_RELAYS) > 0 and self.queues.consumers(NAMES.payments_queue) > 0,
            what="relay and consumer are connected",
            within_s=_READY_WITHIN_S,
        )

    def await_empty_outbox(self) -> None:
        """Wait until everything was published and removed."""
        _await(lambda: self.waiting_events() == 0, what="the outbox is empty", within_s=_DONE_WITHIN_S)

    def await_credited(self, deposits: int) -> None:
        """Wait until the deposits are in the inbox, with their effect, or somewhere where they should not be."""
        _await(lambda: self._taken() >= deposits, what="every deposit was taken", within_s=_DONE_WITHIN_S)
        self.expect("deposits with their effect", self._count(_APPLIED), deposits)

    def waiting_events(self) -> int:
        """Return how many events are in the outbox."""
        return self._count(_OUTBOX)

    @contextmanager
    def watching_lag(self) -> Iterator["Lag"]:
        """Look twice a second, while a block lasts, how long the outbox's oldest event has waited."""
        lag, ended = Lag(), threading.Event()

        def look() -> None:
            with psycopg.connect(self.bench.testbed.server.cluster.dsn(self.bench.name), autocommit=True) as connection:
                while not ended.wait(_LAG_LOOKS_S):
                    found = connection.execute(_OLDEST).fetchone()
                    lag.most_s = max(lag.most_s, float(found[0]) if found else 0.0)
                    lag.looks += 1

        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(look)
            try:
                yield lag
            finally:
                ended.set()
            looking.result()

    def expect(self, what: str, found: int, wanted: int) -> None:
        """Make the run void if a count is off."""
        if found != wanted:
            self.bench.testbed.results.void_reasons.append(f"{self.bench.name}: {what}: {found}, not {wanted}")

    def _taken(self) -> int:
        return self._count(_INBOX) + self.queues.depth(NAMES.dead_letters)

    def _count(self, query: LiteralString) -> int:
        return int(self.bench.testbed.server.rows(self.bench.name, query)[0][0])


_OUTBOX: LiteralString = "SELECT count(*) FROM outbox_events"
_OLDEST: LiteralString = """
    SELECT extract(EPOCH FROM clock_timestamp())
           - ('x' || left(replace(tx_id::TEXT, '-', ''), 12))::BIT(48)::BIGINT / 1000.0
      FROM outbox_events WHERE parked_at IS NULL ORDER BY outbox_id LIMIT 1
"""
"""A tx_id begins with the time of its transaction, in milliseconds."""
_INBOX: LiteralString = "SELECT count(*) FROM inbox_events"
_RELAYS: LiteralString = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'wallet-relay'
"""
_APPLIED: LiteralString = "SELECT count(*) FROM inbox_events WHERE state = 'APPLIED'"


@contextmanager
def event_ground(testbed: Testbed, name: str) -> Iterator[EventGround]:
    """Serve a new database for a block, and give it exchanges and queues.

    Raises:
        NoBrokerError: There is no RabbitMQ.
    """
    node = testbed.broker.node()
    pid = node.pid
    assert pid is not None, "RabbitMQ has ended"
    with Queues(node.amqp_url) as queues, testbed.workbench(name) as bench:
        yield EventGround(bench=bench, queues=queues, amqp_url=node.amqp_url, broker_pid=pid)


def _await(condition: Callable[[], bool], *, what: str, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise StackError(f"not within {within_s:.0f} s: {what}")
        time.sleep(_POLL_S)
