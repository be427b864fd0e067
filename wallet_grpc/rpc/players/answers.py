"""Answers tell callers what became of players' money: outcomes and reads become messages."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from google.protobuf.timestamp_pb2 import Timestamp

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.accounts import AccountType, PlayerState
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.domain.transactions import Direction, Kind, TransactionStatus, WinKind
from wallet_grpc.rpc.operations import Answering
from wallet_grpc.rpc.status import status_of
from wallet_grpc.rpc.wire import OUTCOME_STATUSES, STORED_STATUSES, WIN_KIND_NUMBERS, fill_timestamp
from wallet_grpc.store.reads.networks import CurrencyNetwork
from wallet_grpc.store.reads.players import PlayerBalances, TransactionRecord

from .requests import DIRECTIONS, PLAYER_STATES

_DIRECTIONS = {direction: number for number, direction in DIRECTIONS.items()}
_PLAYER_STATES = {state: number for number, state in PLAYER_STATES.items()}


def operation_result(accepted: Accepted, into: pb.OperationResult) -> pb.OperationResult:
    """Fill the answer of a mutation into a message, which may stand inside another one already."""
    if accepted.tx_id is not None:
        into.tx_id = accepted.tx_id
    into.transaction_id = accepted.transaction_id
    into.status = OUTCOME_STATUSES[accepted.status]
    into.replayed = accepted.replayed
    if accepted.balance_after_minor is not None:
        into.balance_after_minor = str(accepted.balance_after_minor)
    if accepted.current_balance_minor is not None:
        into.current_balance_minor = str(accepted.current_balance_minor)
    fill_timestamp(accepted.created_at, into.created_at)
    return into


OPERATION_RESULT = Answering(Accepted, pb.OperationResult, operation_result)


def outcome(decided: Accepted | Refusal, into: pb.Outcome, request_id: str) -> pb.Outcome:
    """Fill the outcome of one operation of a batch or a stream into a message."""
    match decided:
        case Accepted():
            operation_result(decided, into.result)
        case Refusal():
            into.error.CopyFrom(status_of(decided, request_id))
        case _:
            assert_never(decided)
    return into


def balance(balances: PlayerBalances) -> pb.GetBalanceResponse:
    """Render a player's balances."""
    return pb.GetBalanceResponse(
        available_minor=str(balances.of(AccountType.MAIN)),
        withdraw_hold_minor=str(balances.of(AccountType.WITHDRAW_HOLD)),
        session_hold_minor=str(balances.of(AccountType.SESSION_HOLD)),
        bonus_minor=str(balances.of(AccountType.BONUS)),
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
        game_code=stored.game.game_code,
        round_id=stored.game.round_id,
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
        case _:
            assert_never(stored.variant)
    if stored.details is not None:
        message.tx_hash = stored.details.tx_hash
        message.reason = stored.details.reason
        message.actor = stored.details.actor
        message.session_token = stored.details.session_token
        if stored.details.output_index is not None:
            message.output_index = stored.details.output_index
    return message


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
