"""The wallet in memory, as docs/rules.md tells it: what each request must be answered, one after the other.

Written from the contract alone, apart from the service's code, so that a mistake would have to be made twice. Slow
and simple on purpose: it keeps what was sent and answered, and looks through all of it whenever a rule asks. Requests
are well-formed and their callers may make them: shape and rights have tests of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from wallet.v1 import wallet_pb2 as pb

APPLIED, VOIDED = pb.OPERATION_STATUS_APPLIED, pb.OPERATION_STATUS_VOIDED
ALREADY_ROLLED_BACK = pb.OPERATION_STATUS_ALREADY_ROLLED_BACK

Whose = tuple[int, int]
"""A player in a currency network."""
Round = tuple[str, int, int, str, str]
"""Source, player, currency network, game, round (rule 4)."""

# Rule 1: what makes two requests of one call the same.
_COMPARED: dict[type[Message], tuple[str, ...]] = {
    pb.BetRequest: ("player_id", "currency_network_id", "amount_minor", "game_code", "round_id"),
    pb.BetAndWinRequest: (
        "player_id", "currency_network_id", "amount_minor", "game_code", "round_id", "win_amount_minor",
    ),
    pb.WinRequest: (
        "player_id", "currency_network_id", "amount_minor", "game_code", "round_id", "reference_transaction_id",
        "win_kind",
    ),
    pb.RollbackRequest: ("player_id", "currency_network_id", "reference_transaction_id"),
    pb.AdjustRequest: ("player_id", "currency_network_id", "amount_minor", "direction"),
    pb.SetPlayerStateRequest: ("player_id", "state"),
    pb.ReserveWithdrawalRequest: ("player_id", "currency_network_id", "amount_minor"),
    pb.SettleWithdrawalRequest: ("fee_minor",),
    pb.FailWithdrawalRequest: (),
    pb.DepositSettlementRequest: ("player_id", "currency_network_id", "amount_minor"),
}  # fmt: skip
_BETS = (pb.BetRequest, pb.BetAndWinRequest)
_REVERSIBLE = (*_BETS, pb.WinRequest)


@dataclass(slots=True, kw_only=True, eq=False)
class Stored:
    """A mutation that was accepted, with its first answer."""

    source: str
    request: Any
    status: int = APPLIED
    main_after: int | None = None
    bet: Stored | None = None
    """Of a REGULAR win: its bet."""
    target: Stored | None = None
    """Of an applied rollback: what it rolled back."""
    rolled_back_by: Stored | None = None

    @property
    def has_tx_id(self) -> bool:
        return self.status == APPLIED and not isinstance(self.request, pb.SetPlayerStateRequest)

    @property
    def stands(self) -> bool:
        return self.status == APPLIED and self.rolled_back_by is None

    @property
    def is_regular_win(self) -> bool:
        return isinstance(self.request, pb.WinRequest) and self.request.win_kind == pb.WIN_KIND_REGULAR

    @property
    def may_close(self) -> bool:
        """Whether it, or its rollback, may close its round: a win without a bet does neither."""
        return isinstance(self.request, _BETS) or self.is_regular_win

    @property
    def taken(self) -> int:
        """What it took from MAIN."""
        return int(self.request.amount_minor) if isinstance(self.request, _BETS) else 0

    @property
    def given(self) -> int:
        """What it gave to MAIN."""
        if isinstance(self.request, pb.WinRequest):
            return int(self.request.amount_minor)
        return int(self.request.win_amount_minor) if isinstance(self.request, pb.BetAndWinRequest) else 0


@dataclass(slots=True, kw_only=True)
class Withdrawal:
    reservation: Stored
    ending: Stored | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an accepted request must be answered: whose facts, under which id, and the balances."""

    facts_of: Stored | None
    """Where tx_id and created_at come from; None where the contract does not say."""
    transaction_id: str
    status: int
    replayed: bool
    main_after: int | None
    main_now: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class No:
    """What a refused request must be answered. `fields` are those that may be named, one of them."""

    reason: str
    fields: frozenset[str] = frozenset()
    balance_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTotals:
    closed: bool
    bets: int
    wins: int
    rolled_back_bets: int
    rolled_back_wins: int
    transactions: int


class _RefusedError(Exception):
    def __init__(self, reason: str, *fields: str, balance_minor: int | None = None) -> None:
        super().__init__(reason)
        self.no = No(reason=reason, fields=frozenset(fields), balance_minor=balance_minor)


