"""Requests become commands: every field is checked here, in its order, and a bad one is refused by its name.

This is rule 9's "shape": what comes out is well-formed. Each maker is a row of the table in `service.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.identifiers import DERIVED_ROLLBACK_PREFIX, CurrencyNetworkId, Source
from wallet_grpc.domain.players.commands import (
    Adjust,
    ApplyDeposit,
    Bet,
    BetAndWin,
    ReserveWithdrawal,
    Rollback,
    SetPlayerState,
    UnlocatedEnding,
    Win,
)
from wallet_grpc.domain.refusals import Reason, invalid
from wallet_grpc.domain.transactions import Direction, GameFacts
from wallet_grpc.rpc.wire import WIN_KINDS

DIRECTIONS = {pb.DIRECTION_CREDIT: Direction.CREDIT, pb.DIRECTION_DEBIT: Direction.DEBIT}
assert set(DIRECTIONS.values()) == set(Direction)
PLAYER_STATES = {
    pb.PLAYER_STATE_ACTIVE: PlayerState.ACTIVE,
    pb.PLAYER_STATE_BLOCKED: PlayerState.BLOCKED,
    pb.PLAYER_STATE_CLOSED: PlayerState.CLOSED,
    pb.PLAYER_STATE_EXCLUDED: PlayerState.EXCLUDED,
}
assert set(PLAYER_STATES.values()) == set(PlayerState)


def bet(request: pb.BetRequest, source: Source) -> Bet:
    """Read a bet."""
    return Bet(
        source=source,
        transaction_id=fields.transaction_id(request.transaction_id),
        player_id=fields.player_id(request.player_id),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
        amount_minor=fields.amount(request.amount_minor, "amount_minor"),
        game=GameFacts(
            game_code=fields.identifier(request.game_code, "game_code"),
            round_id=fields.identifier(request.round_id, "round_id"),
        ),
        round_closed=request.round_closed,
        metadata=fields.metadata(request.metadata),
    )


def bet_and_win(request: pb.BetAndWinRequest, source: Source) -> BetAndWin:
    """Read a bet with its win."""
    return BetAndWin(
        source=source,
        transaction_id=fields.transaction_id(request.transaction_id),
        player_id=fields.player_id(request.player_id),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
        amount_minor=fields.amount(request.amount_minor, "amount_minor"),
        game=GameFacts(
            game_code=fields.identifier(request.game_code, "game_code"),
            round_id=fields.identifier(request.round_id, "round_id"),
        ),
        round_closed=request.round_closed,
        metadata=fields.metadata(request.metadata),
        win_amount_minor=fields.amount(request.win_amount_minor, "win_amount_minor"),
    )


def win(request: pb.WinRequest, source: Source) -> Win:
    """Read a win; what names its bet is needed of a REGULAR one only."""
    regular = request.win_kind == pb.WIN_KIND_REGULAR
    needed = fields.identifier if regular else fields.optional_identifier
    return Win(
        source=source,
        transaction_id=fields.transaction_id(request.transaction_id),
        player_id=fields.player_id(request.player_id),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
        amount_minor=fields.amount(request.amount_minor, "amount_minor"),
        game=GameFacts(game_code=needed(request.game_code, "game_code"), round_id=needed(request.round_id, "round_id")),
        round_closed=request.round_closed,
        metadata=fields.metadata(request.metadata),
        reference_transaction_id=(
            fields.reference(request.reference_transaction_id) if regular or request.reference_transaction_id else ""
        ),
        win_kind=fields.choice(request.win_kind, WIN_KINDS, "win_kind"),
    )


def rollback(request: pb.RollbackRequest, source: Source) -> Rollback:
    """Read a rollback; without an id of its own it gets one that is derived."""
    own_id = fields.transaction_id(request.transaction_id) if request.transaction_id else ""
    player = fields.player_id(request.player_id)
    network = fields.currency_network_id(request.currency_network_id)
    referenced = fields.rolled_back_id(request.reference_transaction_id, own_id)
    return Rollback(
        source=source,
        transaction_id=own_id or DERIVED_ROLLBACK_PREFIX + referenced,
        player_id=player,
        currency_network_id=network,
        reference_transaction_id=referenced,
        round_closed=request.round_closed,
        metadata=fields.metadata(request.metadata),
    )


def reserve_withdrawal(request: pb.ReserveWithdrawalRequest, source: Source) -> ReserveWithdrawal:
    """Read a reservation."""
    return ReserveWithdrawal(
        source=source,
        withdrawal_id=fields.identifier(request.withdrawal_id, "withdrawal_id"),
        player_id=fields.player_id(request.player_id),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
        amount_minor=fields.positive_amount(request.amount_minor, "amount_minor"),
        metadata=fields.metadata(request.metadata),
    )


def settle_withdrawal(request: pb.SettleWithdrawalRequest, source: Source) -> UnlocatedEnding:
    """Read a settlement; whose withdrawal it is is found out later."""
    return UnlocatedEnding.settle(
        source=source,
        withdrawal_id=fields.identifier(request.withdrawal_id, "withdrawal_id"),
        fee_minor=fields.amount(request.fee_minor, "fee_minor"),
        tx_hash=fields.text(request.tx_hash, "tx_hash"),
        metadata=fields.metadata(request.metadata),
    )


def fail_withdrawal(request: pb.FailWithdrawalRequest, source: Source) -> UnlocatedEnding:
    """Read a failure; whose withdrawal it is is found out later."""
    return UnlocatedEnding.fail(
        source=source,
        withdrawal_id=fields.identifier(request.withdrawal_id, "withdrawal_id"),
        reason=fields.text(request.reason, "reason"),
        metadata=fields.metadata(request.metadata),
    )


def apply_deposit_settlement(request: pb.DepositSettlementRequest, source: Source) -> ApplyDeposit:
    """Read a deposit."""
    output_index = request.output_index if request.HasField("output_index") else None
    deposit_id = fields.identifier(request.deposit_id, "deposit_id")
    player = fields.player_id(request.player_id)
    network = fields.currency_network_id(request.currency_network_id)
    amount_minor = fields.positive_amount(request.amount_minor, "amount_minor")
    tx_hash = fields.text(request.tx_hash, "tx_hash")
    if output_index is not None and output_index < 0:
        raise fields.MalformedError(invalid(Reason.INVALID_FIELD, "output_index", "must not be negative"))
    return ApplyDeposit(
        source=source,
        deposit_id=deposit_id,
        player_id=player,
        currency_network_id=network,
        amount_minor=amount_minor,
        tx_hash=tx_hash,
        output_index=output_index,
        metadata=fields.metadata(request.metadata),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentLimits:
    """What one person alone may adjust at a time, in minor units."""

    by_network: Mapping[int, int] = field(default_factory=dict)
    elsewhere: int | None = None
    """In the currency networks that have none of their own; None: any amount."""

    def alone_max_minor(self, network: CurrencyNetworkId) -> int | None:
        """Give the most of a currency network; None: any amount."""
        return self.by_network.get(network, self.elsewhere)


def adjust(limits: AdjustmentLimits, request: pb.AdjustRequest, source: Source) -> Adjust:
    """Read an adjustment, which one person makes alone."""
    return Adjust(
        source=source,
        transaction_id=fields.transaction_id(request.transaction_id),
        player_id=fields.player_id(request.player_id),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
        amount_minor=fields.positive_amount(request.amount_minor, "amount_minor"),
        direction=fields.choice(request.direction, DIRECTIONS, "direction"),
        reason=fields.required_text(request.reason, "reason"),
        actor=fields.required_text(request.actor, "actor"),
        metadata=fields.metadata(request.metadata),
        alone_max_minor=limits.alone_max_minor(CurrencyNetworkId(request.currency_network_id)),
    )


def set_player_state(request: pb.SetPlayerStateRequest, source: Source) -> SetPlayerState:
    """Read a player's new state."""
    return SetPlayerState(
        source=source,
        transaction_id=fields.transaction_id(request.transaction_id),
        player_id=fields.player_id(request.player_id),
        state=fields.choice(request.state, PLAYER_STATES, "state"),
        reason=fields.required_text(request.reason, "reason"),
        actor=fields.required_text(request.actor, "actor"),
        metadata=fields.metadata(request.metadata),
    )
