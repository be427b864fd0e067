"""The rules of docs/rules.md once more, as short as they can be said: what a lone caller must be answered.

Written from the contract's text alone and kept apart from the service's code, so that a mistake would have to be made
twice. It knows well-formed requests of one source, one after another; shape, rights and races have tests of their own.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from support.requests import OPERATIONS, id_of
from wallet.v1 import wallet_pb2 as pb

_NOT_COMPARED = {"metadata", "round_closed", "reason", "actor", "tx_hash", "output_index"}
_BETS = (pb.BetRequest, pb.BetAndWinRequest)
_REVERSIBLE = (*_BETS, pb.WinRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One answer: a refusal, or a status with the balances. `number` tells transactions apart; 0 is an empty tx_id."""

    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    differing: frozenset[str] = frozenset()
    status: int = pb.OPERATION_STATUS_APPLIED
    number: int = 0
    replayed: bool = False
    balance_after: str = ""
    current: str = ""


@dataclass(slots=True, kw_only=True)
class _Stored:
    request: Any
    status: int
    number: int
    balance_after: str
    reversed_by: "_Stored | None" = None
    wins: int = 0  # how many of its wins stand
    bet: "_Stored | None" = None  # of a REGULAR win


@dataclass(slots=True, kw_only=True)
class _Withdrawal:
    reservation: _Stored
    ending: _Stored | None = None


class _RefusedError(Exception):
    def __init__(self, reason: str, *, differing: frozenset[str] = frozenset(), **metadata: str) -> None:
        super().__init__(reason)
        self.expected = Expected(reason=reason, metadata=metadata, differing=differing)