@dataclass(slots=True)
class Wallet:
    """Everything that was accepted so far, and what follows from it."""

    main: Counter[Whose] = field(default_factory=Counter)
    hold: Counter[Whose] = field(default_factory=Counter)
    states: dict[int, int] = field(default_factory=dict)
    own: dict[tuple[str, str], Stored] = field(default_factory=dict)
    """By source and transaction_id."""
    tombstones: set[tuple[str, str]] = field(default_factory=set)
    deposits: dict[str, Stored] = field(default_factory=dict)
    outputs: set[tuple[int, str, int]] = field(default_factory=set)
    withdrawals: dict[str, Withdrawal] = field(default_factory=dict)

    def send(self, source: str, request: Message) -> Answer | No:
        """Execute a request and tell how it must be answered."""
        try:
            return getattr(self, f"_{type(request).__name__}")(source, request)
        except _RefusedError as refused:
            return refused.no

    def state(self, player_id: int) -> int:
        return self.states.get(player_id, pb.PLAYER_STATE_ACTIVE)

    def round(self, key: Round) -> RoundTotals | None:
        """Tell what GetRound must answer; None where nothing was played."""
        played = list(self._in_round(key))
        if not played:
            return None
        back = [stored for stored in played if stored.rolled_back_by]
        return RoundTotals(
            closed=self._is_closed(key),
            bets=sum(stored.taken for stored in played),
            wins=sum(stored.given for stored in played),
            rolled_back_bets=sum(stored.taken for stored in back),
            rolled_back_wins=sum(stored.given for stored in back),
            transactions=len(played),
        )

    # ---------------------------------------------------------------------------------------------------------- calls

    def _BetRequest(self, source: str, request: Any) -> Answer:  # noqa: N802 named as the message
        if again := self._known(source, request):
            return again
        self._refuse_closed_round(source, request)
        self._refuse_blocked(request)
        self._move(request, -int(request.amount_minor))
        return self._store(source, request)

    def _BetAndWinRequest(self, source: str, request: Any) -> Answer:  # noqa: N802
        if again := self._known(source, request):
            return again
        self._refuse_closed_round(source, request)
        self._refuse_blocked(request)
        self._move(request, -int(request.amount_minor))
        self._move(request, int(request.win_amount_minor))
        return self._store(source, request)

    def _WinRequest(self, source: str, request: Any) -> Answer:  # noqa: N802
        if again := self._known(source, request):
            return again
        bet = self._bet_of(source, request) if request.win_kind == pb.WIN_KIND_REGULAR else None
        self._move(request, int(request.amount_minor))
        return self._store(source, request, bet=bet)

    def _RollbackRequest(self, source: str, request: Any) -> Answer:  # noqa: N802
        own_id = request.transaction_id or f"rollback:{request.reference_transaction_id}"
        if own_id == request.reference_transaction_id:
            raise _RefusedError("INVALID_FIELD", "transaction_id")
        if again := self._known(source, request):
            return again
        whose, reference = _whose(request), (source, request.reference_transaction_id)
        target = self.own.get(reference)
        if target is None and reference not in self.tombstones and self._has_foreign(*reference):
            raise _RefusedError("NOT_REVERSIBLE")
        if target is None:
            if reference in self.tombstones:
                return self._answer(None, own_id, VOIDED, main_after=self.main[whose], whose=whose)
            self.tombstones.add(reference)
            stored = Stored(source=source, request=request, status=VOIDED, main_after=self.main[whose])
            self.own[source, own_id] = stored
            return self._answer(stored, own_id, VOIDED, main_after=self.main[whose], whose=whose)
        if not isinstance(target.request, _REVERSIBLE):
            raise _RefusedError("NOT_REVERSIBLE")
        _refuse_mismatch(request, target.request)
        if first := target.rolled_back_by:
            return self._answer(first, own_id, ALREADY_ROLLED_BACK, main_after=first.main_after, whose=whose)
        if any(stored.bet is target and stored.stands for stored in self.own.values()):
            raise _RefusedError("BET_ALREADY_SETTLED")
        self._move(request, target.taken - target.given)
        answer = self._store(source, request, target=target)
        target.rolled_back_by = answer.facts_of
        return answer

    def _AdjustRequest(self, source: str, request: Any) -> Answer:  # noqa: N802
        if again := self._known(source, request):
            return again
        sign = 1 if request.direction == pb.DIRECTION_CREDIT else -1
        self._move(request, sign * int(request.amount_minor))
        return self._store(source, request)

    def _SetPlayerStateRequest(self, source: str, request: Any) -> Answer:  # noqa: N802
        if again := self._known(source, request):
            return again
        has_money = any(
            amount
            for (player_id, _), amount in (*self.main.items(), *self.hold.items())
            if player_id == request.player_id
        )
        if request.state == pb.PLAYER_STATE_CLOSED and has_money:
            raise _RefusedError("BALANCE_NOT_ZERO")
        self.states[request.player_id] = request.state
        return self._store(source, request)

    def _ReserveWithdrawalRequest(self, source: str, request: Any) -> Answer:  # noqa: N802
        known = self.withdrawals.get(request.withdrawal_id)
        if known is not None:
            return self._again(request, known.reservation, _whose(request))
        self._refuse_blocked(request, pb.PLAYER_STATE_EXCLUDED)
        self._move(request, -int(request.amount_minor))
        self.hold[_whose(request)] += int(request.amount_minor)
        stored = self._make(source, request, _whose(request))
        self.withdrawals[request.withdrawal_id] = Withdrawal(reservation=stored)
        return self._applied(stored, _whose(request))

    def _SettleWithdrawalRequest(self, source: str, request: Any) -> Answer:  # noqa: N802
        return self._end(source, request)

    def _FailWithdrawalRequest(self, source: str, request: Any) -> Answer:  # noqa: N802
        return self._end(source, request)

    def _end(self, source: str, request: Any) -> Answer:
        known = self.withdrawals.get(request.withdrawal_id)
        if known is None:
            raise _RefusedError("WITHDRAWAL_NOT_FOUND")
        whose = _whose(known.reservation.request)
        if known.ending is not None:
            if type(known.ending.request) is not type(request):
                raise _RefusedError("WITHDRAWAL_STATE_CONFLICT")
            return self._again(request, known.ending, whose)
        amount = int(known.reservation.request.amount_minor)
        if isinstance(request, pb.FailWithdrawalRequest):
            self.main[whose] += amount
        elif int(request.fee_minor) > amount:
            raise _RefusedError("INVALID_AMOUNT", "fee_minor")
        self.hold[whose] -= amount
        known.ending = self._make(source, request, whose)
        return self._applied(known.ending, whose)

    def _DepositSettlementRequest(self, source: str, request: Any) -> Answer:  # noqa: N802
        known = self.deposits.get(request.deposit_id)
        if known is not None:
            return self._again(request, known, _whose(request))
        if request.tx_hash and request.HasField("output_index"):
            output = (request.currency_network_id, _hash_of(request.tx_hash), request.output_index)
            if output in self.outputs:
                raise _RefusedError("IDEMPOTENCY_KEY_REUSED", "tx_hash", "output_index", "deposit_id")
            self.outputs.add(output)
        self._move(request, int(request.amount_minor))
        self.deposits[request.deposit_id] = self._make(source, request, _whose(request))
        return self._applied(self.deposits[request.deposit_id], _whose(request))

    # --------------------------------------------------------------------------------------------------------- checks

    def _known(self, source: str, request: Any) -> Answer | None:
        own_id = own_id_of(request)
        if (source, own_id) in self.tombstones:
            raise _RefusedError("TRANSACTION_VOIDED")
        known = self.own.get((source, own_id))
        if known is None:
            return None
        whose = None if isinstance(request, pb.SetPlayerStateRequest) else _whose(request)
        return self._again(request, known, whose)

    def _again(self, request: Any, known: Stored, whose: Whose | None) -> Answer:
        if type(request) is not type(known.request):
            raise _RefusedError("IDEMPOTENCY_KEY_REUSED", "call")
        compared = _COMPARED[type(request)]
        differing = [name for name in compared if getattr(request, name) != getattr(known.request, name)]
        if differing:
            raise _RefusedError("IDEMPOTENCY_KEY_REUSED", *differing)
        return Answer(
            facts_of=known,
            transaction_id=own_id_of(request),
            status=known.status,
            replayed=True,
            main_after=known.main_after,
            main_now=None if whose is None else self.main[whose],
        )

    def _bet_of(self, source: str, request: Any) -> Stored:
        reference = (source, request.reference_transaction_id)
        if reference in self.tombstones:
            raise _RefusedError("TRANSACTION_ROLLED_BACK")
        bet = self.own.get(reference)
        if bet is None or not isinstance(bet.request, _BETS):
            raise _RefusedError("BET_NOT_FOUND")
        _refuse_mismatch(request, bet.request)
        if (request.game_code, request.round_id) != (bet.request.game_code, bet.request.round_id):
            raise _RefusedError("ROUND_MISMATCH")
        if not bet.stands:
            raise _RefusedError("TRANSACTION_ROLLED_BACK")
        self._refuse_closed_round(source, request)
        return bet

    def _has_foreign(self, source: str, name: str) -> bool:
        """Tell whether the id is a deposit's or a withdrawal's of this source: known, and never reversible."""
        deposit, withdrawal = self.deposits.get(name), self.withdrawals.get(name)
        if deposit is not None and deposit.source == source:
            return True
        stored = () if withdrawal is None else (withdrawal.reservation, withdrawal.ending)
        return any(one is not None and one.source == source for one in stored)

    def _refuse_closed_round(self, source: str, request: Any) -> None:
        if self._is_closed(round_of(source, request)):
            raise _RefusedError("ROUND_CLOSED")

    def _refuse_blocked(self, request: Any, *also: int) -> None:
        if self.state(request.player_id) not in {pb.PLAYER_STATE_ACTIVE, *also}:
            raise _RefusedError("PLAYER_BLOCKED")

    def _is_closed(self, key: Round) -> bool:
        """Tell whether something that stands closed the round (rule 4)."""
        return any(
            stored.stands and stored.request.round_closed and (stored.target or stored).may_close
            for stored in self._in_round(key)
        )

    def _in_round(self, key: Round) -> Iterator[Stored]:
        for stored in self.own.values():
            played = stored.target or stored
            if isinstance(played.request, _REVERSIBLE) and round_of(played.source, played.request) == key:
                yield stored

    # -------------------------------------------------------------------------------------------------------- effects

    def _move(self, request: Any, gain: int) -> None:
        whose = _whose(request)
        if self.main[whose] + min(gain, 0) < 0:
            raise _RefusedError("INSUFFICIENT_FUNDS", balance_minor=self.main[whose])
        self.main[whose] += gain

    def _make(self, source: str, request: Any, whose: Whose | None, **links: Stored | None) -> Stored:
        main_after = None if whose is None else self.main[whose]
        return Stored(source=source, request=request, main_after=main_after, **links)

    def _store(self, source: str, request: Any, **links: Stored | None) -> Answer:
        whose = None if isinstance(request, pb.SetPlayerStateRequest) else _whose(request)
        stored = self._make(source, request, whose, **links)
        self.own[source, own_id_of(request)] = stored
        return self._applied(stored, whose)

    def _applied(self, stored: Stored, whose: Whose | None) -> Answer:
        return self._answer(stored, own_id_of(stored.request), APPLIED, main_after=stored.main_after, whose=whose)

    def _answer(
        self, facts_of: Stored | None, own_id: str, status: int, *, main_after: int | None, whose: Whose | None
    ) -> Answer:
        return Answer(
            facts_of=facts_of,
            transaction_id=own_id,
            status=status,
            replayed=False,
            main_after=main_after,
            main_now=None if whose is None else self.main[whose],
        )


def own_id_of(request: Any) -> str:
    """Give the id that a request is known by, the derived one of a rollback included."""
    for name in ("transaction_id", "withdrawal_id", "deposit_id"):
        if getattr(request, name, ""):
            return str(getattr(request, name))
    return f"rollback:{request.reference_transaction_id}"


def round_of(source: str, request: Any) -> Round:
    return source, request.player_id, request.currency_network_id, request.game_code, request.round_id


def _hash_of(text: str) -> str:
    """Spell a hash in one way: 64 hexadecimal digits are the same in any case, with or without 0x."""
    digits = text.lower().removeprefix("0x")
    return digits if len(digits) == 64 and set(digits) <= set("0123456789abcdef") else text


def _whose(request: Any) -> Whose:
    return request.player_id, request.currency_network_id


def _refuse_mismatch(request: Any, target: Any) -> None:
    if request.player_id != target.player_id:
        raise _RefusedError("PLAYER_MISMATCH")
    if request.currency_network_id != target.currency_network_id:
        raise _RefusedError("CURRENCY_MISMATCH")
