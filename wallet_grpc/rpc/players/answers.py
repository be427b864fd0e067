"""Outcomes and reads to proto messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.domain.transactions import Direction, Kind, OutcomeStatus, TransactionStatus, WinKind
from wallet_grpc.rpc.status import status_of
from wallet_grpc.store.reads.networks import CurrencyNetwork
from wallet_grpc.store.reads.players import Balances, RoundTotals, TransactionRecord

from .requests import DIRECTIONS, PLAYER_STATES, WIN_KINDS

Filler = Callable[[Outcome, Any, str], Any]
"""Fills an outcome into a message, under the request id that a fault is logged with."""

STATUSES = {
    OutcomeStatus.APPLIED: pb.OPERATION_STATUS_APPLIED,
    OutcomeStatus.VOIDED: pb.OPERATION_STATUS_VOIDED,
    OutcomeStatus.ALREADY_ROLLED_BACK: pb.OPERATION_STATUS_ALREADY_ROLLED_BACK,
}
WIN_KIND_NUMBERS = {kind: number for number, kind in WIN_KINDS.items()}
_DIRECTIONS = {direction: number for number, direction in DIRECTIONS.items()}
_PLAYER_STATES = {state: number for number, state in PLAYER_STATES.items()}
STORED_STATUSES = {
    TransactionStatus.APPLIED: pb.OPERATION_STATUS_APPLIED,
    TransactionStatus.VOIDED: pb.OPERATION_STATUS_VOIDED,
    TransactionStatus.TOMBSTONE: pb.OPERATION_STATUS_VOIDED,
}


def operation_result(accepted: Accepted, into: pb.OperationResult) -> pb.OperationResult:
    """Fill the answer of a mutation into a message, which may stand inside another one already."""
    if accepted.tx_id is not None:
        into.tx_id = accepted.tx_id
    into.transaction_id = accepted.transaction_id
    into.status = STATUSES[accepted.status]
    into.replayed = accepted.replayed
    if accepted.balance_after_minor is not None:
        into.balance_after_minor = str(accepted.balance_after_minor)
    if accepted.current_balance_minor is not None:
        into.current_balance_minor = str(accepted.current_balance_minor)
    fill_timestamp(accepted.created_at, into.created_at)
    return into


def outcome(decided: Outcome, into: pb.Outcome, request_id: str) -> pb.Outcome:
    """Fill the outcome of one operation of a batch or a stream into a message."""
    if isinstance(decided, Accepted):
        operation_result(decided, into.result)
    else:
        assert isinstance(decided, Refusal), "an outcome of another service"
        into.error.CopyFrom(status_of(decided, request_id))
    return into


def balance(balances: Balances) -> pb.GetBalanceResponse:
    """Render a player's balances."""
    return pb.GetBalanceResponse(
        available_minor=str(balances.available_minor),
        withdraw_hold_minor=str(balances.withdraw_hold_minor),
        session_hold_minor=str(balances.session_hold_minor),
        bonus_minor=str(balances.bonus_minor),
        total_minor=str(balances.total_minor),
        state=_state(balances.state),
    )


def transaction(record: TransactionRecord) -> pb.Transaction:
    """Render a stored transaction. What has no tx_id for callers (voided, states) shows none here either."""
    stored = record.transaction
    visible = stored.status is TransactionStatus.APPLIED and stored.kind is not Kind.PLAYER_STATE
    message = pb.Transaction(
        tx_id=stored.tx_id if visible else "",
        source=stored.source,
        transaction_id=stored.reference,
        kind=f"TRANSACTION_KIND_{stored.kind}",
        status=STORED_STATUSES[stored.status],
        player_id=max(stored.owner_id, 0),  # a ledger's is below: it has no player
        currency_network_id=stored.currency_network_id or 0,
        amount_minor=str(stored.amount_minor),
        win_amount_minor=_amount(stored.win_amount_minor),
        fee_minor=_amount(stored.fee_minor),
        game_code=stored.game_code or "",
        round_id=stored.round_id or "",
        round_closed=stored.closes_round,
        reference_transaction_id=stored.reference_transaction_id or "",
        reference_tx_id=stored.reference_tx_id or "",
        reverses_tx_id=stored.reverses_tx_id or "",
        reversed_by_tx_id=record.reversed_by_tx_id or "",
        postings=[
            pb.Posting(
                account=posting.account_type.value,
                amount_minor=str(posting.amount_minor),
                balance_after_minor=_amount(posting.balance_after_minor),
            )
            for posting in stored.postings
        ],
        metadata=stored.metadata,
        created_at=_timestamp(stored.created_at),
    )
    match stored.variant:
        case WinKind():
            message.win_kind = WIN_KIND_NUMBERS[stored.variant]
        case Direction():
            message.direction = _DIRECTIONS[stored.variant]
        case PlayerState():
            message.state = _state(stored.variant)
        case None:
            pass
    if stored.details is not None:
        message.tx_hash = stored.details.tx_hash
        message.reason = stored.details.reason
        message.actor = stored.details.actor
        message.session_token = stored.details.session_token
        if stored.details.output_index is not None:
            message.output_index = stored.details.output_index
    return message


def game_round(totals: RoundTotals) -> pb.GetRoundResponse:
    """Render a round's totals."""
    return pb.GetRoundResponse(
        closed=totals.closed,
        bets_minor=str(totals.bets_minor),
        wins_minor=str(totals.wins_minor),
        rolled_back_bets_minor=str(totals.rolled_back_bets_minor),
        rolled_back_wins_minor=str(totals.rolled_back_wins_minor),
        transactions=totals.transactions,
    )


def currency_network(network: CurrencyNetwork) -> pb.CurrencyNetwork:
    """Render a currency network."""
    return pb.CurrencyNetwork(
        currency_network_id=network.currency_network_id,
        currency=network.currency,
        network=network.network,
        decimals=network.decimals,
    )


def _state(state: PlayerState) -> pb.PlayerState:
    return _PLAYER_STATES[state]


def _amount(amount_minor: int | None) -> str:
    return "" if amount_minor is None else str(amount_minor)


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    fill_timestamp(moment, timestamp)
    return timestamp


def fill_timestamp(moment: datetime, timestamp: Timestamp) -> None:
    """Fill a time into a message."""
    timestamp.seconds = int(moment.timestamp())
    timestamp.nanos = moment.microsecond * 1000
