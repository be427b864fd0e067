"""Event data: what subscribers will read of an event, as JSON (docs/rules.md, Events).

All events tell the same of their transaction; a kind of transaction adds its own facts. What does not apply is left
out, and amounts are strings. Nothing is told that the transaction does not keep: a relay reads it back, and an event is
the same to the byte however often and however late it is published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from wallet_grpc.domain.events import Event
from wallet_grpc.domain.transactions import Details, Kind, Transaction

Facts = dict[str, str | int | bool | None]

_encode = msgspec.json.Encoder().encode


class NetworkNames(NamedTuple):
    """What a currency network is called."""

    currency: str
    network: str


def event_data(event: Event, names: NetworkNames | None, occurred_at: str) -> str:
    """Render an event's data: with the names of its currency network, if it has one, and its time in RFC 3339."""
    transaction = event.transaction
    facts: Facts = {
        "transactionId": transaction.reference,
        "source": transaction.source,
        "playerId": transaction.owner_id,
        "occurredAt": occurred_at,
    }
    if names is not None:
        facts["txId"] = transaction.tx_id
        facts["currencyNetworkId"] = transaction.currency_network_id
        facts["currency"] = names.currency
        facts["network"] = names.network
        facts["amountMinor"] = str(event.amount_minor)
        facts["balanceAfterMinor"] = str(event.balance_after_minor)
    game = transaction.game
    if game.game_code:
        facts["gameCode"] = game.game_code
    if game.round_id:
        facts["roundId"] = game.round_id
    if transaction.kind is not Kind.BET:  # a bet has none of the following
        facts["referenceTransactionId"] = transaction.reference_transaction_id
        facts.update(_OF_ITS_KIND.get(transaction.kind, _nothing)(transaction))
        if transaction.details is not None:
            facts.update(_of_details(transaction.details))
        facts = {name: fact for name, fact in facts.items() if fact is not None}
    return _encode(facts).decode()


def _nothing(_: Transaction) -> Facts:
    return {}


def _of_a_win(transaction: Transaction) -> Facts:
    return {"winKind": transaction.variant, **_of_what_came_late(transaction)}


def _of_a_rollback(transaction: Transaction) -> Facts:
    return {
        "reversesTxId": transaction.reverses_tx_id,  # what was played in a session has no tx_id
        "winAmountMinor": _amount(transaction.win_amount_minor),
        **_of_what_came_late(transaction),
    }


def _of_what_came_late(transaction: Transaction) -> Facts:
    """Tell of a win or rollback that its session was settled before."""
    if transaction.details is None or not transaction.details.session_token:
        return {}
    return {"late": True, "gameCode": transaction.game.game_code}


def _of_a_withdrawal(transaction: Transaction) -> Facts:
    return {"withdrawalId": transaction.reference, "feeMinor": _amount(transaction.fee_minor)}


def _of_a_deposit(transaction: Transaction) -> Facts:
    return {"depositId": transaction.reference}


def _of_an_adjustment(transaction: Transaction) -> Facts:
    return {"direction": transaction.variant}


def _of_a_player_state(transaction: Transaction) -> Facts:
    return {"state": transaction.variant}


def _of_an_opening(transaction: Transaction) -> Facts:
    return {"lockMinor": str(transaction.amount_minor)}


def _of_a_settlement(transaction: Transaction) -> Facts:
    """Tell what was locked and what came of it: with rail `payments` it is mirrored on chain."""
    lock_minor, payout_minor = transaction.amount_minor, transaction.win_amount_minor
    assert payout_minor is not None
    return {
        "lockMinor": str(lock_minor),
        "payoutMinor": str(payout_minor),
        "netMinor": str(payout_minor - lock_minor),
        "openingTxId": transaction.reference_tx_id,
    }


_OF_ITS_KIND: Mapping[Kind, Callable[[Transaction], Facts]] = {
    Kind.WIN: _of_a_win,
    Kind.ROLLBACK: _of_a_rollback,
    Kind.WITHDRAWAL_RESERVATION: _of_a_withdrawal,
    Kind.WITHDRAWAL_SETTLEMENT: _of_a_withdrawal,
    Kind.WITHDRAWAL_FAILURE: _of_a_withdrawal,
    Kind.DEPOSIT: _of_a_deposit,
    Kind.ADJUSTMENT: _of_an_adjustment,
    Kind.PLAYER_STATE: _of_a_player_state,
    Kind.SESSION_OPENING: _of_an_opening,
    Kind.SESSION_SETTLEMENT: _of_a_settlement,
}


def _of_details(details: Details) -> Facts:
    return {
        "sessionToken": details.session_token or None,
        "rail": details.rail or None,
        "txHash": details.tx_hash or None,
        "outputIndex": details.output_index,
        "reason": details.reason or None,
        "actor": details.actor or None,
    }


def _amount(amount_minor: int | None) -> str | None:
    return None if amount_minor is None else str(amount_minor)
