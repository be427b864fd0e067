"""Plans read as requests about players: bets, wins, rollbacks, deposits, withdrawals, adjustments, states."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from google.protobuf.message import Message
from model.core import own_id_of, whose_of
from model.plans.plan import AMOUNTS, GAMES, NETWORKS, RECENT, ROUNDS, Notes, Plan, again, pick
from model.players import given

from wallet.v1 import wallet_pb2 as pb

CALLS = (
    *["bet"] * 5, *["win"] * 6, *["rollback"] * 6, *["bet_and_win"] * 3, *["deposit"] * 3, *["reserve"] * 2,
    *["settle"] * 4, "fail", "adjust", *["state"] * 3, *["again"] * 4,
)  # fmt: skip


@dataclass(slots=True)
class PlayerScribe:
    """Turns the plans of one history into requests about players; remembers what was named."""

    notes: Notes
    withdrawal_ids: list[str] = field(default_factory=list)
    deposit_ids: list[str] = field(default_factory=list)

    def request(self, source: str, plan: Plan) -> Message:
        """Build the request of a plan."""
        call = CALLS[plan.call % len(CALLS)]
        if call == "again" and not self._sent(source):
            call = "bet"
        made: Message = getattr(self, f"_{call}")(source, plan)
        self.notes.of(source).append(made)
        return made

    def _sent(self, source: str) -> list[Any]:
        return [one for one in self.notes.of(source) if one.DESCRIPTOR.file is pb.DESCRIPTOR]

    def _bet(self, source: str, plan: Plan) -> Message:
        return pb.BetRequest(**self._play(source, plan))

    def _bet_and_win(self, source: str, plan: Plan) -> Message:
        win_amount = AMOUNTS[plan.other % len(AMOUNTS)]
        return pb.BetAndWinRequest(win_amount_minor=str(win_amount), **self._play(source, plan))

    def _win(self, source: str, plan: Plan) -> Message:
        bets = [one for one in self._sent(source) if isinstance(one, pb.BetRequest | pb.BetAndWinRequest)]
        fields = self._play(source, plan)
        if plan.other >= 8:  # a kind that needs no bet; what it names is stored as it comes
            kind = (pb.WIN_KIND_PROMO, pb.WIN_KIND_JACKPOT)[plan.other - 8]
            if plan.reference % 2:
                del fields["game_code"], fields["round_id"]
            return pb.WinRequest(win_kind=kind, reference_transaction_id=self._named(source, plan), **fields)
        if not bets or plan.reference == 9:
            named = self._named(source, plan)
            return pb.WinRequest(win_kind=pb.WIN_KIND_REGULAR, reference_transaction_id=named, **fields)
        back = {one.reference_transaction_id for one in self._sent(source) if isinstance(one, pb.RollbackRequest)}
        standing = [one for one in bets if one.transaction_id not in back]
        undone = [one for one in bets if one.transaction_id in back]
        stored = [one for one in standing if self._is_stored(source, one)]
        candidates = {0: standing[-1:], 1: standing[-1:], 7: undone, 8: bets}.get(plan.reference, stored)
        bet: Any = pick((candidates or bets)[-RECENT:], plan.place)
        if plan.other < 7:  # mostly the bet's own player, network and round
            for name in ("player_id", "currency_network_id", "game_code", "round_id"):
                fields[name] = getattr(bet, name)
        return pb.WinRequest(win_kind=pb.WIN_KIND_REGULAR, reference_transaction_id=bet.transaction_id, **fields)

    def _rollback(self, source: str, plan: Plan) -> Message:
        fields = self.notes.whose(plan)
        target = None if plan.reference == 9 else self._target(source, plan)
        if target is None:
            named = self._named(source, plan)
        else:
            named = own_id_of(target)
            if plan.other < 7:
                fields |= {name: getattr(target, name) for name in fields}
            elif plan.other == 7:
                fields["player_id"] = target.player_id
        return pb.RollbackRequest(
            transaction_id="" if plan.own_id < 4 else self.notes.own_id(source, plan),
            reference_transaction_id=named,
            round_closed=plan.closes or plan.amount == 9,  # a round whose bet is undone, and that is closed
            **fields,
        )

    def _target(self, source: str, plan: Plan) -> Any:
        """Choose what to roll back: the last one, one that was won, spent, undone or closing, or any recent one."""
        sent: list[Any] = self._sent(source)
        reversible = [one for one in sent if isinstance(one, pb.BetRequest | pb.WinRequest | pb.BetAndWinRequest)]
        stored = [one for one in reversible if self._is_stored(source, one)]
        won = {one.reference_transaction_id for one in stored if isinstance(one, pb.WinRequest)}
        back = {one.reference_transaction_id for one in sent if isinstance(one, pb.RollbackRequest)}
        candidates = {
            0: reversible[-1:],
            1: [one for one in stored if given(one) > self.notes.model.books.main(whose_of(one))],
            2: [one for one in stored if one.transaction_id in won],
            3: [one for one in stored if one.transaction_id in won and isinstance(one, pb.BetAndWinRequest)],
            4: [one for one in stored if isinstance(one, pb.WinRequest)],
            5: [one for one in stored if one.round_closed],
            6: [one for one in stored if one.transaction_id in back],
            7: reversible,
        }.get(plan.reference, stored)
        return pick(candidates[-RECENT:], plan.place) if candidates else None

    def _is_stored(self, source: str, request: Any) -> bool:
        """Tell what was applied from what was refused, or is yet to be sent."""
        books = self.notes.model.books
        return books.name(source, request.player_id, own_id_of(request)) in books.own

    def _deposit(self, source: str, plan: Plan) -> Message:
        del source
        made = pb.DepositSettlementRequest(
            deposit_id=self._shared_id("d", self.deposit_ids, plan),
            amount_minor=self._positive(plan),
            **self.notes.whose(plan),
        )
        if plan.other >= 5:
            digits = sha256(f"{self.notes.prefix}-hash{plan.other % 2}".encode()).hexdigest()
            made.tx_hash = (digits, digits.upper(), f"0x{digits}")[plan.reference % 3]
        if plan.other >= 7:
            made.output_index = plan.other - 7
        return made

    def _reserve(self, source: str, plan: Plan) -> Message:
        del source
        withdrawal_id = self._shared_id("p", self.withdrawal_ids, plan)
        return pb.ReserveWithdrawalRequest(
            withdrawal_id=withdrawal_id, amount_minor=self._positive(plan), **self.notes.whose(plan)
        )

    def _settle(self, source: str, plan: Plan) -> Message:
        if not self.withdrawal_ids and plan.reference < 9:
            return self._reserve(source, plan)
        fee = (0, 1, 5, 10**31, 10**31)[plan.other % 5]
        return pb.SettleWithdrawalRequest(withdrawal_id=self._reserved(plan), fee_minor=str(fee))

    def _fail(self, source: str, plan: Plan) -> Message:
        if not self.withdrawal_ids and plan.reference < 9:
            return self._reserve(source, plan)
        return pb.FailWithdrawalRequest(withdrawal_id=self._reserved(plan))

    def _adjust(self, source: str, plan: Plan) -> Message:
        return pb.AdjustRequest(
            transaction_id=self.notes.own_id(source, plan),
            amount_minor=self._positive(plan),
            direction=pb.DIRECTION_CREDIT if plan.other < 5 else pb.DIRECTION_DEBIT,
            reason="a test",
            actor="a model",
            **self.notes.whose(plan),
        )

    def _state(self, source: str, plan: Plan) -> Message:
        states = [
            *[pb.PLAYER_STATE_ACTIVE] * 4,
            pb.PLAYER_STATE_CLOSED,
            pb.PLAYER_STATE_BLOCKED,
            pb.PLAYER_STATE_BLOCKED,
            pb.PLAYER_STATE_EXCLUDED,
            pb.PLAYER_STATE_CLOSED,
            pb.PLAYER_STATE_CLOSED,
        ]
        return pb.SetPlayerStateRequest(
            transaction_id=self.notes.own_id(source, plan),
            player_id=self.notes.first_player_id + plan.player,
            state=states[plan.other],
            reason="a test",
            actor="a model",
        )

    def _again(self, source: str, plan: Plan) -> Message:
        """Send a recent request again, as it was or with one field changed."""
        values = {
            "player_id": self.notes.first_player_id + plan.player,
            "currency_network_id": NETWORKS[plan.network],
            "amount_minor": self._positive(plan),
            "win_amount_minor": self._positive(plan),
            "fee_minor": str(plan.other),
            "game_code": GAMES[plan.place % len(GAMES)],
            "round_id": ROUNDS[plan.place // len(GAMES)],
            "round_closed": plan.closes,
            "reference_transaction_id": self.notes.new_id("t"),
            "metadata": {"note": "another"},
            "win_kind": (pb.WIN_KIND_PROMO, pb.WIN_KIND_JACKPOT, pb.WIN_KIND_FREE_ROUND)[plan.other % 3],
            "direction": pb.DIRECTION_DEBIT,
            "state": pb.PLAYER_STATE_BLOCKED,
            "tx_hash": f"{self.notes.prefix}-hash{plan.other % 2}",
        }
        return again(self._sent(source), plan, values)

    # ------------------------------------------------------------------------------------------------------------ ids

    def _play(self, source: str, plan: Plan) -> dict[str, Any]:
        return self.notes.whose(plan) | {
            "transaction_id": self.notes.own_id(source, plan),
            "amount_minor": str(self.notes.amount(plan, self.notes.main(plan))),
            "game_code": GAMES[plan.place % len(GAMES)],
            "round_id": ROUNDS[plan.place // len(GAMES)],
            "round_closed": plan.closes,
        }

    def _named(self, source: str, plan: Plan) -> str:
        """Name anything: a transaction, a deposit, a withdrawal, or what nobody has seen yet."""
        seen = [own_id_of(one) for one in self._sent(source)[-RECENT:]]
        if plan.reference >= 8 or not seen:
            return self.notes.new_id("t")
        return pick([*self.withdrawal_ids[-1:], *self.deposit_ids[-1:], *seen], plan.reference)

    def _shared_id(self, word: str, known: list[str], plan: Plan) -> str:
        if plan.own_id >= 8 and known:
            return pick(known[-RECENT:], plan.reference)
        known.append(self.notes.new_id(word))
        return known[-1]

    def _reserved(self, plan: Plan) -> str:
        if not self.withdrawal_ids or plan.reference == 9:
            return self.notes.new_id("p")
        return pick(self.withdrawal_ids[-RECENT:], plan.reference)

    def _positive(self, plan: Plan) -> str:
        return str(self.notes.amount(plan, self.notes.main(plan)) or 100)
