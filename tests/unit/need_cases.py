"""Commands of every class, each with what was sent before: together they read all that needs may name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unit.desk import (
    APPROVAL,
    GAMES,
    TRON,
    Desk,
    adjust,
    bet,
    bet_and_win,
    deposit,
    fail,
    reserve,
    rollback,
    settle,
    state,
    win,
)
from unit.loads import sent
from unit.session_desk import SessionDesk, opening
from unit.world import LEDGER, address, new_desk

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.credit.commands import Commit, Credit, Debit, Release, Reserve
from wallet_grpc.domain.credit.state import wallet_entry_key
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.state import Leg

PURSE = address("purse")
FUNDS = deposit("d", 200)
HELD = reserve("p")


def credit(transaction_id: str) -> Credit:
    return Credit(source=GAMES, wallet=PURSE, transaction_id=transaction_id, amount_minor=100)


def hold(transaction_id: str) -> Reserve:
    return Reserve(source=GAMES, wallet=PURSE, transaction_id=transaction_id, amount_minor=40, ttl_s=60)


def ledger(transaction_id: str = "l") -> CreateLedger:
    return CreateLedger(source=GAMES, transaction_id=transaction_id, name="tokens", currency_network_id=TRON)


def entry(transaction_id: str = "e") -> PostJournalEntry:
    return PostJournalEntry(
        source=GAMES,
        transaction_id=transaction_id,
        ledger_id=LEDGER,
        owner_id=OwnerId(-5),
        currency_network_id=TRON,
        legs=(Leg("cash", 10), Leg("sales", -10)),
    )


RESERVATION = wallet_entry_key(PURSE.wallet_id, "r")

CASES: list[tuple[Sequence[Command], Command]] = [
    ([FUNDS], bet("b")),
    ([FUNDS], bet_and_win("b")),
    ([FUNDS, bet("b")], win("w", of="b")),
    ([FUNDS], rollback("r", of="b")),
    ([FUNDS, bet("b")], rollback("r", of="b")),
    ([FUNDS], reserve("p")),
    ([FUNDS, HELD], settle("p")),
    ([FUNDS, HELD], fail("p")),
    ([], deposit("d", tx_hash="0x1", output_index=0)),
    ([], adjust("a")),
    ([adjust("a", approval=APPROVAL)], adjust("a", approval=APPROVAL)),
    ([], state("s", PlayerState.CLOSED)),
    ([credit("c")], credit("d")),
    ([credit("c")], Debit(source=GAMES, wallet=PURSE, transaction_id="d", amount_minor=10)),
    ([credit("c")], hold("r")),
    ([credit("c"), hold("r")], hold("r")),
    ([credit("c"), hold("r")], Commit(source=GAMES, wallet=PURSE, reservation_key=RESERVATION, amount_minor=None)),
    ([credit("c"), hold("r")], Release(source=GAMES, wallet=PURSE, reservation_key=RESERVATION)),
    ([], ledger()),
    ([ledger()], ledger()),
    ([], entry()),
    ([entry()], entry()),
]


def _in_sessions() -> Iterator[tuple[Desk, Command]]:
    """Give desks, and commands on the session that is open on them, or settled."""
    desk = new_desk()
    desk.send(FUNDS)
    yield desk, opening("o")
    again = SessionDesk.opened()
    yield again, opening("open")
    for settled in (False, True):
        desk = SessionDesk.opened().all([])
        desk.send(desk.bet("b"))
        if settled:
            desk.send(desk.settlement())
        else:
            yield desk, desk.bet("b2")
            yield desk, desk.settlement()
        yield desk, desk.win("w", of="b")
        yield desk, desk.rollback("r", of="b")


def every_case() -> Iterator[tuple[Desk, Command]]:
    """Give desks on which all was sent that comes before, and the command that comes then; it is asked for already."""
    for before, command in CASES:
        desk = new_desk()
        sent(desk, before)
        desk.load(command)
        yield desk, command
    for desk, command in _in_sessions():
        desk.load(command)
        yield desk, command
