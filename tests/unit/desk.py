"""A desk: a book in memory that executes commands one after another, as a lane does, and short names for commands.

Unless a case says otherwise everything is of player 1, in currency network 1, from source "games", in round "r1" of
game "g1". MAIN starts at 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from wallet_grpc.domain.accounts import HOUSE_TYPES, AccountType, PlayerState
from wallet_grpc.domain.batch import decide_batch
from wallet_grpc.domain.book import Book, Owner
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.commands import Command, owner_of
from wallet_grpc.domain.decide import decide
from wallet_grpc.domain.decisions import Decision, Moment
from wallet_grpc.domain.events import Event
from wallet_grpc.domain.identifiers import CurrencyNetworkId, OwnerId, PlayerId, Source, TxId, TxIdSequence
from wallet_grpc.domain.needs import needs_of
from wallet_grpc.domain.operators import Channel, Operator
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.players.approvals import Approval
from wallet_grpc.domain.players.commands import (
    Adjust,
    ApplyDeposit,
    Bet,
    BetAndWin,
    FailWithdrawal,
    ReserveWithdrawal,
    Rollback,
    SetPlayerState,
    SettleWithdrawal,
    Win,
)
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import Direction, GameFacts, OutcomeStatus, Transaction, WinKind
from wallet_grpc.engine.tickets import Job, Ticket

ANN, BOB = PlayerId(1), PlayerId(2)
TRON, ETHEREUM = CurrencyNetworkId(1), CurrencyNetworkId(2)
GAMES, OTHER_GAMES = Source("games"), Source("other-games")
PERSON = Operator(name="ann@house", channel=Channel.CALL, key_id="key_1")
APPROVAL = Approval(proposal_id="0189abcd-0000-7000-8000-000000000009", proposed_by="bob@house", reason="it is right")
BEGINNING = datetime(2024, 6, 1, tzinfo=UTC)


class CountingTxIds(TxIdSequence):
    """Ids that count up from 1, so that two desks that do the same give the same ids."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def next(self, unix_ms: int) -> TxId:  # noqa: ARG002 the time stands in no id here
        self._count += 1
        return TxId(f"00000000-0000-7000-8000-{self._count:012x}")


@dataclass(slots=True)
class Desk:
    """Executes commands over one book; each at its own second."""

    book: Book = field(default_factory=Book)
    tx_ids: TxIdSequence = field(default_factory=CountingTxIds)
    seconds: int = 0

    @classmethod
    def after(cls, commands: Iterable[Command]) -> Desk:
        """Give a desk that has executed these; each must have been accepted."""
        desk = cls()
        for command in commands:
            outcome = desk.send(command)
            assert isinstance(outcome, Accepted), f"{command}: {outcome}"
        return desk

    def load(self, command: Command) -> None:
        """Do what a load does: what the command needs is known, and what was never seen is not there."""
        needs = needs_of([command])
        self.book.ask(needs)
        self.book.sessions.at_play.ask(needs.balances)  # counted from the beginning, whoever may gain later
        for owner_id in needs.owner_ids:
            self.book.owners.setdefault(owner_id, Owner(version=0, state=PlayerState.ACTIVE))

    def decide(self, command: Command) -> Decision:
        """Decide a command, without recording what it changes."""
        self.load(command)
        self.seconds += 1
        return decide(self.book, command, self.moment)

    def send(self, command: Command) -> Outcome:
        """Execute a command."""
        self.load(command)
        self.seconds += 1
        (outcome,) = decide_batch(
            self.book, [Job(command, owner_of(command), Ticket([None], operator=PERSON), 0)], self.moment
        )
        assert outcome is not None
        return outcome

    def accepted(self, command: Command) -> Accepted:
        outcome = self.send(command)
        assert isinstance(outcome, Accepted), outcome
        return outcome

    def refused(self, command: Command) -> Refusal:
        outcome = self.send(command)
        assert isinstance(outcome, Refusal), outcome
        return outcome

    def change(self, command: Command) -> Change:
        """Execute a command that must change something, and give the change."""
        self.accepted(command)
        return self.book.changes[-1]

    def transaction(self, command: Command) -> Transaction:
        return self.change(command).transactions[0]

    def events(self, command: Command) -> tuple[Event, ...]:
        return self.change(command).events

    @property
    def moment(self) -> Moment:
        return Moment(now=BEGINNING + timedelta(seconds=self.seconds), tx_ids=self.tx_ids)

    def main(self, player: int = ANN, network: int = TRON) -> int:
        return self.book.balance(OwnerId(player), CurrencyNetworkId(network), AccountType.MAIN)

    def hold(self, player: int = ANN, network: int = TRON) -> int:
        return self.book.balance(OwnerId(player), CurrencyNetworkId(network), AccountType.WITHDRAW_HOLD)

    def house(self, account_type: AccountType = AccountType.HOUSE, network: int = TRON) -> int:
        assert account_type in HOUSE_TYPES
        return self.book.house.get((CurrencyNetworkId(network), account_type), 0)


