"""The players' rules of the reference model: bets, wins, rollbacks, withdrawals, deposits, adjustments, states.

Long because rules which read each other are read in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from model.core import (
    ALREADY_ROLLED_BACK,
    FEES,
    HELD_BY_PLAYERS,
    HOUSE,
    MAIN,
    VOIDED,
    WAGER,
    WITHDRAW_HOLD,
    Answer,
    Books,
    Event,
    Name,
    RefusedError,
    Stored,
    Whose,
    own_id_of,
    refuse_difference,
    whose_of,
)

from wallet.v1 import wallet_pb2 as pb

Round = tuple[str, int, int, str, str]
"""Source, player, currency network, game, round (rule 4)."""

_WHOSE = ("player_id", "currency_network_id")
_STAKE = (*_WHOSE, "amount_minor", "game_code", "round_id")
# Rule 1: what makes two requests of one call the same, in the order in which a difference is named.
COMPARED: dict[type[Message], tuple[str, ...]] = {
    pb.BetRequest: _STAKE,
    pb.BetAndWinRequest: (*_STAKE, "win_amount_minor"),
    pb.WinRequest: (*_STAKE, "reference_transaction_id", "win_kind"),
    pb.RollbackRequest: (*_WHOSE, "reference_transaction_id"),
    pb.AdjustRequest: (*_WHOSE, "amount_minor", "direction"),
    pb.SetPlayerStateRequest: ("player_id", "state"),
    pb.ReserveWithdrawalRequest: (*_WHOSE, "amount_minor"),
    pb.SettleWithdrawalRequest: ("fee_minor",),
    pb.FailWithdrawalRequest: (),
    pb.DepositSettlementRequest: (*_WHOSE, "amount_minor"),
}
BETS = (pb.BetRequest, pb.BetAndWinRequest)
REVERSIBLE = (*BETS, pb.WinRequest)


@dataclass(slots=True, kw_only=True)
class Withdrawal:
    """A withdrawal: its reservation, and its end once it has one."""

    reservation: Stored
    ending: Stored | None = None


@dataclass(slots=True)
class Players:
    """What players did, and what the calls about them must be answered."""

    books: Books
    states: dict[int, int] = field(default_factory=dict)
    deposits: dict[str, Stored] = field(default_factory=dict)
    outputs: set[tuple[int, str, int]] = field(default_factory=set)
    withdrawals: dict[str, Withdrawal] = field(default_factory=dict)

    def send(self, source: str, request: Any) -> Answer:
        """Execute a request."""
        return self._call_of(request)(source, request)

    def _call_of(self, request: Any) -> Callable[[str, Any], Answer]:
        calls: dict[type[Message], Callable[[str, Any], Answer]] = {
            pb.BetRequest: self._bet,
            pb.BetAndWinRequest: self._bet,
            pb.WinRequest: self._win,
            pb.RollbackRequest: self._rollback,
            pb.AdjustRequest: self._adjust,
            pb.SetPlayerStateRequest: self._set_state,
            pb.ReserveWithdrawalRequest: self._reserve,
            pb.SettleWithdrawalRequest: self._end,
            pb.FailWithdrawalRequest: self._end,
            pb.DepositSettlementRequest: self._deposit,
        }
        return calls[type(request)]

    # ---------------------------------------------------------------------------------------------------------- calls

    def _bet(self, source: str, request: Any) -> Answer:
        if again := self._again_of_own(source, request):
            return again
        if self._is_closed(round_of(source, request)):
            raise RefusedError("ROUND_CLOSED")
        self.refuse_blocked(request.player_id)
        stored = self._new(source, request)
        self.books.take(whose_of(request), taken(request))
        self.books.post(stored, (MAIN, -taken(request)), (WAGER, taken(request)))
        place = {"gameCode": request.game_code, "roundId": request.round_id}
        self.books.tell("wallet.bet.placed", stored, taken(request), **place)
        if isinstance(request, pb.BetAndWinRequest):
            self.books.post(stored, (WAGER, -given(request)), (MAIN, given(request)))
            self.books.tell("wallet.win.credited", stored, given(request), **place)
        return self._store(stored)

    def _win(self, source: str, request: Any) -> Answer:
        if again := self._again_of_own(source, request):
            return again
        stored = self._new(source, request)
        if request.win_kind == pb.WIN_KIND_REGULAR:
            stored.bet = self._bet_of(source, request)
        self.books.post(stored, (WAGER, -given(request)), (MAIN, given(request)))
        self.books.tell(
            "wallet.win.credited",
            stored,
            given(request),
            gameCode=request.game_code,
            roundId=request.round_id,
            referenceTransactionId=request.reference_transaction_id,
            winKind=pb.WinKind.Name(request.win_kind).removeprefix("WIN_KIND_"),
        )
        return self._store(stored)

    def _rollback(self, source: str, request: Any) -> Answer:
        if own_id_of(request) == request.reference_transaction_id:
            raise RefusedError("INVALID_FIELD", field="transaction_id")
        if again := self._again_of_own(source, request):
            return again
        whose, reference = whose_of(request), self._reference_of(source, request)
        stored = self._new(source, request)
        target = self.books.own.get(reference)
        if target is None:
            return self._void(stored, reference)
        if not isinstance(target.request, REVERSIBLE):
            raise RefusedError("NOT_REVERSIBLE")
        refuse_mismatch(whose, whose_of(target.request))
        if first := target.rolled_back_by:
            return self._answer(first, stored.own_id, status=ALREADY_ROLLED_BACK)
        if any(one.bet is target and one.stands for one in self.books.own.values()):
            raise RefusedError("BET_ALREADY_SETTLED")
        stored.target = target
        back, gone = taken(target.request), given(target.request)
        self.books.take(whose, gone - back)
        self.books.post(stored, (MAIN, back), (WAGER, -back))
        self.books.post(stored, (WAGER, gone), (MAIN, -gone))
        is_both = isinstance(target.request, pb.BetAndWinRequest)
        self.books.tell(
            "wallet.transaction.rolled_back",
            stored,
            back if isinstance(target.request, BETS) else gone,
            gameCode=target.request.game_code,
            roundId=target.request.round_id,
            referenceTransactionId=target.own_id,
            reversesTxId=target.tx_id,
            winAmountMinor=str(gone) if is_both else "",
        )
        target.rolled_back_by = stored
        return self._store(stored)

    def _void(self, stored: Stored, reference: Name) -> Answer:
        """Void an id that was never seen: it stays void, and the rollback is stored if it was the first to do so."""
        if reference in self.books.tombstones:
            return self._answer(
                Stored(source="", own_id="", request=None, whose=stored.whose, status=VOIDED), stored.own_id
            )
        if self._has_foreign(reference):
            raise RefusedError("NOT_REVERSIBLE")
        self.books.tombstones.add(reference)
        assert stored.whose is not None
        self.books.transactions[stored.whose[0]] += 1
        stored.status = VOIDED
        return self._store(stored)

    def _adjust(self, source: str, request: Any) -> Answer:
        if again := self._again_of_own(source, request):
            return again
        is_credit = request.direction == pb.DIRECTION_CREDIT
        gain = int(request.amount_minor) * (1 if is_credit else -1)
        stored = self._new(source, request)
        self.books.take(whose_of(request), -gain)
        self.books.post(stored, (HOUSE, -gain), (MAIN, gain))
        self.books.tell(
            "wallet.adjustment.applied",
            stored,
            abs(gain),
            direction="CREDIT" if is_credit else "DEBIT",
            reason=request.reason,
            actor=request.actor,
        )
        return self._store(stored)

    def _set_state(self, source: str, request: Any) -> Answer:
        if again := self._again_of_own(source, request):
            return again
        has_money = any(amount for (_, player, _), amount in self.books.balances.items() if player == request.player_id)
        if request.state == pb.PLAYER_STATE_CLOSED and has_money:
            raise RefusedError("BALANCE_NOT_ZERO")
        self.states[request.player_id] = request.state
        self.books.transactions[request.player_id] += 1
        stored = Stored(source=source, own_id=request.transaction_id, request=request, whose=None)
        self.books.events.append(
            Event(
                event_type="wallet.player.state_changed",
                player_id=request.player_id,
                sequence=self.books.transactions[request.player_id],
                data={
                    "transactionId": request.transaction_id,
                    "source": source,
                    "playerId": request.player_id,
                    "state": pb.PlayerState.Name(request.state).removeprefix("PLAYER_STATE_"),
                    "reason": request.reason,
                    "actor": request.actor,
                },
            )
        )
        return self._store(stored)

    def _reserve(self, source: str, request: Any) -> Answer:
        known = self.withdrawals.get(request.withdrawal_id)
        if known is not None:
            return self._again(request, known.reservation)
        self.refuse_blocked(request.player_id, also=pb.PLAYER_STATE_EXCLUDED)
        amount, stored = int(request.amount_minor), self._new(source, request)
        self.books.take(whose_of(request), amount)
        self.books.post(stored, (MAIN, -amount), (WITHDRAW_HOLD, amount))
        self.books.tell("wallet.withdrawal.reserved", stored, amount, withdrawalId=request.withdrawal_id)
        self.withdrawals[request.withdrawal_id] = Withdrawal(reservation=stored)
        return self._first(stored)

    def _end(self, source: str, request: Any) -> Answer:
        known = self.withdrawals.get(request.withdrawal_id)
        if known is None:
            raise RefusedError("WITHDRAWAL_NOT_FOUND")
        if known.ending is not None:
            if type(known.ending.request) is not type(request):
                is_settled = isinstance(known.ending.request, pb.SettleWithdrawalRequest)
                raise RefusedError("WITHDRAWAL_STATE_CONFLICT", state="SETTLED" if is_settled else "FAILED")
            return self._again(request, known.ending)
        reservation = known.reservation
        amount = int(reservation.request.amount_minor)
        stored = Stored(source=source, own_id=request.withdrawal_id, request=request, whose=reservation.whose)
        if isinstance(request, pb.FailWithdrawalRequest):
            self.books.post(stored, (WITHDRAW_HOLD, -amount), (MAIN, amount))
            self.books.tell(
                "wallet.withdrawal.failed", stored, amount, withdrawalId=stored.own_id, reason=request.reason
            )
        else:
            fee = int(request.fee_minor)
            if fee > amount:
                raise RefusedError("INVALID_AMOUNT", field="fee_minor")
            self.books.post(stored, (WITHDRAW_HOLD, -amount), (HOUSE, amount - fee), (FEES, fee))
            self.books.tell(
                "wallet.withdrawal.settled",
                stored,
                amount,
                withdrawalId=stored.own_id,
                feeMinor=request.fee_minor,
                txHash=request.tx_hash,
            )
        known.ending = stored
        return self._first(stored)

    def _deposit(self, source: str, request: Any) -> Answer:
        known = self.deposits.get(request.deposit_id)
        if known is not None:
            return self._again(request, known)
        if request.tx_hash and request.HasField("output_index"):
            output = (request.currency_network_id, one_spelling(request.tx_hash), request.output_index)
            if output in self.outputs:
                raise RefusedError("IDEMPOTENCY_KEY_REUSED", field="tx_hash")
            self.outputs.add(output)
        amount, stored = int(request.amount_minor), self._new(source, request)
        self.books.post(stored, (HOUSE, -amount), (MAIN, amount))
        self.books.tell(
            "wallet.deposit.applied",
            stored,
            amount,
            depositId=request.deposit_id,
            txHash=request.tx_hash,
            outputIndex=request.output_index if request.HasField("output_index") else None,
        )
        self.deposits[request.deposit_id] = stored
        return self._first(stored)

    # --------------------------------------------------------------------------------------------------------- checks

    def refuse_blocked(self, player_id: int, *, also: int = pb.PLAYER_STATE_ACTIVE) -> None:
        """Refuse what only an active player may do (rule 5), or one in a second state as well."""
        if self.state(player_id) not in {pb.PLAYER_STATE_ACTIVE, also}:
            raise RefusedError("PLAYER_BLOCKED")

    def state(self, player_id: int) -> int:
        """Tell what a player may do."""
        return self.states.get(player_id, pb.PLAYER_STATE_ACTIVE)

    def _again_of_own(self, source: str, request: Any) -> Answer | None:
        known = self.books.known(self.books.name(source, request.player_id, own_id_of(request)))
        return None if known is None else self._again(request, known)

    def _again(self, request: Any, known: Stored) -> Answer:
        refuse_difference(request, known.request, COMPARED[type(request)])
        return self._answer(known, replayed=True)

    def _bet_of(self, source: str, request: Any) -> Stored:
        reference = self._reference_of(source, request)
        if reference in self.books.tombstones:
            raise RefusedError("TRANSACTION_ROLLED_BACK")
        bet = self.books.own.get(reference)
        if bet is None or not isinstance(bet.request, BETS):
            raise RefusedError("BET_NOT_FOUND")
        refuse_mismatch(whose_of(request), whose_of(bet.request))
        if (request.game_code, request.round_id) != (bet.request.game_code, bet.request.round_id):
            raise RefusedError("ROUND_MISMATCH")
        if not bet.stands:
            raise RefusedError("TRANSACTION_ROLLED_BACK")
        if self._is_closed(round_of(source, request)):
            raise RefusedError("ROUND_CLOSED")
        return bet

    def _reference_of(self, source: str, request: Any) -> Name:
        return self.books.name(source, request.player_id, request.reference_transaction_id)

    def _has_foreign(self, reference: Name) -> bool:
        """Tell whether the id is a deposit's or a withdrawal's of this source: known, and never reversible."""
        _, _, own_id = reference
        deposit, withdrawal = self.deposits.get(own_id), self.withdrawals.get(own_id)
        stored = [deposit] if withdrawal is None else [deposit, withdrawal.reservation, withdrawal.ending]
        return any(
            one is not None and one.whose is not None and self.books.name(one.source, one.whose[0], own_id) == reference
            for one in stored
        )

    def _is_closed(self, key: Round) -> bool:
        """Tell whether something that stands closed the round (rule 4)."""
        return any(
            stored.stands and stored.request.round_closed and may_close((stored.target or stored).request)
            for stored in self._in_round(key)
        )

    def _in_round(self, key: Round) -> Iterator[Stored]:
        for stored in self.books.own.values():
            played = stored.target or stored
            if isinstance(played.request, REVERSIBLE) and round_of(played.source, played.request) == key:
                yield stored

    # -------------------------------------------------------------------------------------------------------- effects

    def _new(self, source: str, request: Any) -> Stored:
        whose = whose_of(request)
        main = self.books.main(whose)
        return Stored(source=source, own_id=own_id_of(request), request=request, whose=whose, main_after=main)

    def _store(self, stored: Stored) -> Answer:
        """Keep a mutation under an id of its source."""
        self.books.own[self.books.name(stored.source, stored.request.player_id, stored.own_id)] = stored
        return self._first(stored)

    def _first(self, stored: Stored) -> Answer:
        if stored.whose is not None:
            self.books.transactions[stored.whose[0]] += 1
        return self._answer(stored)

    def _answer(self, stored: Stored, own_id: str = "", *, status: int | None = None, replayed: bool = False) -> Answer:
        is_state = isinstance(stored.request, pb.SetPlayerStateRequest)
        main_now = None if stored.whose is None else self.books.main(stored.whose)
        main_after = main_now if stored.main_after is None else stored.main_after
        return Answer(
            pb.OperationResult,
            {
                "tx_id": stored.tx_id,
                "transaction_id": own_id or stored.own_id,
                "status": stored.status if status is None else status,
                "replayed": replayed,
                "balance_after_minor": "" if is_state else str(main_after),
                "current_balance_minor": "" if is_state else str(main_now),
                "created_at": stored.created_at,
            },
        )

    # ---------------------------------------------------------------------------------------------------------- reads

    def balance(self, whose: Whose) -> Answer:
        """Tell what GetBalance must answer."""
        main, hold, session = (self.books.balances[account, *whose] for account in HELD_BY_PLAYERS)
        return Answer(
            pb.GetBalanceResponse,
            {
                "available_minor": str(main),
                "withdraw_hold_minor": str(hold),
                "session_hold_minor": str(session),
                "bonus_minor": "0",
                "total_minor": str(main + hold + session),
                "state": self.state(whose[0]),
            },
        )

    def rounds(self) -> set[Round]:
        """Tell where something was played."""
        played = [one for one in self.books.own.values() if isinstance(one.request, REVERSIBLE)]
        return {round_of(one.source, one.request) for one in played if one.request.game_code}

    def round(self, key: Round) -> Answer:
        """Tell what GetRound must answer."""
        played = list(self._in_round(key))
        back = [stored for stored in played if stored.rolled_back_by]
        return Answer(
            pb.GetRoundResponse,
            {
                "closed": self._is_closed(key),
                "bets_minor": str(sum(taken(stored.request) for stored in played)),
                "wins_minor": str(sum(given(stored.request) for stored in played)),
                "rolled_back_bets_minor": str(sum(taken(stored.request) for stored in back)),
                "rolled_back_wins_minor": str(sum(given(stored.request) for stored in back)),
                "transactions": len(played),
            },
        )


def taken(request: Any) -> int:
    """What a request took from MAIN."""
    return int(request.amount_minor) if isinstance(request, BETS) else 0


def given(request: Any) -> int:
    """What a request gave to MAIN."""
    if isinstance(request, pb.WinRequest):
        return int(request.amount_minor)
    return int(request.win_amount_minor) if isinstance(request, pb.BetAndWinRequest) else 0


def may_close(request: Any) -> bool:
    """Whether a request, or its rollback, may close its round: a win without a bet does neither (rule 4)."""
    return isinstance(request, BETS) or (isinstance(request, pb.WinRequest) and request.win_kind == pb.WIN_KIND_REGULAR)


def refuse_mismatch(whose: Whose, target: Whose) -> None:
    """Refuse to touch another player's transaction, or one of another currency network (rule 9)."""
    if whose[0] != target[0]:
        raise RefusedError("PLAYER_MISMATCH")
    if whose[1] != target[1]:
        raise RefusedError("CURRENCY_MISMATCH")


def round_of(source: str, request: Any) -> Round:
    """Name the round of a request."""
    return source, request.player_id, request.currency_network_id, request.game_code, request.round_id


def one_spelling(tx_hash: str) -> str:
    """Spell a hash in one way: 64 hexadecimal digits are the same in any case, with or without 0x (rule 8)."""
    digits = tx_hash.lower().removeprefix("0x")
    return digits if len(digits) == 64 and set(digits) <= set("0123456789abcdef") else tx_hash
