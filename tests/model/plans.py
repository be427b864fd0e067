"""Plans: small bundles of numbers that Hypothesis draws (and shrinks), read as requests that keep meeting each other.

A plan says "a win of the second last bet, by the third player, for the first amount"; what that is depends on what was
sent before. So a few numbers are enough to build requests that hit ids, rounds and balances which exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeVar

from google.protobuf.message import Message
from hypothesis import strategies as st
from model.reference import own_id_of
from support.requests import USDT_ETHEREUM, USDT_TRON, changed

from wallet.v1 import wallet_pb2 as pb

T = TypeVar("T")

PLAYERS = 3
GAMES = ("slots", "slots", "slots", "poker")
ROUNDS = ("r1", "r1", "r2", "r3")
NETWORKS = (USDT_TRON, USDT_TRON, USDT_TRON, USDT_TRON, USDT_ETHEREUM)
AMOUNTS = (10, 20, 0, 1, 5, 80, 10**30)
ALL = (0, -1, 1)
"""Beside the amounts: all that the player has, one less, one more."""
CALLS = (
    *["bet"] * 5, *["win"] * 6, *["rollback"] * 6, *["bet_and_win"] * 3, *["deposit"] * 3, *["reserve"] * 2,
    *["settle"] * 2, "fail", "adjust", "state", *["again"] * 3, "again_changed",
)  # fmt: skip
_RECENT = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, as numbers. Zero is the plain choice of each, so that plans shrink to plain requests."""

    call: str
    player: int
    network: int
    place: int
    """Game and round."""
    amount: int
    other: int
    """A second amount, a kind, a direction, a state, an output."""
    own_id: int
    """Below 8 a new id; otherwise one that was used."""
    reference: int
    """Which of the recent ones it names; the highest name one that is yet to come."""
    closes: bool


plans = st.builds(
    Plan,
    call=st.sampled_from(CALLS),
    player=st.integers(0, PLAYERS - 1),
    network=st.integers(0, len(NETWORKS) - 1),
    place=st.integers(0, len(GAMES) * len(ROUNDS) - 1),
    amount=st.integers(0, len(AMOUNTS) + len(ALL) - 1),
    other=st.integers(0, 9),
    own_id=st.integers(0, 9),
    reference=st.integers(0, 9),
    closes=st.integers(0, 7).map(lambda number: number == 7),
)


def _pick(options: Sequence[T], number: int) -> T:
    """Choose from the end: 0 is the last."""
    return options[-1 - number % len(options)]