def told(outcome: Outcome) -> Reason | OutcomeStatus:
    """Give the one word that an outcome comes down to."""
    return outcome.reason if isinstance(outcome, Refusal) else outcome.status


# ------------------------------------------------------------------------------------------------------------ commands


def bet(transaction_id: str, amount: int = 10, **fields: Any) -> Bet:
    return Bet(**_play(transaction_id, amount, fields))


def bet_and_win(transaction_id: str, amount: int = 10, win_amount: int = 20, **fields: Any) -> BetAndWin:
    return BetAndWin(win_amount_minor=win_amount, **_play(transaction_id, amount, fields))


def win(transaction_id: str, amount: int = 20, *, of: str = "", kind: WinKind = WinKind.REGULAR, **fields: Any) -> Win:
    return Win(win_kind=kind, reference_transaction_id=of, **_play(transaction_id, amount, fields))


def rollback(transaction_id: str, of: str, **fields: Any) -> Rollback:
    named = {"transaction_id": transaction_id, "reference_transaction_id": of}
    return Rollback(**_whose(fields) | named | _rest(fields, closes="round_closed"))


def reserve(withdrawal_id: str, amount: int = 40, **fields: Any) -> ReserveWithdrawal:
    return ReserveWithdrawal(
        **_whose(fields) | {"withdrawal_id": withdrawal_id, "amount_minor": amount} | _rest(fields)
    )


def settle(withdrawal_id: str, fee: int = 0, **fields: Any) -> SettleWithdrawal:
    return SettleWithdrawal(**_whose(fields) | {"withdrawal_id": withdrawal_id, "fee_minor": fee} | _rest(fields))


def fail(withdrawal_id: str, **fields: Any) -> FailWithdrawal:
    return FailWithdrawal(**_whose(fields) | {"withdrawal_id": withdrawal_id} | _rest(fields))


def deposit(deposit_id: str, amount: int = 100, **fields: Any) -> ApplyDeposit:
    return ApplyDeposit(**_whose(fields) | {"deposit_id": deposit_id, "amount_minor": amount} | _rest(fields))


def adjust(transaction_id: str, amount: int = 5, direction: Direction = Direction.CREDIT, **fields: Any) -> Adjust:
    named = {"transaction_id": transaction_id, "amount_minor": amount, "direction": direction}
    return Adjust(**_whose(fields) | {"reason": "a gift", "actor": "ana"} | named | _rest(fields))


def state(transaction_id: str, to: PlayerState, **fields: Any) -> SetPlayerState:
    whose = _whose(fields)
    del whose["currency_network_id"]
    return SetPlayerState(
        **whose | {"reason": "asked", "actor": "ana", "transaction_id": transaction_id, "state": to} | _rest(fields)
    )


def blocked(transaction_id: str = "block", **fields: Any) -> SetPlayerState:
    return state(transaction_id, PlayerState.BLOCKED, **fields)


def _play(transaction_id: str, amount: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    game = GameFacts(game_code=fields.get("game", "g1"), round_id=fields.get("round", "r1"))
    named = {"transaction_id": transaction_id, "amount_minor": amount, "game": game}
    rest = {name: value for name, value in fields.items() if name not in ("game", "round")}
    return _whose(fields) | named | _rest(rest, closes="round_closed")


_WHOSE = {"player": "player_id", "network": "currency_network_id", "source": "source"}


def _whose(fields: Mapping[str, Any]) -> dict[str, Any]:
    known = {"player_id": ANN, "currency_network_id": TRON, "source": GAMES}
    return known | {_WHOSE[name]: value for name, value in fields.items() if name in _WHOSE}


def _rest(fields: Mapping[str, Any], **names: str) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in fields.items() if name not in _WHOSE}
