"""Requests to commands: every field is checked here, in its order, and a bad one is refused by its name.

This is rule 9's "shape" and "network": what comes out is well-formed and of a known currency network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.commands import Request
from wallet_grpc.domain.credit.commands import CreditCommand
from wallet_grpc.domain.identifiers import (
    DERIVED_ROLLBACK_PREFIX,
    Source,
)
from wallet_grpc.domain.ledgers.commands import PostJournalEntry
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
from wallet_grpc.domain.sessions.commands import SessionCommand
from wallet_grpc.domain.sessions.opening import SESSION_NOT_FOUND
from wallet_grpc.domain.transactions import Direction, WinKind
from wallet_grpc.store.reads.credit import LedgerDirectory
from wallet_grpc.store.reads.keys import Role
from wallet_grpc.store.reads.networks import NetworkDirectory

WIN_KINDS = {
    pb.WIN_KIND_REGULAR: WinKind.REGULAR,
    pb.WIN_KIND_FREE_ROUND: WinKind.FREE_ROUND,
    pb.WIN_KIND_JACKPOT: WinKind.JACKPOT,
    pb.WIN_KIND_PROMO: WinKind.PROMO,
}
DIRECTIONS = {pb.DIRECTION_CREDIT: Direction.CREDIT, pb.DIRECTION_DEBIT: Direction.DEBIT}
PLAYER_STATES = {
    pb.PLAYER_STATE_ACTIVE: PlayerState.ACTIVE,
    pb.PLAYER_STATE_BLOCKED: PlayerState.BLOCKED,
    pb.PLAYER_STATE_CLOSED: PlayerState.CLOSED,
    pb.PLAYER_STATE_EXCLUDED: PlayerState.EXCLUDED,
}


class Call(NamedTuple):
    """A mutation by its name: who may call it, and how its request becomes a command."""

    role: Role
    convert: Callable[[Any, Source], Request]


_NetworkKnown = SetPlayerState | UnlocatedEnding | PostJournalEntry
"""What is in no currency network, or in that of what it names."""


async def command_of(
    call: Call, request: Any, source: Source, networks: NetworkDirectory, ledgers: LedgerDirectory
) -> Request:
    """Convert a request.

    Raises:
        MalformedError: A field is wrong, or the currency network or the ledger is unknown.
        DatabaseUnavailableError: Nobody can tell now whether they are known.
    """
    command = call.convert(request, source)
    if isinstance(command, SessionCommand):
        if await networks.find(command.currency_network_id) is None:
            raise fields.MalformedError(SESSION_NOT_FOUND)  # no session can be in a network that is not there
    elif isinstance(command, CreditCommand):
        await ledgers.require(command.wallet.ledger_id, lambda ledger: ledger.source == source)
    elif not isinstance(command, _NetworkKnown):
        await networks.require(command.currency_network_id)
    return command


def _bet(request: pb.BetRequest, source: Source) -> Bet:
    return Bet(
        source=source,
        transaction_id=fields.transaction_id(request.transaction_id),
        player_id=fields.player_id(request.player_id),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
        amount_minor=fields.amount(request.amount_minor, "amount_minor"),
        game_code=fields.identifier(request.game_code, "game_code"),
        round_id=fields.identifier(request.round_id, "round_id"),
        round_closed=request.round_closed,
        metadata=fields.metadata(request.metadata),
    )


def _bet_and_win(request: pb.BetAndWinRequest, source: Source) -> BetAndWin:
    return BetAndWin(
        source=source,
        transaction_id=fields.transaction_id(request.transaction_id),
        player_id=fields.player_id(request.player_id),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
        amount_minor=fields.amount(request.amount_minor, "amount_minor"),
        game_code=fields.identifier(request.game_code, "game_code"),
        round_id=fields.identifier(request.round_id, "round_id"),
        round_closed=request.round_closed,
        metadata=fields.metadata(request.metadata),
        win_amount_minor=fields.amount(request.win_amount_minor, "win_amount_minor"),
    )


def _win(request: pb.WinRequest, source: Source) -> Win:
    regular = request.win_kind == pb.WIN_KIND_REGULAR
    needed = fields.identifier if regular else fields.optional_identifier
    return Win(
        source=source,
        transaction_id=fields.transaction_id(request.transaction_id),
        player_id=fields.player_id(request.player_id),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
        amount_minor=fields.amount(request.amount_minor, "amount_minor"),
        game_code=needed(request.game_code, "game_code"),
        round_id=needed(request.round_id, "round_id"),
        round_closed=request.round_closed,
        metadata=fields.metadata(request.metadata),
        reference_transaction_id=(
            fields.reference(request.reference_transaction_id) if regular or request.reference_transaction_id else ""
        ),
        win_kind=fields.choice(request.win_kind, WIN_KINDS, "win_kind"),
    )


def _rollback(request: pb.RollbackRequest, source: Source) -> Rollback:
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


def _reserve_withdrawal(request: pb.ReserveWithdrawalRequest, source: Source) -> ReserveWithdrawal:
    return ReserveWithdrawal(
        source=source,
        withdrawal_id=fields.identifier(request.withdrawal_id, "withdrawal_id"),
        player_id=fields.player_id(request.player_id),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
        amount_minor=fields.positive_amount(request.amount_minor, "amount_minor"),
        metadata=fields.metadata(request.metadata),
    )


def _settle_withdrawal(request: pb.SettleWithdrawalRequest, source: Source) -> UnlocatedEnding:
    return UnlocatedEnding.settle(
        source=source,
        withdrawal_id=fields.identifier(request.withdrawal_id, "withdrawal_id"),
        fee_minor=fields.amount(request.fee_minor, "fee_minor"),
        tx_hash=fields.text(request.tx_hash, "tx_hash"),
        metadata=fields.metadata(request.metadata),
    )


def _fail_withdrawal(request: pb.FailWithdrawalRequest, source: Source) -> UnlocatedEnding:
    return UnlocatedEnding.fail(
        source=source,
        withdrawal_id=fields.identifier(request.withdrawal_id, "withdrawal_id"),
        reason=fields.text(request.reason, "reason"),
        metadata=fields.metadata(request.metadata),
    )


def _apply_deposit_settlement(request: pb.DepositSettlementRequest, source: Source) -> ApplyDeposit:
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


def _adjust(request: pb.AdjustRequest, source: Source) -> Adjust:
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
    )


def _set_player_state(request: pb.SetPlayerStateRequest, source: Source) -> SetPlayerState:
    return SetPlayerState(
        source=source,
        transaction_id=fields.transaction_id(request.transaction_id),
        player_id=fields.player_id(request.player_id),
        state=fields.choice(request.state, PLAYER_STATES, "state"),
        reason=fields.required_text(request.reason, "reason"),
        actor=fields.required_text(request.actor, "actor"),
        metadata=fields.metadata(request.metadata),
    )


CALLS: Mapping[str, Call] = {
    "bet": Call(Role.GAME, _bet),
    "win": Call(Role.GAME, _win),
    "rollback": Call(Role.GAME, _rollback),
    "bet_and_win": Call(Role.GAME, _bet_and_win),
    "reserve_withdrawal": Call(Role.PAYMENTS, _reserve_withdrawal),
    "settle_withdrawal": Call(Role.PAYMENTS, _settle_withdrawal),
    "fail_withdrawal": Call(Role.PAYMENTS, _fail_withdrawal),
    "apply_deposit_settlement": Call(Role.PAYMENTS, _apply_deposit_settlement),
    "adjust": Call(Role.BACKOFFICE, _adjust),
    "set_player_state": Call(Role.BACKOFFICE, _set_player_state),
}
"""Every mutation by its name in `Operation`."""
