"""The Payments System's events, and the commands that they are (docs/rules.md, Events)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wallet_grpc.domain import fields
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId, PlayerId, Source, canonical_output_hash
from wallet_grpc.domain.players.commands import ApplyDeposit, UnlocatedEnding
from wallet_grpc.domain.receipts import Receipt, receipt_of
from wallet_grpc.domain.refusals import Reason, invalid
from wallet_grpc.domain.transactions import NO_METADATA

from .cloudevents import Envelope

DEPOSIT_SETTLED: Final = "payments.deposit.settled"
WITHDRAWAL_BROADCASTED: Final = "payments.withdrawal.broadcasted"
WITHDRAWAL_SETTLED: Final = "payments.withdrawal.settled"
WITHDRAWAL_FAILED: Final = "payments.withdrawal.failed"

LEDGER_SOURCE: Final = Source("payments")
"""The source of the transactions that events make; deposits and withdrawals are unique whoever tells of them."""

_INT64_MAX = 2**63 - 1
_INT32_MAX = 2**31 - 1
_encode = msgspec.json.Encoder(order="sorted").encode
_TOO_DEEP = invalid(Reason.INVALID_FIELD, "data", "must not be nested so deeply")

Data = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """A withdrawal is on its way: its state changes, and nothing is posted."""

    withdrawal_id: str


Action = ApplyDeposit | UnlocatedEnding | Broadcast


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEvent:
    """An event that was understood."""

    receipt: Receipt
    action: Action

    @property
    def withdrawal_id(self) -> str | None:
        """The withdrawal that the event is about; None for a deposit."""
        return None if isinstance(self.action, ApplyDeposit) else self.action.withdrawal_id


def payment_event(envelope: Envelope) -> PaymentEvent:
    """Read an event that has just come in.

    Raises:
        MalformedError: Its type is unknown, or a field is wrong.
    """
    data = _cleaned(envelope.data)
    action = _action(envelope.event_type, data)
    receipt = receipt_of(
        source=envelope.source,
        event_id=envelope.event_id,
        event_type=envelope.event_type,
        body=_canonical(data),
        compared_body=_canonical(_with_one_spelling(data)),
        traceparent=envelope.traceparent,
    )
    return PaymentEvent(receipt=receipt, action=action)


def stored_payment_event(receipt: Receipt) -> PaymentEvent:
    """Read an event from the inbox again."""
    return PaymentEvent(
        receipt=receipt, action=_action(receipt.event_type, msgspec.json.decode(receipt.body, type=dict[str, Any]))
    )


def _action(event_type: str, data: Data) -> Action:
    read = _READERS.get(event_type)
    if read is None:
        known = ", ".join(_READERS)
        raise MalformedError(invalid(Reason.INVALID_FIELD, "type", f"{event_type} is none of {known}"))
    return read(data)


def _cleaned(data: Data) -> Data:
    """Give data with its texts as they can be kept: what a text that is only told is like never holds money back.

    `reason` and `txHash` become printable. Beside an `outputIndex` a `txHash` names what is credited once, like an id:
    it stays as it is, and is judged when it is read.
    """
    told = ("reason",) if data.get("outputIndex") is not None else ("reason", "txHash")
    try:
        kept = {_storable(name): value if name == "txHash" else _storable(value) for name, value in data.items()}
        return kept | {name: _printable(data[name]) for name in told if data.get(name) is not None}
    except RecursionError:
        raise MalformedError(_TOO_DEEP) from None


def _storable(value: Any) -> Any:
    """Give a JSON value with a space for each character, of values and of names, that the database cannot keep."""
    if isinstance(value, str):
        return fields.storable(value)
    if isinstance(value, dict):
        return {_storable(name): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    return value


def _printable(value: Any) -> str:
    """Give the beginning of a text, with spaces for control characters and the like; what is no text, as its JSON."""
    text = value if isinstance(value, str) else _encode(_storable(value)).decode()
    text = text[: fields.TEXT_LENGTH_MAX]
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)


def _canonical(data: Data) -> str:
    """Render data so that the same event looks the same: keys sorted, integers as the strings that they may be."""
    plain = {key: str(value) if type(value) is int else value for key, value in data.items()}
    try:
        return _encode(plain).decode()
    except RecursionError:
        raise MalformedError(_TOO_DEEP) from None


def _with_one_spelling(data: Data) -> Data:
    """Spell a hash in the one way by which it is compared: another case of its hexadecimal digits is no other event."""
    tx_hash = data.get("txHash")
    return {**data, "txHash": canonical_output_hash(tx_hash)} if isinstance(tx_hash, str) else data


def _deposit_settled(data: Data) -> ApplyDeposit:
    return ApplyDeposit(
        source=LEDGER_SOURCE,
        deposit_id=_id(data, "depositId"),
        player_id=PlayerId(_number(data, "playerId", 1, _INT64_MAX)),
        currency_network_id=CurrencyNetworkId(_number(data, "currencyNetworkId", 1, _INT32_MAX)),
        amount_minor=fields.positive_amount(_required_string(data, "amountMinor"), "amountMinor"),
        tx_hash=_text(data, "txHash"),
        output_index=None if data.get("outputIndex") is None else _number(data, "outputIndex", 0, _INT32_MAX),
        metadata=NO_METADATA,
    )


def _withdrawal_broadcasted(data: Data) -> Broadcast:
    _text(data, "txHash")
    return Broadcast(withdrawal_id=_id(data, "withdrawalId"))


def _withdrawal_settled(data: Data) -> UnlocatedEnding:
    return UnlocatedEnding.settle(
        source=LEDGER_SOURCE,
        withdrawal_id=_id(data, "withdrawalId"),
        fee_minor=fields.amount(_required_string(data, "feeMinor"), "feeMinor"),
        tx_hash=_text(data, "txHash"),
        metadata=NO_METADATA,
    )


def _withdrawal_failed(data: Data) -> UnlocatedEnding:
    return UnlocatedEnding.fail(
        source=LEDGER_SOURCE,
        withdrawal_id=_id(data, "withdrawalId"),
        reason=_text(data, "reason"),
        metadata=NO_METADATA,
    )


_READERS: Mapping[str, Callable[[Data], Action]] = {
    DEPOSIT_SETTLED: _deposit_settled,
    WITHDRAWAL_BROADCASTED: _withdrawal_broadcasted,
    WITHDRAWAL_SETTLED: _withdrawal_settled,
    WITHDRAWAL_FAILED: _withdrawal_failed,
}
TYPES: Final = tuple(_READERS)


def _id(data: Data, name: str) -> str:
    """Read an id; a JSON integer is the string of its digits."""
    given = data.get(name)
    value = str(given) if type(given) is int else given
    if value is not None and not isinstance(value, str):
        raise MalformedError(invalid(Reason.INVALID_FIELD, name, "must be a string or an integer"))
    return fields.identifier(value or "", name)


def _number(data: Data, name: str, least: int, most: int) -> int:
    """Read a number that is a JSON integer or a string of digits."""
    given = data.get(name)
    if given is None or given == "":
        raise MalformedError(invalid(Reason.MISSING_FIELD, name, "is required"))
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= len(str(most)):
        given = int(given)
    if type(given) is not int or not least <= given <= most:
        raise MalformedError(
            invalid(Reason.INVALID_FIELD, name, f"must be an integer from {least} to {most}, or a string of its digits")
        )
    return given


def _required_string(data: Data, name: str) -> str:
    given = data.get(name)
    if given is None:
        raise MalformedError(invalid(Reason.MISSING_FIELD, name, "is required"))
    if not isinstance(given, str):
        raise MalformedError(invalid(Reason.INVALID_AMOUNT, name, "must be a string of digits"))
    return given


def _text(data: Data, name: str) -> str:
    given = data.get(name)
    if given is None:
        return ""
    if not isinstance(given, str):
        raise MalformedError(invalid(Reason.INVALID_FIELD, name, "must be a string"))
    return fields.text(given, name)
