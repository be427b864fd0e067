"""Random histories of sessions against the running server, beside a model that is simple enough to be believed.

The model keeps lists and sums and knows nothing of batches, lanes or journals. Every outcome must be the model's; in
the end so must balances, rounds and what is left in MAIN.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.refusals import Refusal
from support.requests import Player
from support.sessions import Play, SessionCaller, sessions_of
from support.wallet import Wallet

from wallet.v1 import session_pb2 as pb
from wallet.v1 import wallet_pb2

LOCK = 60
HISTORIES = 12
STEPS = 60
IDS = [f"t{number}" for number in range(14)]
ROUNDS = ["1", "2", "3"]


@dataclass
class Row:
    kind: str
    amount: int = 0
    round_id: str = ""
    closes: bool = False
    of: str = ""
    after: int = 0
    late: bool = False
    reversed_by: str = ""
    win_kind: int = 0


@dataclass
class Model:
    """One session and its player's MAIN, by the contract's words."""

    main: int
    balance: int = LOCK
    settled: tuple[int, int] | None = None
    rows: dict[str, Row] = field(default_factory=dict)

    def closed(self, round_id: str) -> bool:
        return any(row.closes and not row.reversed_by for row in self.rows.values() if row.round_id == round_id)

    def open_rounds(self) -> int:
        bet_in = {row.round_id for row in self.rows.values() if row.kind == "bet" and not row.reversed_by}
        return sum(not self.closed(name) for name in bet_in)

    def now(self) -> int:
        return self.balance if self.settled is None else self.main

    def move(self, change: int) -> int:
        if self.settled is None:
            self.balance += change
        else:
            self.main += change
        return self.now()

    def expect(self, request: Any) -> tuple[Any, ...]:
        """Apply a request; give what its outcome must come down to."""
        if isinstance(request, pb.SettleSessionRequest):
            return self.settle(request)
        name, known = request.transaction_id, self.rows.get(request.transaction_id)
        if known is not None:
            return self.replay(known, request)
        match request:
            case pb.SessionBetRequest():
                return self.bet(name, request)
            case pb.SessionWinRequest():
                return self.win(name, request)
            case _:
                return self.rollback(name, request)

    def replay(self, known: Row, request: Any) -> tuple[Any, ...]:
        if known.kind == "void":
            return ("TRANSACTION_VOIDED",)
        kind = {pb.SessionBetRequest: "bet", pb.SessionWinRequest: "win"}.get(type(request), "rollback")
        same = known.kind == kind
        if kind == "rollback":
            same = same and known.of == request.reference_transaction_id
        else:
            same = same and (known.amount, known.round_id) == (int(request.amount_minor), request.round_id)
        if kind == "win":
            same = same and (known.of, known.win_kind) == (request.reference_transaction_id, request.win_kind)
        if not same:
            return ("IDEMPOTENCY_KEY_REUSED",)
        status = "VOIDED" if kind == "rollback" and known.amount < 0 else "APPLIED"
        return (status, True, known.after, known.late)

    def bet(self, name: str, request: Any) -> tuple[Any, ...]:
        amount = int(request.amount_minor)
        if self.settled is not None:
            return ("SESSION_CLOSED",)
        if self.closed(request.round_id):
            return ("ROUND_CLOSED",)
        if amount > self.balance:
            return ("INSUFFICIENT_FUNDS",)
        return self.keep(name, Row("bet", amount, request.round_id, request.round_closed), -amount)

    def win(self, name: str, request: Any) -> tuple[Any, ...]:
        amount, regular = int(request.amount_minor), request.win_kind == wallet_pb2.WIN_KIND_REGULAR
        if regular:
            bet = self.rows.get(request.reference_transaction_id)
            if bet is not None and bet.kind == "void":
                return ("TRANSACTION_ROLLED_BACK",)
            if bet is None or bet.kind != "bet":
                return ("BET_NOT_FOUND",)
            if bet.round_id != request.round_id:
                return ("ROUND_MISMATCH",)
            if bet.reversed_by:
                return ("TRANSACTION_ROLLED_BACK",)
            if self.closed(request.round_id):
                return ("ROUND_CLOSED",)
        row = Row(
            "win", amount, request.round_id, request.round_closed and regular, request.reference_transaction_id,
            win_kind=request.win_kind,
        )  # fmt: skip
        return self.keep(name, row, amount)

    def rollback(self, name: str, request: Any) -> tuple[Any, ...]:  # noqa: PLR0911 - an answer for each case
        of = request.reference_transaction_id
        target = self.rows.get(of)
        if target is None:
            self.rows[name] = Row("rollback", -1, of=of, after=self.now())
            self.rows[of] = Row("void")
            return ("VOIDED", False, self.now(), False)
        if target.kind == "void":
            return ("VOIDED", False, self.now(), False)
        if target.kind == "rollback":
            return ("NOT_REVERSIBLE",)
        if target.reversed_by:
            first = self.rows[target.reversed_by]
            return ("ALREADY_ROLLED_BACK", False, first.after, first.late)
        if target.kind == "bet" and any(
            row.kind == "win" and row.of == of and row.win_kind == wallet_pb2.WIN_KIND_REGULAR and not row.reversed_by
            for row in self.rows.values()
        ):
            return ("BET_ALREADY_SETTLED",)
        change = target.amount if target.kind == "bet" else -target.amount
        if self.now() + change < 0:
            return ("INSUFFICIENT_FUNDS",)
        target.reversed_by = name
        of_a_bet = target.kind == "bet" or target.win_kind == wallet_pb2.WIN_KIND_REGULAR
        row = Row("rollback", target.amount, target.round_id, request.round_closed and of_a_bet, of)
        return self.keep(name, row, change)

    def keep(self, name: str, row: Row, change: int) -> tuple[Any, ...]:
        row.after, row.late = self.move(change), self.settled is not None and change != 0
        self.rows[name] = row
        return ("APPLIED", False, row.after, row.late)

    def settle(self, request: Any) -> tuple[Any, ...]:
        if self.settled is not None:
            return ("SETTLED", True, *self.settled)
        if request.require_closed_rounds and self.open_rounds():
            return ("OPEN_ROUNDS",)
        self.settled = (self.balance, self.open_rounds())
        self.main += self.balance
        return ("SETTLED", False, *self.settled)


def came_to(outcome: Any) -> tuple[Any, ...]:
    if isinstance(outcome, Refusal):
        return (outcome.reason,)
    if isinstance(outcome, pb.SettleSessionResponse):
        return ("SETTLED", outcome.replayed, int(outcome.payout_minor), outcome.open_rounds)
    status = wallet_pb2.OperationStatus.Name(outcome.status).removeprefix("OPERATION_STATUS_")
    return (status, outcome.replayed, int(outcome.balance_after_minor), outcome.late)


def history(play: Play, dice: random.Random) -> list[Any]:
    requests: list[Any] = []
    for _ in range(STEPS):
        name, of, round_id = dice.choice(IDS), dice.choice(IDS), dice.choice(ROUNDS)
        amount, closes = str(dice.choice((0, 1, 5, 20, 40))), dice.random() < 0.15
        match dice.choices(("bet", "win", "promo", "back", "settle"), (40, 25, 5, 25, 2))[0]:
            case "bet":
                requests.append(play.bet(amount, transaction_id=name, round_id=round_id, round_closed=closes))
            case "win":
                named = {"transaction_id": name, "reference_transaction_id": of, "round_id": round_id}
                requests.append(play.win(amount, round_closed=closes, **named))
            case "promo":
                promo = wallet_pb2.WIN_KIND_PROMO
                requests.append(play.win(amount, transaction_id=name, win_kind=promo, round_id=round_id))
            case "back" if name != of:
                requests.append(play.rollback(of, transaction_id=name, round_closed=closes))
            case "settle":
                requests.append(play.settle(require_closed_rounds=dice.random() < 0.5))
    return requests


def sent(games: SessionCaller, requests: list[Any], dice: random.Random) -> list[Any]:
    """Send in order: one by one, in batches, in streams."""
    outcomes: list[Any] = []
    rest = list(requests)
    while rest:
        size = dice.randrange(1, 12)
        part, rest = rest[:size], rest[size:]
        way = dice.randrange(3)
        if way == 0:
            outcomes += [games.attempt(request) for request in part]
        else:
            outcomes += (games.batch if way == 1 else games.stream)(part)
    return outcomes


@pytest.mark.parametrize("number", range(HISTORIES))
def test_any_history_is_the_models(wallet: Wallet, number: int) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    games = sessions_of(wallet)
    player: Player = wallet.player("100")
    model = Model(main=100 - LOCK)
    play = games.open(player, str(LOCK))
    requests = history(play, dice)
    outcomes = sent(games, requests, dice)
    for step, (request, outcome) in enumerate(zip(requests, outcomes, strict=True)):
        expected = model.expect(request)
        assert came_to(outcome) == expected, f"history {number}, seed {seed}, step {step}: {request}"
    session = games.call(play.read())
    assert int(session.balance_minor) == model.balance
    found = wallet.balance(player)
    assert (int(found.available_minor), int(found.session_hold_minor)) == (
        model.main,
        0 if model.settled is not None else LOCK,
    )
    for round_id in ROUNDS:
        rows = [row for row in model.rows.values() if row.round_id == round_id]
        if rows:
            told = games.call(play.round(round_id))
            bets = [row for row in rows if row.kind == "bet"]
            assert (told.closed, told.transactions) == (model.closed(round_id), len(rows))
            assert int(told.bets_minor) == sum(row.amount for row in bets)
            assert int(told.rolled_back_bets_minor) == sum(row.amount for row in bets if row.reversed_by)
