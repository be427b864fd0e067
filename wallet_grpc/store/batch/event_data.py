"""Outbox rows: an event's `data` as the JSON that subscribers will read (docs/rules.md, Events)."""

from __future__ import annotations

import msgspec

from wallet_grpc.domain.events import Event
from wallet_grpc.domain.transactions import Kind, Transaction, WinKind
from wallet_grpc.store.reads.networks import CurrencyNetwork

_encode = msgspec.json.Encoder().encode


def event_data(event: Event, network: CurrencyNetwork | None, occurred_at: str) -> str:
    """Render an event's data, `occurred_at` in RFC 3339. Amounts are strings; what does not apply is left out."""
    transaction = event.transaction
    data: dict[str, str | int | bool] = {
        "transactionId": transaction.reference,
        "source": transaction.source,
        "playerId": transaction.owner_id,
        "occurredAt": occurred_at,
    }
    if network is not None:
        data["txId"] = transaction.tx_id
        data["currencyNetworkId"] = network.currency_network_id
        data["currency"] = network.currency
        data["network"] = network.network
        data["amountMinor"] = str(event.amount_minor)
        data["balanceAfterMinor"] = str(event.balance_after_minor)
    if transaction.game_code is not None:
        data["gameCode"] = transaction.game_code
    if transaction.round_id is not None:
        data["roundId"] = transaction.round_id
    if transaction.kind is not Kind.BET:
        _add_what_the_kind_adds(data, transaction)
    return _encode(data).decode()


def _add_what_the_kind_adds(data: dict[str, str | int | bool], transaction: Transaction) -> None:
    if transaction.reference_transaction_id is not None:
        data["referenceTransactionId"] = transaction.reference_transaction_id
    match transaction.kind:
        case Kind.WIN:
            assert isinstance(transaction.variant, WinKind)
            data["winKind"] = transaction.variant
        case Kind.ROLLBACK:
            if transaction.reverses_tx_id is not None:  # what was played in a session has no tx_id
                data["reversesTxId"] = transaction.reverses_tx_id
            if transaction.win_amount_minor is not None:
                data["winAmountMinor"] = str(transaction.win_amount_minor)
        case Kind.WITHDRAWAL_RESERVATION | Kind.WITHDRAWAL_SETTLEMENT | Kind.WITHDRAWAL_FAILURE:
            data["withdrawalId"] = transaction.reference
            if transaction.fee_minor is not None:
                data["feeMinor"] = str(transaction.fee_minor)
        case Kind.DEPOSIT:
            data["depositId"] = transaction.reference
        case Kind.ADJUSTMENT:
            data["direction"] = str(transaction.variant)
        case Kind.PLAYER_STATE:
            data["state"] = str(transaction.variant)
        case Kind.SESSION_OPENING | Kind.SESSION_SETTLEMENT:
            _add_session(data, transaction)
        case _:
            pass
    details = transaction.details
    if details is None:
        return
    if details.session_token:
        data["sessionToken"] = details.session_token
        if transaction.kind in {Kind.WIN, Kind.ROLLBACK}:
            data["late"] = True
            data["gameCode"] = transaction.game_code or ""
    if details.rail:
        data["rail"] = details.rail
    if details.tx_hash:
        data["txHash"] = details.tx_hash
    if details.output_index is not None:
        data["outputIndex"] = details.output_index
    if details.reason:
        data["reason"] = details.reason
    if details.actor:
        data["actor"] = details.actor


def _add_session(data: dict[str, str | int | bool], transaction: Transaction) -> None:
    """Tell what was locked and, of a settlement, what came of it: with rail `payments` it is mirrored on chain."""
    assert transaction.game_code is not None
    data["gameCode"] = transaction.game_code
    data["lockMinor"] = str(transaction.amount_minor)
    if transaction.kind is Kind.SESSION_SETTLEMENT:
        assert transaction.win_amount_minor is not None
        data["payoutMinor"] = str(transaction.win_amount_minor)
        data["netMinor"] = str(transaction.win_amount_minor - transaction.amount_minor)
        if transaction.reference_tx_id is not None:
            data["openingTxId"] = transaction.reference_tx_id
