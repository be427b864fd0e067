"""Random histories of all four capabilities over one desk, for Hypothesis.

A step is a command, or what becomes one when it is sent: play names its session by the opening, an ending of a
withdrawal names its reservation, whose player and network it gets, as the engine looks them up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from unit.desk import ANN, BOB, ETHEREUM, GAMES, PERSON, TRON, Desk
from unit.histories import commands as of_players

from wallet_grpc.domain.commands import Command, owner_of
from wallet_grpc.domain.credit.commands import Commit, Credit, Debit, Release, Reserve
from wallet_grpc.domain.credit.state import WalletAddress, wallet_address, wallet_entry_key
from wallet_grpc.domain.identifiers import CurrencyNetworkId, OwnerId, PlayerId, caller_key
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.state import LedgerId, Leg
from wallet_grpc.domain.players.commands import ApplyDeposit, FailWithdrawal, SettleWithdrawal, UnlocatedEnding
from wallet_grpc.domain.receipts import Receipt, receipt_of
from wallet_grpc.domain.sessions.commands import OpenSession, SessionBet, SessionRollback, SessionWin, SettleSession
from wallet_grpc.domain.sessions.state import Rail, SessionId
from wallet_grpc.domain.transactions import WinKind
from wallet_grpc.engine.tickets import Job, Ticket

NOWHERE = SessionId("00000000-0000-7000-8000-00000000dead")
LEDGER = LedgerId("0189abcd-0000-7000-8000-000000000001")


@dataclass(frozen=True)
class InSession:
    """What is done in the session that an opening begins; in none where it was not opened."""

    command: type[SessionBet | SessionWin | SessionRollback | SettleSession]
    opening: str
    fields: dict[str, Any]


Step = Command | InSession


def command_of(desk: Desk, step: Step) -> Command | None:
    """Give the command that a step is now; None for the ending of a withdrawal that was not reserved."""
    transactions = desk.book.transactions
    if isinstance(step, InSession):
        opening = transactions.get(caller_key(GAMES, step.opening))
        session = desk.book.sessions.by_id.get(SessionId(opening.tx_id)) if opening is not None else None
        named: dict[str, Any] = {"session_id": NOWHERE, "player_id": ANN, "currency_network_id": TRON}
        if session is not None:
            named["session_id"] = session.session_id
            named["player_id"] = PlayerId(session.owner_id)
            named["currency_network_id"] = session.currency_network_id
        return step.command(source=GAMES, **named, **step.fields)
    if isinstance(step, SettleWithdrawal | FailWithdrawal):
        reservation = transactions.get(step.reservation_key)
        if reservation is None:
            return None
        player_id, network = PlayerId(reservation.owner_id), reservation.currency_network_id
        assert network is not None
        named = {"source": step.source, "withdrawal_id": step.withdrawal_id, "metadata": {}}
        if isinstance(step, SettleWithdrawal):
            return UnlocatedEnding.settle(**named, fee_minor=step.fee_minor, tx_hash="").located(player_id, network)
        return UnlocatedEnding.fail(**named, reason="").located(player_id, network)
    return step


def new_desk() -> Desk:
    """Give a desk on which sessions can be opened in one of the currency networks."""
    desk = Desk()
    desk.book.sessions.rails[GAMES, TRON] = Rail.LEDGER
    return desk


def job_of(command: Command) -> Job:
    """Make the job of a command; a deposit comes from an event of the payments side."""
    return Job(
        command,
        owner_of(command),
        Ticket([None], receipt=receipt_for(command), operator=PERSON, traceparent="00-trace"),
        0,
    )


def receipt_for(command: Command) -> Receipt | None:
    if not isinstance(command, ApplyDeposit):
        return None
    body = f"{command.player_id} {command.amount_minor}"
    return receipt_of(
        source="payments",
        event_id=command.deposit_id,
        event_type="deposit.settled",
        body=body,
        compared_body=body,
        traceparent=None,
    )


# ---------------------------------------------------------------------------------------------------------------- steps

_ids = st.sampled_from("abcdefgh")
_openings = st.sampled_from("uvw")
_amounts = st.sampled_from([0, 1, 5, 10, 60])
_positive = st.sampled_from([1, 5, 10, 60])
_rounds = st.sampled_from(["r1", "r1", "r2"])
_closes = st.sampled_from([False, False, False, True])
_kinds = st.sampled_from([WinKind.REGULAR] * 3 + [WinKind.PROMO])

_opened = st.builds(
    OpenSession,
    source=st.just(GAMES),
    transaction_id=st.one_of(_openings, _ids),
    player_id=st.sampled_from([ANN, ANN, BOB]),
    currency_network_id=st.sampled_from([TRON, TRON, TRON, ETHEREUM]),
    game_code=st.just("g1"),
    lock_amount_minor=_positive,
    ttl_s=st.sampled_from([3, 1_000]),
)


def _play(command: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(InSession, command=st.just(command), opening=_openings, fields=st.fixed_dictionaries(fields))


_bet = _play(SessionBet, transaction_id=_ids, amount_minor=_amounts, round_id=_rounds, round_closed=_closes)
_win = _play(
    SessionWin,
    transaction_id=_ids,
    amount_minor=_amounts,
    round_id=_rounds,
    round_closed=_closes,
    win_kind=_kinds,
    reference_transaction_id=_ids,
)
_rollback = _play(SessionRollback, transaction_id=_ids, reference_transaction_id=_ids, round_closed=_closes)
_settlement = _play(SettleSession, require_closed_rounds=_closes)
of_sessions: st.SearchStrategy[Step] = st.one_of(_opened, _bet, _bet, _win, _win, _rollback, _rollback, _settlement)


def address(caller: str) -> WalletAddress:
    address = wallet_address(f"{LEDGER}:{caller}")
    assert address is not None
    return address


_wallets = st.sampled_from([address("purse"), address("purse"), address("other")])
_writes = {"source": st.just(GAMES), "wallet": _wallets, "transaction_id": _ids, "amount_minor": _positive}
_reservation_keys = st.builds(wallet_entry_key, st.just(address("purse").wallet_id), _ids)
_endings = {"source": st.just(GAMES), "wallet": _wallets, "reservation_key": _reservation_keys}
of_credit: st.SearchStrategy[Step] = st.one_of(
    st.builds(Credit, **_writes),
    st.builds(Credit, **_writes),
    st.builds(Debit, **_writes),
    st.builds(Reserve, **_writes, ttl_s=st.sampled_from([1, 60])),
    st.builds(Commit, **_endings, amount_minor=st.none() | _positive),
    st.builds(Release, **_endings),
)

_codes = st.sampled_from(["cash", "sales", "tax"])


@st.composite
def _legs(draw: st.DrawFn) -> tuple[Leg, ...]:
    amounts = draw(st.lists(st.sampled_from([-5, 1, 10]), min_size=1, max_size=3))
    legs = [Leg(draw(_codes), amount) for amount in amounts]
    rest = -sum(amounts) + draw(st.sampled_from([0, 0, 0, 1]))
    return (*legs, Leg(draw(_codes), rest)) if rest else tuple(legs)


of_ledgers: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        CreateLedger,
        source=st.just(GAMES),
        transaction_id=_ids,
        name=st.sampled_from(["tokens", "points"]),
        currency_network_id=st.sampled_from([TRON, CurrencyNetworkId(2)]),
    ),
    st.builds(
        PostJournalEntry,
        source=st.just(GAMES),
        transaction_id=_ids,
        ledger_id=st.sampled_from([LEDGER, LEDGER, LedgerId(LEDGER[:-1] + "2")]),
        owner_id=st.just(OwnerId(-5)),
        currency_network_id=st.just(TRON),
        legs=_legs(),
    ),
)

steps: st.SearchStrategy[Step] = st.one_of(of_players, of_players, of_sessions, of_sessions, of_credit, of_ledgers)
