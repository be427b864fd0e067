"""Events of every type as the ledger tells them: byte for byte what their rule made, again and again."""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from store.lanes import SteppedLane
from support.database import Installation
from unit.desk import adjust, bet, bet_and_win, deposit, fail, reserve, rollback, settle, state, win
from unit.session_desk import SessionDesk, opening

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.cells import ONLY_CELL
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.events import Event, EventType
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.domain.sessions.outcomes import SessionFacts
from wallet_grpc.domain.sessions.state import session_address
from wallet_grpc.domain.transactions import Direction, WinKind
from wallet_grpc.messaging.cloudevents import render
from wallet_grpc.store.operator.outbox import replay_parked_events
from wallet_grpc.store.queues.event_data import NetworkNames, event_data
from wallet_grpc.store.queues.outbox import OutboxQueue
from wallet_grpc.store.queues.told_events import rfc_3339

NewLane = Callable[..., SteppedLane]

TRICKY = 'ünïcode "quoted" \\ / {"json": 1}'
PLAY: list[Command] = [
    deposit("d", 10**30, tx_hash="0xAbC", output_index=0),
    deposit("plain", 5),
    bet("b", 50),
    bet("free", 0),
    win("w", 7, of="b"),
    win("j", 9, kind=WinKind.JACKPOT, game="", round=""),
    bet_and_win("bw", 10, 30),
    bet_and_win("lost", 10, 0),
    rollback("r", of="bw"),
    rollback("rw", of="w"),
    rollback("unseen", of="nothing"),
    reserve("p1", 40),
    reserve("p2", 40),
    settle("p1", 1, tx_hash="0x1"),
    fail("p2", reason=TRICKY),
    adjust("up", 5, reason=TRICKY, actor="ana"),
    adjust("down", 5, Direction.DEBIT),
]


def of_a_session(desk: SessionDesk) -> Iterator[Command]:
    """Play in a session, end it, and send what comes late."""
    yield desk.bet("sb", 10)
    yield desk.bet("sc", 10)
    yield desk.settlement()
    yield desk.win("sw", 20, of="sb")
    yield desk.win("sj", 20, kind=WinKind.JACKPOT, round_id="")
    yield desk.rollback("back", "sw")
    yield desk.rollback("stake", "sc")
    yield state("blocked", PlayerState.BLOCKED)


class Teller:
    """Sends commands, and keeps the bytes of what their rules tell."""

    def __init__(self, lane: SteppedLane) -> None:
        self.lane = lane
        self.messages: list[bytes] = []
        self.types: set[EventType] = set()

    async def send(self, command: Command) -> Outcome:
        batch = await self.lane.decide(command)
        for change in batch.loaded.book.changes:
            for event in change.events:
                self.messages.append(message(event, batch.loaded.now))
                self.types.add(event.event_type)
        (outcome,) = await self.lane.write(batch)
        await self.lane.store.release()
        assert not isinstance(outcome, Refusal), f"{command}: {outcome}"
        return outcome


def message(event: Event, now: datetime) -> bytes:
    """Render an event as it was decided, without a database."""
    transaction = event.transaction
    names = NetworkNames("USDT", "TRON") if transaction.currency_network_id is not None else None
    data = event_data(event, names, rfc_3339(now))
    return (
        f'{{"specversion":"1.0","id":"{transaction.tx_id}-{event.event_no}","source":"wallet",'
        f'"type":"{event.event_type}","subject":"{transaction.owner_id}","time":"{rfc_3339(now)}",'
        f'"datacontenttype":"application/json","environment":"TEST","sequence":{event.sequence},"data":{data}}}'
    ).encode()


@pytest.mark.parametrize("postgres", [18], indirect=True, ids=["postgres-18"])
async def test_an_event_is_the_same_to_the_byte_however_often_it_is_published(
    new_lane: NewLane, ledger: Installation
) -> None:
    teller = Teller(new_lane())
    for command in PLAY:
        await teller.send(command)
    facts = await teller.send(opening())
    assert isinstance(facts, SessionFacts)
    desk = SessionDesk()
    address = session_address(facts.session_token)
    assert address is not None
    desk.session_id = address.session_id
    for command in of_a_session(desk):
        await teller.send(command)
    assert teller.types == set(EventType)

    queue = OutboxQueue(ledger.service_dsn, timeout_ms=5_000)
    await queue.share()

    async def published() -> list[bytes]:
        return [render(row.tell(), environment="TEST") for row in await queue.next(100)]

    assert await published() == teller.messages
    assert await published() == teller.messages
    await queue.park([row.outbox_id for row in await queue.next(100)], "UNROUTABLE")
    assert await published() == []
    with ledger.connect() as connection:
        replay_parked_events(connection, ONLY_CELL)
    assert await published() == teller.messages
    await queue.close()