@dataclass(slots=True)
class Scribe:
    """Turns the plans of one session into requests; remembers what was named."""

    prefix: str
    first_player_id: int
    main: Mapping[tuple[int, int], int]
    """What a player has now, in a network: amounts just at the edge are the ones that matter."""
    sent: dict[str, list[Message]] = field(default_factory=dict)
    """By source."""
    withdrawal_ids: list[str] = field(default_factory=list)
    deposit_ids: list[str] = field(default_factory=list)
    _count: int = 0

    def request(self, source: str, plan: Plan) -> Message:
        """Build the request of a plan."""
        sent = self.sent.setdefault(source, [])
        if plan.call.startswith("again"):
            made = self._again(sent, plan) if sent else self._bet(source, plan)
        else:
            made = getattr(self, f"_{plan.call}")(source, plan)
        sent.append(made)
        return made

    def _bet(self, source: str, plan: Plan) -> Message:
        return pb.BetRequest(**self._play(source, plan))

    def _bet_and_win(self, source: str, plan: Plan) -> Message:
        win_amount = AMOUNTS[plan.other % len(AMOUNTS)]
        return pb.BetAndWinRequest(win_amount_minor=str(win_amount), **self._play(source, plan))

    def _win(self, source: str, plan: Plan) -> Message:
        bets = [one for one in self.sent[source] if isinstance(one, pb.BetRequest | pb.BetAndWinRequest)]
        fields = self._play(source, plan)
        if plan.other >= 8:  # a kind that needs no bet; what it names is stored as it comes
            kind = (pb.WIN_KIND_PROMO, pb.WIN_KIND_JACKPOT)[plan.other - 8]
            if plan.reference % 2:
                del fields["game_code"], fields["round_id"]
            return pb.WinRequest(win_kind=kind, reference_transaction_id=self._named(source, plan), **fields)
        if not bets or plan.reference == 9:
            named = self._named(source, plan)
            return pb.WinRequest(win_kind=pb.WIN_KIND_REGULAR, reference_transaction_id=named, **fields)
        back = {one.reference_transaction_id for one in self.sent[source] if isinstance(one, pb.RollbackRequest)}
        standing = [one for one in bets if one.transaction_id not in back]
        bet: Any = standing[-1] if standing and plan.reference < 5 else _pick(bets[-_RECENT:], plan.reference)
        if plan.other < 7:  # mostly the bet's own player, network and round
            for name in ("player_id", "currency_network_id", "game_code", "round_id"):
                fields[name] = getattr(bet, name)
        return pb.WinRequest(win_kind=pb.WIN_KIND_REGULAR, reference_transaction_id=bet.transaction_id, **fields)

    def _rollback(self, source: str, plan: Plan) -> Message:
        fields = self._whose(plan)
        target = self._target(source, plan)
        if target is None:
            named = self._named(source, plan)
        else:
            named = own_id_of(target)
            if plan.other < 8:
                fields |= {name: getattr(target, name) for name in fields}
        own_id = "" if plan.own_id < 4 else self._own_id(source, plan)
        return pb.RollbackRequest(
            transaction_id=own_id, reference_transaction_id=named, round_closed=plan.closes, **fields
        )

    def _target(self, source: str, plan: Plan) -> Any:
        """Choose what to roll back: the last one, one that was won, rolled back or closing, or any recent one."""
        sent: list[Any] = self.sent[source]
        reversible = [one for one in sent if isinstance(one, pb.BetRequest | pb.WinRequest | pb.BetAndWinRequest)]
        won = {one.reference_transaction_id for one in sent if isinstance(one, pb.WinRequest)}
        back = {one.reference_transaction_id for one in sent if isinstance(one, pb.RollbackRequest)}
        candidates = {
            0: reversible,
            1: reversible,
            2: [one for one in reversible if one.transaction_id in won],
            3: [one for one in reversible if one.transaction_id in won],
            4: [one for one in reversible if isinstance(one, pb.WinRequest)],
            5: [one for one in reversible if one.round_closed],
            6: [one for one in reversible if one.transaction_id in back],
            7: reversible[-_RECENT : -plan.place % _RECENT or None],
        }.get(plan.reference)
        return candidates[-1] if candidates else None

    def _deposit(self, source: str, plan: Plan) -> Message:
        del source
        made = pb.DepositSettlementRequest(
            deposit_id=self._shared_id("d", self.deposit_ids, plan),
            amount_minor=self._positive(plan),
            **self._whose(plan),
        )
        if plan.other >= 5:
            digits = sha256(f"{self.prefix}-hash{plan.other % 2}".encode()).hexdigest()
            made.tx_hash = (digits, digits.upper(), f"0x{digits}")[plan.reference % 3]
        if plan.other >= 7:
            made.output_index = plan.other - 7
        return made

    def _reserve(self, source: str, plan: Plan) -> Message:
        del source
        withdrawal_id = self._shared_id("p", self.withdrawal_ids, plan)
        return pb.ReserveWithdrawalRequest(
            withdrawal_id=withdrawal_id, amount_minor=self._positive(plan), **self._whose(plan)
        )

    def _settle(self, source: str, plan: Plan) -> Message:
        if not self.withdrawal_ids and plan.reference < 9:
            return self._reserve(source, plan)
        fee = (0, 0, 1, 5, 10**31)[plan.other % 5]
        return pb.SettleWithdrawalRequest(withdrawal_id=self._reserved(plan), fee_minor=str(fee))

    def _fail(self, source: str, plan: Plan) -> Message:
        if not self.withdrawal_ids and plan.reference < 9:
            return self._reserve(source, plan)
        return pb.FailWithdrawalRequest(withdrawal_id=self._reserved(plan))

    def _adjust(self, source: str, plan: Plan) -> Message:
        return pb.AdjustRequest(
            transaction_id=self._own_id(source, plan),
            amount_minor=self._positive(plan),
            direction=pb.DIRECTION_CREDIT if plan.other < 5 else pb.DIRECTION_DEBIT,
            reason="a test",
            actor="a model",
            **self._whose(plan),
        )

    def _state(self, source: str, plan: Plan) -> Message:
        states = [
            *[pb.PLAYER_STATE_ACTIVE] * 6,
            pb.PLAYER_STATE_BLOCKED,
            pb.PLAYER_STATE_EXCLUDED,
            pb.PLAYER_STATE_CLOSED,
            pb.PLAYER_STATE_CLOSED,
        ]
        return pb.SetPlayerStateRequest(
            transaction_id=self._own_id(source, plan),
            player_id=self.first_player_id + plan.player,
            state=states[plan.other],
            reason="a test",
            actor="a model",
        )

    def _again(self, sent: list[Message], plan: Plan) -> Message:
        """Send a recent request again, as it was or with one field changed."""
        first: Any = _pick(sent[-_RECENT:], plan.reference)
        if plan.call == "again":
            return first
        values = {
            "player_id": self.first_player_id + plan.player,
            "currency_network_id": NETWORKS[plan.network],
            "amount_minor": self._positive(plan),
            "win_amount_minor": self._positive(plan),
            "fee_minor": str(plan.other),
            "game_code": GAMES[plan.place % len(GAMES)],
            "round_id": ROUNDS[plan.place // len(GAMES)],
            "round_closed": plan.closes,
            "reference_transaction_id": self._new_id("t"),
            "metadata": {"note": "another"},
            "win_kind": (pb.WIN_KIND_PROMO, pb.WIN_KIND_JACKPOT, pb.WIN_KIND_FREE_ROUND)[plan.other % 3],
            "direction": pb.DIRECTION_DEBIT,
            "state": pb.PLAYER_STATE_BLOCKED,
            "tx_hash": f"{self.prefix}-hash{plan.other % 2}",
        }
        names = [name for name in values if name in first.DESCRIPTOR.fields_by_name]
        name = names[plan.own_id % len(names)]
        return changed(first, **{name: values[name]})

    # ------------------------------------------------------------------------------------------------------------ ids

    def _whose(self, plan: Plan) -> dict[str, Any]:
        return {"player_id": self.first_player_id + plan.player, "currency_network_id": NETWORKS[plan.network]}

    def _play(self, source: str, plan: Plan) -> dict[str, Any]:
        return self._whose(plan) | {
            "transaction_id": self._own_id(source, plan),
            "amount_minor": str(self._amount(plan)),
            "game_code": GAMES[plan.place % len(GAMES)],
            "round_id": ROUNDS[plan.place // len(GAMES)],
            "round_closed": plan.closes,
        }

    def _own_id(self, source: str, plan: Plan) -> str:
        if plan.own_id < 8:
            return self._new_id("t")
        names = [name for name in map(own_id_of, self.sent[source]) if not name.startswith("rollback:")]
        if plan.own_id == 9:  # ids that rollbacks named are among them, used or not
            names += [one.reference_transaction_id for one in self.sent[source] if isinstance(one, pb.RollbackRequest)]
            names = [name for name in names if not name.startswith("rollback:")]
        return _pick(names[-_RECENT:], plan.reference) if names else self._new_id("t")

    def _named(self, source: str, plan: Plan) -> str:
        """Name anything: a transaction, a deposit, a withdrawal, or what nobody has seen yet."""
        seen = [own_id_of(one) for one in self.sent[source][-_RECENT:]]
        if plan.reference >= 8 or not seen:
            return self._new_id("t")
        return _pick([*self.withdrawal_ids[-1:], *self.deposit_ids[-1:], *seen], plan.reference)

    def _shared_id(self, word: str, known: list[str], plan: Plan) -> str:
        if plan.own_id >= 8 and known:
            return _pick(known[-_RECENT:], plan.reference)
        known.append(self._new_id(word))
        return known[-1]

    def _reserved(self, plan: Plan) -> str:
        if not self.withdrawal_ids or plan.reference == 9:
            return self._new_id("p")
        return _pick(self.withdrawal_ids[-_RECENT:], plan.reference)

    def _new_id(self, word: str) -> str:
        self._count += 1
        return f"{self.prefix}-{word}{self._count}"

    def _amount(self, plan: Plan) -> int:
        if plan.amount < len(AMOUNTS):
            return AMOUNTS[plan.amount]
        whose = (self.first_player_id + plan.player, NETWORKS[plan.network])
        return max(0, self.main[whose] + ALL[plan.amount - len(AMOUNTS)])

    def _positive(self, plan: Plan) -> str:
        return str(self._amount(plan) or 100)
