"""Rule 9: of two faults at once, the one that is checked first is told.

A call's faults stand in the order of the rule; every pair of them is tried, so a check in the wrong place fails at
least one row. What a fault needs (a closed round, a spent balance) is prepared as the wallet's callers would.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.requests import UNKNOWN_NETWORK, USDT_ETHEREUM, Player, changed, fail, fresh_id, id_of, settle
from support.samples import sample
from support.wallet import Caller, Wallet

from wallet.v1 import wallet_pb2 as pb

# Faults in the order of the rule, and how each is told.
REASONS = {
    "key": "CALLER_UNKNOWN",
    "right": "CALL_NOT_ALLOWED",
    "shape": "INVALID_AMOUNT",
    "network": "UNKNOWN_CURRENCY_NETWORK",
    "reused": "IDEMPOTENCY_KEY_REUSED",
    "voided": "TRANSACTION_VOIDED",
    "no bet": "BET_NOT_FOUND",
    "irreversible": "NOT_REVERSIBLE",
    "player": "PLAYER_MISMATCH",
    "currency": "CURRENCY_MISMATCH",
    "round": "ROUND_MISMATCH",
    "rolled back": "TRANSACTION_ROLLED_BACK",
    "closed": "ROUND_CLOSED",
    "settled": "BET_ALREADY_SETTLED",
    "blocked": "PLAYER_BLOCKED",
    "funds": "INSUFFICIENT_FUNDS",
}
FAULTS = {
    "bet": ("key", "right", "shape", "network", "reused", "voided", "closed", "blocked", "funds"),
    "bet_and_win": ("key", "right", "shape", "network", "reused", "voided", "closed", "blocked", "funds"),
    "win": (
        *("key", "right", "shape", "network", "reused", "voided", "no bet", "player", "currency", "round"),
        *("rolled back", "closed"),
    ),
    "rollback": (
        *("key", "right", "shape", "network", "reused", "voided", "irreversible", "player", "currency"),
        *("settled", "funds"),
    ),
    "reserve_withdrawal": ("key", "right", "shape", "network", "reused", "blocked", "funds"),
    "apply_deposit_settlement": ("key", "right", "shape", "network", "reused"),
    "adjust": ("key", "right", "shape", "network", "reused", "voided", "funds"),
}
# Pairs that cannot be had at once: two values of one field.
EXCLUSIVE = [{"key", "right"}, {"reused", "voided"}, {"network", "currency"}, {"no bet", "rolled back"}]
PAIRS = [
    (call, first, second)
    for call, faults in FAULTS.items()
    for first, second in itertools.combinations(faults, 2)
    if {first, second} not in EXCLUSIVE
]


@dataclass(slots=True)
class Scene:
    """A valid request of one call, spoiled fault by fault."""

    wallet: Wallet
    player: Player
    request: Any
    caller: Caller
    target: Any = None
    afterwards: list[Callable[[], object]] = field(default_factory=list)

    def spoil(self, fault: str) -> None:
        getattr(self, f"_{fault.replace(' ', '_')}")()

    def _key(self) -> None:
        self.caller = self.wallet.caller(None)

    def _right(self) -> None:
        self.caller = self.wallet.callers["credit"]

    def _shape(self) -> None:
        if isinstance(self.request, pb.RollbackRequest):  # it has no amount
            self.request = changed(self.request, metadata={"k": "\0"})
        else:
            self.request = changed(self.request, amount_minor="x")

    def _network(self) -> None:
        self.request = changed(self.request, currency_network_id=UNKNOWN_NETWORK)

    def _reused(self) -> None:
        used = {
            pb.DepositSettlementRequest: self.player.deposit("1"),
            pb.ReserveWithdrawalRequest: self.player.reserve("1"),
        }.get(type(self.request), self.player.bet("0"))
        self.wallet.applied(used, by=self.wallet.operator)
        self._name(id_of(used))

    def _voided(self) -> None:
        unseen = fresh_id("unseen")
        self.wallet.send(self.player.rollback(unseen), by=self.wallet.operator)
        self._name(unseen)

    def _no_bet(self) -> None:
        self.request = changed(self.request, reference_transaction_id=fresh_id("unseen"))

    def _irreversible(self) -> None:
        other = self.player.adjust("1")
        self.wallet.applied(other, by=self.wallet.operator)
        self.request = changed(self.request, reference_transaction_id=other.transaction_id)

    def _player(self) -> None:
        self.request = changed(self.request, player_id=self.wallet.neighbour(self.player, "1").player_id)

    def _currency(self) -> None:
        self.request = changed(self.request, currency_network_id=USDT_ETHEREUM)

    def _round(self) -> None:
        self.request = changed(self.request, round_id=fresh_id("round"))

    def _rolled_back(self) -> None:
        self.wallet.applied(self.player.rollback(self.target), by=self.wallet.operator)

    def _closed(self) -> None:
        # Of whatever round the request names in the end.
        self.afterwards.append(self._close_named_round)

    def _close_named_round(self) -> None:
        if self.request.currency_network_id == UNKNOWN_NETWORK:
            return
        player = Player(player_id=self.request.player_id, currency_network_id=self.request.currency_network_id)
        where = {"game_code": self.request.game_code, "round_id": self.request.round_id}
        self.wallet.applied(player.bet("0", round_closed=True, **where), by=self.wallet.operator)

    def _settled(self) -> None:
        self.wallet.applied(self.player.win("0", of=self.target), by=self.wallet.operator)

    def _blocked(self) -> None:
        self.afterwards.append(lambda: self.wallet.applied(self.player.state(pb.PLAYER_STATE_BLOCKED)))

    def _funds(self) -> None:
        if isinstance(self.request, pb.RollbackRequest):  # what was won is spent
            self.afterwards.append(self._spend_everything)
        elif self.request.amount_minor != "x":
            self.request = changed(self.request, amount_minor="100000")

    def _spend_everything(self) -> None:
        main = self.wallet.main(self.player)
        self.wallet.applied(self.player.adjust(main, pb.DIRECTION_DEBIT), by=self.wallet.operator)

    def _name(self, used: str) -> None:
        for name in ("transaction_id", "withdrawal_id", "deposit_id"):
            if hasattr(self.request, name):
                self.request = changed(self.request, **{name: used})


def scene(wallet: Wallet, call: str) -> Scene:
    """Set a valid request: what it names is there, open, unsettled and covered."""
    player = wallet.player("100")
    target = None
    if call in {"win", "rollback"}:
        target = player.bet("10") if call == "win" else player.bet_and_win("10", "30")
        wallet.applied(target, by=wallet.operator)
        request = player.win("5", of=target) if call == "win" else player.rollback(target)
    elif call == "adjust":
        request = player.adjust("10", pb.DIRECTION_DEBIT)
    else:
        request = sample(call, player)
    return Scene(wallet, player, request, wallet.operator, target)


@pytest.mark.parametrize(("call", "first", "second"), PAIRS)
def test_the_earlier_of_two_faults(wallet: Wallet, call: str, first: str, second: str) -> None:
    spoiled = scene(wallet, call)
    spoiled.spoil(first)
    spoiled.spoil(second)
    for prepare in spoiled.afterwards:
        prepare()
    reason = "INVALID_FIELD" if first == "shape" and call == "rollback" else REASONS[first]
    wallet.refused(spoiled.request, reason, by=spoiled.caller)


@pytest.mark.parametrize(("call", "fault"), [(call, fault) for call, faults in FAULTS.items() for fault in faults])
def test_each_fault_alone(wallet: Wallet, call: str, fault: str) -> None:
    spoiled = scene(wallet, call)
    spoiled.spoil(fault)
    for prepare in spoiled.afterwards:
        prepare()
    reason = "INVALID_FIELD" if fault == "shape" and call == "rollback" else REASONS[fault]
    wallet.refused(spoiled.request, reason, by=spoiled.caller)


@pytest.mark.parametrize("call", FAULTS)
def test_without_a_fault_it_is_applied(wallet: Wallet, call: str) -> None:
    clean = scene(wallet, call)
    wallet.applied(clean.request, by=clean.caller)


@pytest.mark.parametrize("fault", ["player", "currency"])
def test_a_rollback_asks_whose_before_it_tells_that_it_was_done(wallet: Wallet, fault: str) -> None:
    spoiled = scene(wallet, "rollback")
    wallet.applied(spoiled.player.rollback(spoiled.target), by=wallet.operator)
    spoiled.spoil(fault)
    wallet.refused(spoiled.request, REASONS[fault], by=wallet.operator)


def test_already_rolled_back_needs_no_funds(wallet: Wallet) -> None:
    spoiled = scene(wallet, "rollback")
    wallet.applied(spoiled.request, by=wallet.operator)
    wallet.applied(spoiled.player.adjust("100", pb.DIRECTION_DEBIT))
    again = wallet.send(spoiled.player.rollback(spoiled.target), by=wallet.operator)
    assert again.status == pb.OPERATION_STATUS_ALREADY_ROLLED_BACK


@pytest.mark.parametrize("ended", ["never reserved", "failed", "settled with another fee", "reserved"])
def test_of_a_withdrawals_settlement(wallet: Wallet, player: Player, ended: str) -> None:
    reservation = player.reserve("40")
    too_much = settle(reservation, "41")
    if ended != "never reserved":
        wallet.applied(reservation)
    if ended == "failed":
        wallet.applied(fail(reservation))
    if ended.startswith("settled"):
        wallet.applied(settle(reservation, "1"))
    reason = {
        "never reserved": "WITHDRAWAL_NOT_FOUND",
        "failed": "WITHDRAWAL_STATE_CONFLICT",
        "settled with another fee": "IDEMPOTENCY_KEY_REUSED",
        "reserved": "INVALID_AMOUNT",
    }[ended]
    wallet.refused(too_much, reason)
    # Key, right and shape come before all of that.
    wallet.refused(too_much, "CALLER_UNKNOWN", by=wallet.caller(None))
    wallet.refused(too_much, "CALL_NOT_ALLOWED", by=wallet.games)
    wallet.refused(changed(too_much, fee_minor="x"), "INVALID_AMOUNT", field="fee_minor")
    wallet.refused(changed(too_much, fee_minor="x"), "CALL_NOT_ALLOWED", by=wallet.games)


def test_of_a_players_state(wallet: Wallet, player: Player) -> None:
    used = player.adjust("1")
    wallet.applied(used)
    voided = fresh_id("unseen")
    wallet.send(player.rollback(voided), by=wallet.operator)
    closing = player.state(pb.PLAYER_STATE_CLOSED)
    wallet.refused(closing, "BALANCE_NOT_ZERO")
    reused = changed(closing, transaction_id=used.transaction_id)
    wallet.refused(reused, "IDEMPOTENCY_KEY_REUSED", field="call")
    wallet.refused(changed(closing, transaction_id=voided), "TRANSACTION_VOIDED", by=wallet.operator)
    wallet.refused(changed(reused, actor=""), "MISSING_FIELD", field="actor")
    wallet.refused(changed(reused, actor=""), "CALL_NOT_ALLOWED", by=wallet.games)


@pytest.mark.parametrize("read", ["balance", "round"])
def test_of_reads(wallet: Wallet, player: Player, read: str) -> None:
    request = player.balance() if read == "balance" else player.round(player.bet())
    spoiled = changed(request, player_id=0, currency_network_id=UNKNOWN_NETWORK)
    wallet.refused(spoiled, "CALLER_UNKNOWN", by=wallet.caller("sk_test_nobody"))
    wallet.refused(spoiled, "MISSING_FIELD", field="player_id")
    wallet.refused(changed(request, currency_network_id=UNKNOWN_NETWORK), "UNKNOWN_CURRENCY_NETWORK")