class Oracle:
    """What a source was answered so far, and therefore what it must be answered next."""

    def __init__(self) -> None:
        self.main: Counter[tuple[int, int]] = Counter()
        self.hold: Counter[tuple[int, int]] = Counter()
        self.states: defaultdict[int, int] = defaultdict(lambda: pb.PLAYER_STATE_ACTIVE)
        self.rounds: defaultdict[tuple[int, int, str, str], Counter[str]] = defaultdict(Counter)
        self._stored: dict[str, _Stored] = {}
        self._tombstones: set[str] = set()
        self._deposits: dict[str, _Stored] = {}
        self._withdrawals: dict[str, _Withdrawal] = {}
        self._number = 0

    def expect(self, request: Message) -> Expected:
        """Return what this request must be answered now, and remember what it did."""
        name, _ = OPERATIONS[type(request)]
        try:
            return getattr(self, f"_{name}")(request)
        except _RefusedError as refused:
            return refused.expected

    # ------------------------------------------------------------------------------------------------------- calls

    def _bet(self, request: pb.BetRequest) -> Expected:
        if replay := self._seen(request):
            return replay
        self._refuse_if_closed(request)
        self._refuse_if_blocked(request)
        self._move(request, -int(request.amount_minor))
        stored = self._store(request)
        self._count(request, bets=int(request.amount_minor))
        return self._applied(stored)

    def _bet_and_win(self, request: pb.BetAndWinRequest) -> Expected:
        if replay := self._seen(request):
            return replay
        self._refuse_if_closed(request)
        self._refuse_if_blocked(request)
        self._move(request, -int(request.amount_minor))
        self._move(request, int(request.win_amount_minor))
        stored = self._store(request)
        self._count(request, bets=int(request.amount_minor), wins=int(request.win_amount_minor))
        return self._applied(stored)

    def _win(self, request: pb.WinRequest) -> Expected:
        if replay := self._seen(request):
            return replay
        bet = None
        if request.win_kind == pb.WIN_KIND_REGULAR:
            bet = self._bet_of(request)
            self._refuse_if_closed(request)
            bet.wins += 1
        self._move(request, int(request.amount_minor))
        stored = self._store(request)
        stored.bet = bet
        if bet:
            self._count(request, wins=int(request.amount_minor))
        return self._applied(stored)

    def _rollback(self, request: pb.RollbackRequest) -> Expected:
        if replay := self._seen(request):
            return replay
        target = self._stored.get(request.reference_transaction_id)
        if target is None:
            is_new = request.reference_transaction_id not in self._tombstones
            self._tombstones.add(request.reference_transaction_id)
            balance = str(self.main[_whose(request)])
            if is_new:
                self._stored[id_of(request)] = _Stored(
                    request=request, status=pb.OPERATION_STATUS_VOIDED, number=0, balance_after=balance
                )
            return Expected(status=pb.OPERATION_STATUS_VOIDED, balance_after=balance, current=balance)
        self._refuse_another_owner(request, target, is_reversible=isinstance(target.request, _REVERSIBLE))
        if first := target.reversed_by:
            return Expected(
                status=pb.OPERATION_STATUS_ALREADY_ROLLED_BACK,
                number=first.number,
                balance_after=first.balance_after,
                current=str(self.main[_whose(request)]),
            )
        if target.wins:
            raise _RefusedError("BET_ALREADY_SETTLED")
        bet_amount, win_amount = _amounts(target.request)
        self._move(request, bet_amount - win_amount)
        target.reversed_by = self._store(request)
        if target.bet:
            target.bet.wins -= 1
        if target.bet or not isinstance(target.request, pb.WinRequest):
            totals = self.rounds[_round_of(target.request)]
            totals["closers"] += request.round_closed - target.request.round_closed
            totals.update(rolled_back_bets=bet_amount, rolled_back_wins=win_amount, transactions=1)
        return self._applied(target.reversed_by)

    def _reserve_withdrawal(self, request: pb.ReserveWithdrawalRequest) -> Expected:
        if known := self._withdrawals.get(request.withdrawal_id):
            return self._again(request, known.reservation)
        self._refuse_if_blocked(request, pb.PLAYER_STATE_EXCLUDED)
        self._move(request, -int(request.amount_minor))
        self.hold[_whose(request)] += int(request.amount_minor)
        stored = self._make(request)
        self._withdrawals[request.withdrawal_id] = _Withdrawal(reservation=stored)
        return self._applied(stored)

    def _settle_withdrawal(self, request: pb.SettleWithdrawalRequest) -> Expected:
        return self._end(request)

    def _fail_withdrawal(self, request: pb.FailWithdrawalRequest) -> Expected:
        return self._end(request)

    def _end(self, request: Any) -> Expected:
        known = self._withdrawals.get(request.withdrawal_id)
        if known is None:
            raise _RefusedError("WITHDRAWAL_NOT_FOUND")
        reservation = known.reservation.request
        owner = _whose(reservation)
        if known.ending and type(known.ending.request) is type(request):
            return self._again(request, known.ending, owner=owner)
        if known.ending:
            raise _RefusedError("WITHDRAWAL_STATE_CONFLICT")
        amount = int(reservation.amount_minor)
        if isinstance(request, pb.SettleWithdrawalRequest):
            if int(request.fee_minor) > amount:
                raise _RefusedError("INVALID_AMOUNT", field="fee_minor")
        else:
            self.main[owner] += amount
        self.hold[owner] -= amount
        known.ending = self._make(request, owner=owner)
        return self._applied(known.ending)

    def _apply_deposit_settlement(self, request: pb.DepositSettlementRequest) -> Expected:
        if known := self._deposits.get(request.deposit_id):
            return self._again(request, known)
        self._move(request, int(request.amount_minor))
        self._deposits[request.deposit_id] = self._make(request)
        return self._applied(self._deposits[request.deposit_id])

    def _adjust(self, request: pb.AdjustRequest) -> Expected:
        if replay := self._seen(request):
            return replay
        sign = 1 if request.direction == pb.DIRECTION_CREDIT else -1
        self._move(request, sign * int(request.amount_minor))
        return self._applied(self._store(request))

    def _set_player_state(self, request: pb.SetPlayerStateRequest) -> Expected:
        if replay := self._seen(request):
            return replay
        balances = [*self.main.items(), *self.hold.items()]
        has_money = any(amount for (player_id, _), amount in balances if player_id == request.player_id)
        if request.state == pb.PLAYER_STATE_CLOSED and has_money:
            raise _RefusedError("BALANCE_NOT_ZERO")
        self.states[request.player_id] = request.state
        self._stored[request.transaction_id] = _Stored(
            request=request, status=pb.OPERATION_STATUS_APPLIED, number=0, balance_after=""
        )
        return Expected()

    # ------------------------------------------------------------------------------------------------------ checks

    def _seen(self, request: Any) -> Expected | None:
        name = id_of(request)
        if name in self._tombstones:
            raise _RefusedError("TRANSACTION_VOIDED")
        known = self._stored.get(name)
        return None if known is None else self._again(request, known)

    def _again(self, request: Any, known: _Stored, *, owner: tuple[int, int] | None = None) -> Expected:
        if type(request) is not type(known.request):
            raise _RefusedError("IDEMPOTENCY_KEY_REUSED", field="call")
        names = [descriptor.name for descriptor in request.DESCRIPTOR.fields if descriptor.name not in _NOT_COMPARED]
        differing = frozenset(name for name in names if getattr(request, name) != getattr(known.request, name))
        if differing:
            raise _RefusedError("IDEMPOTENCY_KEY_REUSED", differing=differing)
        is_state = isinstance(request, pb.SetPlayerStateRequest)
        return Expected(
            status=known.status,
            number=known.number,
            replayed=True,
            balance_after=known.balance_after,
            current="" if is_state else str(self.main[owner or _whose(request)]),
        )

    def _bet_of(self, request: pb.WinRequest) -> _Stored:
        bet = self._stored.get(request.reference_transaction_id)
        if request.reference_transaction_id in self._tombstones:
            raise _RefusedError("TRANSACTION_ROLLED_BACK")
        if bet is None or not isinstance(bet.request, _BETS):
            raise _RefusedError("BET_NOT_FOUND")
        self._refuse_another_owner(request, bet, is_reversible=True)
        if (request.game_code, request.round_id) != (bet.request.game_code, bet.request.round_id):
            raise _RefusedError("ROUND_MISMATCH")
        if bet.reversed_by:
            raise _RefusedError("TRANSACTION_ROLLED_BACK")
        return bet

    def _refuse_another_owner(self, request: Any, target: _Stored, *, is_reversible: bool) -> None:
        if not is_reversible:
            raise _RefusedError("NOT_REVERSIBLE")
        if request.player_id != target.request.player_id:
            raise _RefusedError("PLAYER_MISMATCH")
        if request.currency_network_id != target.request.currency_network_id:
            raise _RefusedError("CURRENCY_MISMATCH")

    def _refuse_if_closed(self, request: Any) -> None:
        if self.rounds[_round_of(request)]["closers"]:
            raise _RefusedError("ROUND_CLOSED")

    def _refuse_if_blocked(self, request: Any, *also: int) -> None:
        if self.states[request.player_id] not in {pb.PLAYER_STATE_ACTIVE, *also}:
            raise _RefusedError("PLAYER_BLOCKED")

    # ----------------------------------------------------------------------------------------------------- effects

    def _move(self, request: Any, change: int) -> None:
        owner = _whose(request)
        if change < 0 and self.main[owner] + change < 0:
            raise _RefusedError("INSUFFICIENT_FUNDS", balance_minor=str(self.main[owner]))
        self.main[owner] += change

    def _count(self, request: Any, **totals: int) -> None:
        self.rounds[_round_of(request)].update(totals, transactions=1, closers=int(request.round_closed))

    def _make(self, request: Any, *, owner: tuple[int, int] | None = None) -> _Stored:
        self._number += 1
        balance = str(self.main[owner or _whose(request)])
        return _Stored(request=request, status=pb.OPERATION_STATUS_APPLIED, number=self._number, balance_after=balance)

    def _store(self, request: Any) -> _Stored:
        self._stored[id_of(request)] = self._make(request)
        return self._stored[id_of(request)]

    def _applied(self, stored: _Stored) -> Expected:
        return Expected(number=stored.number, balance_after=stored.balance_after, current=stored.balance_after)


def _whose(request: Any) -> tuple[int, int]:
    return request.player_id, request.currency_network_id


def _round_of(request: Any) -> tuple[int, int, str, str]:
    return (*_whose(request), request.game_code, request.round_id)


def _amounts(request: Any) -> tuple[int, int]:
    """Return what a transaction took from MAIN, and what it gave."""
    match request:
        case pb.BetRequest():
            return int(request.amount_minor), 0
        case pb.WinRequest():
            return 0, int(request.amount_minor)
        case _:
            return int(request.amount_minor), int(request.win_amount_minor)
