"""What the wallet makes of a message: every field that may be wrong, by its name, and every form that is right.

Long because each wrong form of each field is a row.
"""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId, PlayerId
from wallet_grpc.domain.players.commands import ApplyDeposit, UnlocatedEnding
from wallet_grpc.messaging.cloudevents import Delivery, open_envelope
from wallet_grpc.messaging.payment_events import TYPES, Broadcast, PaymentEvent, payment_event

CLOUD_EVENT = "application/cloudevents+json"
BYTES_MAX = 65_536

DEPOSIT = {
    "depositId": "d-1",
    "playerId": 42,
    "currencyNetworkId": 1,
    "amountMinor": "100",
    "txHash": "0xabc",
    "outputIndex": 0,
}
BROADCASTED = {"withdrawalId": "w-1", "txHash": "0xabc"}
SETTLED = {"withdrawalId": "w-1", "feeMinor": "1", "txHash": "0xabc"}
FAILED = {"withdrawalId": "w-1", "reason": "no gas"}
DATA: dict[str, dict[str, Any]] = dict(zip(TYPES, (DEPOSIT, BROADCASTED, SETTLED, FAILED), strict=True))
DEPOSIT_SETTLED, WITHDRAWAL_BROADCASTED, WITHDRAWAL_SETTLED, WITHDRAWAL_FAILED = TYPES


def cloud_event(event_type: str = DEPOSIT_SETTLED, data: Any = None, **attributes: Any) -> dict[str, Any]:
    event = {"specversion": "1.0", "id": "e-1", "source": "/psp", "type": event_type, "data": data or DATA[event_type]}
    return {name: value for name, value in (event | attributes).items() if value is not None}


def delivery(body: Any, **properties: Any) -> Delivery:
    given = {"content_type": CLOUD_EVENT, "message_id": "m-1", "routing_key": DEPOSIT_SETTLED, "headers": {}}
    return Delivery(body=body if isinstance(body, bytes) else json.dumps(body).encode(), **(given | properties))


def read(message: Delivery) -> PaymentEvent:
    return payment_event(open_envelope(message, environment="TEST", bytes_max=BYTES_MAX))


def refused(message: Delivery) -> tuple[str, str]:
    with pytest.raises(MalformedError) as caught:
        read(message)
    refusal = caught.value.refusal
    assert refusal.message.startswith(refusal.metadata["field"])
    return refusal.reason.value, refusal.metadata["field"]


@pytest.mark.parametrize("event_type", TYPES)
def test_every_type_is_read_in_both_forms(event_type: str) -> None:
    enveloped = read(delivery(cloud_event(event_type), routing_key=event_type))
    bare = read(delivery(DATA[event_type], content_type="application/json", routing_key=event_type))
    assert enveloped.receipt.event_type == bare.receipt.event_type == event_type
    assert (enveloped.receipt.source, enveloped.receipt.event_id) == ("/psp", "e-1")
    assert (bare.receipt.source, bare.receipt.event_id) == ("payments", "m-1")
    assert enveloped.receipt.body_key == bare.receipt.body_key
    assert type(enveloped.action) is type(bare.action)


def test_a_deposit_becomes_the_command_of_its_call() -> None:
    command = read(delivery(cloud_event())).action
    assert command == ApplyDeposit(
        source="payments",
        deposit_id="d-1",
        player_id=42,
        currency_network_id=1,
        amount_minor=100,
        tx_hash="0xabc",
        output_index=0,
    )


def test_endings_and_broadcasts_name_their_withdrawal() -> None:
    settled = read(delivery(cloud_event(WITHDRAWAL_SETTLED)))
    failed = read(delivery(cloud_event(WITHDRAWAL_FAILED)))
    assert isinstance(settled.action, UnlocatedEnding)
    assert isinstance(failed.action, UnlocatedEnding)
    assert read(delivery(cloud_event(WITHDRAWAL_BROADCASTED))).action == Broadcast(withdrawal_id="w-1")
    assert settled.withdrawal_id == failed.withdrawal_id == "w-1"


IDS_AS_STRINGS = DEPOSIT | {"playerId": "42", "currencyNetworkId": "1", "outputIndex": "0"}


def test_ids_may_be_integers_or_strings_of_digits() -> None:
    assert read(delivery(cloud_event(data=IDS_AS_STRINGS))) == read(delivery(cloud_event()))
    by_number = read(delivery(cloud_event(data=DEPOSIT | {"depositId": 17})))
    by_string = read(delivery(cloud_event(data=DEPOSIT | {"depositId": "17"})))
    assert by_number == by_string
    assert by_number.action.deposit_id == "17"


@pytest.mark.parametrize("content_type", [None, "application/json", "application/json; charset=utf-8"])
def test_an_envelope_is_known_by_its_looks_as_well(content_type: str | None) -> None:
    assert read(delivery(cloud_event(), content_type=content_type)).receipt.event_id == "e-1"


def test_optional_facts_may_be_left_out_or_null() -> None:
    short = {name: DEPOSIT[name] for name in ("depositId", "playerId", "currencyNetworkId", "amountMinor")}
    command = read(delivery(cloud_event(data=short))).action
    assert (command.tx_hash, command.output_index) == ("", None)
    assert read(delivery(cloud_event(data=short | {"txHash": None, "outputIndex": None}))).action == command


TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_traceparent_is_carried_wherever_it_stands() -> None:
    assert read(delivery(cloud_event(traceparent=TRACEPARENT))).receipt.traceparent == TRACEPARENT
    by_header = delivery(DEPOSIT, content_type="application/json", headers={"traceparent": TRACEPARENT})
    assert read(by_header).receipt.traceparent == TRACEPARENT
    assert read(delivery(cloud_event(traceparent='"},{'))).receipt.traceparent is None


MALFORMED = {
    "not JSON": (delivery(b"{"), "INVALID_FIELD", "body"),
    "empty": (delivery(b""), "INVALID_FIELD", "body"),
    "not UTF-8": (delivery(b'{"a":"\xff"}'), "INVALID_FIELD", "body"),
    "bytes that are nothing": (delivery(b"\x00\x01\xfe"), "INVALID_FIELD", "body"),
    "an array": (delivery([DEPOSIT]), "INVALID_FIELD", "body"),
    "a number": (delivery(b"7"), "INVALID_FIELD", "body"),
    "deep": (delivery(b"[" * 30_000), "INVALID_FIELD", "body"),
    "too large": (delivery(cloud_event(data=DEPOSIT | {"note": "x" * BYTES_MAX})), "INVALID_FIELD", "body"),
    "a wrong content type": (delivery(cloud_event(), content_type="text/plain"), "INVALID_FIELD", "content_type"),
    "another version": (delivery(cloud_event(specversion="0.3")), "INVALID_FIELD", "specversion"),
    "no id": (delivery(cloud_event(id=None)), "MISSING_FIELD", "id"),
    "an empty id": (delivery(cloud_event(id="")), "MISSING_FIELD", "id"),
    "an id that is a number": (delivery(cloud_event(id=7)), "INVALID_FIELD", "id"),
    "a long id": (delivery(cloud_event(id="x" * 257)), "INVALID_FIELD", "id"),
    "an id with a NUL": (delivery(cloud_event(id="a\0b")), "INVALID_FIELD", "id"),
    "no source": (delivery(cloud_event(source=None)), "MISSING_FIELD", "source"),
    "no type": (delivery(cloud_event(type=None)), "MISSING_FIELD", "type"),
    "an unknown type": (delivery(cloud_event(type="payments.refund.made")), "INVALID_FIELD", "type"),
    "data that is text": (delivery(cloud_event(data="text")), "MISSING_FIELD", "data"),
    "an output's hash with a NUL": (
        delivery(cloud_event(data=DEPOSIT | {"txHash": "a\0b"})),
        "INVALID_FIELD",
        "txHash",
    ),
    "a deposit's id with a NUL": (
        delivery(cloud_event(data=DEPOSIT | {"depositId": "a\0b"})),
        "INVALID_FIELD",
        "depositId",
    ),
    "another environment": (delivery(cloud_event(environment="LIVE")), "ENVIRONMENT_MISMATCH", "environment"),
    "bare, without an id": (
        delivery(DEPOSIT, content_type="application/json", message_id=None),
        "MISSING_FIELD",
        "message_id",
    ),
    "bare, of an unknown type": (
        delivery(DEPOSIT, content_type="application/json", routing_key="payments.refund.made"),
        "INVALID_FIELD",
        "type",
    ),
    "bare, of another environment": (
        delivery(DEPOSIT, content_type="application/json", headers={"environment": "live"}),
        "ENVIRONMENT_MISMATCH",
        "environment",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_message_is_refused_by_what_is_wrong(case: str) -> None:
    message, reason, name = MALFORMED[case]
    assert refused(message) == (reason, name)


BINARY = {f"cloudEvents:{name}": value for name, value in cloud_event().items() if name != "data"}


def binary(data: Any = None, **attributes: Any) -> Delivery:
    """A delivery in binary mode: the attributes are headers, the body is the data."""
    headers = BINARY | {f"cloudEvents:{name}": value for name, value in attributes.items()}
    headers = {name: value for name, value in headers.items() if value is not None}
    return delivery(data or DEPOSIT, content_type="application/json", routing_key="payments.any", headers=headers)


@pytest.mark.parametrize("prefix", ["cloudEvents:", "cloudEvents_", "CloudEvents:"])
def test_binary_mode_is_read_as_structured_mode_is(prefix: str) -> None:
    headers = {name.replace("cloudEvents:", prefix): value for name, value in BINARY.items()}
    message = delivery(DEPOSIT, content_type="application/json", routing_key="payments.any", headers=headers)
    assert read(message) == read(delivery(cloud_event()))
    assert read(binary(traceparent=TRACEPARENT)).receipt.traceparent == TRACEPARENT


BINARY_REFUSED = {
    "another environment": (binary(environment="LIVE"), "ENVIRONMENT_MISMATCH", "environment"),
    "an environment that is no text": (binary(environment=7), "ENVIRONMENT_MISMATCH", "environment"),
    "no version": (binary(specversion=None), "INVALID_FIELD", "specversion"),
    "another version": (binary(specversion="0.3"), "INVALID_FIELD", "specversion"),
    "no id": (binary(id=None), "MISSING_FIELD", "id"),
    "an id that is bytes": (binary(id=b"\xff"), "INVALID_FIELD", "id"),
    "no type": (binary(type=None), "MISSING_FIELD", "type"),
    "a body that is an event as well": (binary(cloud_event()), "INVALID_FIELD", "body"),
    "data that names a field twice": (binary(b'{"depositId": "1", "depositId": "2"}'), "INVALID_FIELD", "body"),
    "two environments": (
        delivery(cloud_event(environment="TEST"), headers={"cloudEvents:environment": "LIVE"}),
        "ENVIRONMENT_MISMATCH",
        "environment",
    ),
    "another environment beside a structured event": (
        delivery(cloud_event(), headers={"environment": "LIVE"}),
        "ENVIRONMENT_MISMATCH",
        "environment",
    ),
    "an attribute in two ways": (
        delivery(DEPOSIT, content_type="application/json", headers=BINARY | {"cloudEvents_id": "other"}),
        "INVALID_FIELD",
        "id",
    ),
}


@pytest.mark.parametrize("case", BINARY_REFUSED)
def test_binary_mode_that_is_wrong_is_refused(case: str) -> None:
    message, reason, name = BINARY_REFUSED[case]
    assert refused(message) == (reason, name)


@pytest.mark.parametrize("message", [delivery(cloud_event()), delivery(DEPOSIT, content_type=None), binary()])
def test_live_wants_the_environment_said(message: Delivery) -> None:
    with pytest.raises(MalformedError, match="environment"):
        open_envelope(message, environment="LIVE", bytes_max=BYTES_MAX)
    said = replace(message, headers=dict(message.headers) | {"environment": "live"})
    open_envelope(said, environment="LIVE", bytes_max=BYTES_MAX)


DOUBLED = [
    b'{"specversion": "1.0", "id": "1", "id": "2", "source": "s", "type": "t", "data": {}}',
    b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"amountMinor": "1", "amountMinor": "2"}}',
    b'{"depositId": "1", "more": [{"a": {"b": 1, "\\u0062": 2}}]}',
]


@pytest.mark.parametrize("body", DOUBLED)
def test_a_name_that_stands_twice_is_malformed_at_any_depth(body: bytes) -> None:
    assert refused(delivery(body)) == ("INVALID_FIELD", "body")
    assert refused(delivery(body, content_type="application/json")) == ("INVALID_FIELD", "body")


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e400}', b"\xef\xbb\xbf{}", b'{"a": 1,}'])
def test_what_only_some_readers_take_for_json_is_malformed(body: bytes) -> None:
    assert refused(delivery(body)) == ("INVALID_FIELD", "body")


def test_a_backslash_before_u0000_is_a_text_like_any_other() -> None:
    data = FAILED | {"reason": "see \\u0000 and \\\\u0000", "note": "C:\\u0000"}
    event = read(delivery(cloud_event(WITHDRAWAL_FAILED, data)))
    assert json.loads(event.receipt.body)["note"] == "C:\\u0000"


# What the database could not look into, and what is kept of it.
UNSTORABLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a value": ({"note": "a\0b"}, {"note": "a b"}),
    "a name": ({"a\0b": 1}, {"a b": "1"}),
    "within a list": ({"notes": [["\0"]]}, {"notes": [[" "]]}),
    "a name far within": ({"notes": [{"a": {"\0": 1}}]}, {"notes": [{"a": {" ": 1}}]}),
    "half of a pair": ({"note": "\ud83d"}, {"note": " "}),
    "the other half, as a name": ({"notes": [{"\ude00": 1}]}, {"notes": [{" ": 1}]}),
}


@pytest.mark.parametrize("case", UNSTORABLE)
def test_what_the_database_could_not_keep_never_holds_money_back(case: str) -> None:
    given, kept = UNSTORABLE[case]
    event = read(delivery(cloud_event(data=DEPOSIT | given)))
    assert event.action == read(delivery(cloud_event())).action
    body = json.loads(event.receipt.body)
    assert {name: body[name] for name in kept} == kept


REASONS = {
    "line\nbreaks\tand \0": "line breaks and  ",
    "half a pair: \ud83d": "half a pair:  ",
    "zero\u200bwidth and no\u00a0break": "zero width and no break",
    "x" * 1_000: "x" * 256,
    "x" * 255 + "\U0001f600 cut": "x" * 255 + "\U0001f600",
}


@pytest.mark.parametrize(
    ("given", "kept"), [(42, "42"), (["a\0"], '["a "]'), ({"code": None}, '{"code":null}'), (None, "")]
)
def test_a_reason_that_is_no_text_is_kept_as_its_json(given: object, kept: str) -> None:
    failed = read(delivery(cloud_event(WITHDRAWAL_FAILED, FAILED | {"reason": given})))
    assert isinstance(failed.action, UnlocatedEnding)
    assert failed.action.located(PlayerId(1), CurrencyNetworkId(1)).reason == kept


@pytest.mark.parametrize("given", REASONS)
def test_what_a_reason_is_like_never_holds_money_back(given: str) -> None:
    failed = read(delivery(cloud_event(WITHDRAWAL_FAILED, FAILED | {"reason": given})))
    assert isinstance(failed.action, UnlocatedEnding)
    assert failed.action.located(PlayerId(1), CurrencyNetworkId(1)).reason == REASONS[given]
    assert json.loads(failed.receipt.body)["reason"] == REASONS[given]
    settled = read(delivery(cloud_event(WITHDRAWAL_SETTLED, SETTLED | {"txHash": given})))
    assert isinstance(settled.action, UnlocatedEnding)
    told = {name: value for name, value in DEPOSIT.items() if name != "outputIndex"} | {"txHash": given}
    assert read(delivery(cloud_event(data=told))).action.tx_hash == REASONS[given]


FIELDS = [
    (DEPOSIT_SETTLED, "depositId", None, "MISSING_FIELD"),
    (DEPOSIT_SETTLED, "depositId", "", "MISSING_FIELD"),
    (DEPOSIT_SETTLED, "depositId", "two words", "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "depositId", "x" * 129, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "depositId", True, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "depositId", 1.5, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "playerId", None, "MISSING_FIELD"),
    (DEPOSIT_SETTLED, "playerId", 0, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "playerId", -1, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "playerId", 2**63, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "playerId", "9" * 30, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "playerId", "4 2", "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "playerId", "٤٢", "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "playerId", 42.0, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "playerId", True, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "playerId", [42], "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "currencyNetworkId", None, "MISSING_FIELD"),
    (DEPOSIT_SETTLED, "currencyNetworkId", 2**31, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "amountMinor", None, "MISSING_FIELD"),
    (DEPOSIT_SETTLED, "amountMinor", 100, "INVALID_AMOUNT"),
    (DEPOSIT_SETTLED, "amountMinor", "0", "INVALID_AMOUNT"),
    (DEPOSIT_SETTLED, "amountMinor", "1.5", "INVALID_AMOUNT"),
    (DEPOSIT_SETTLED, "amountMinor", "-1", "INVALID_AMOUNT"),
    (DEPOSIT_SETTLED, "amountMinor", "1" * 39, "INVALID_AMOUNT"),
    (DEPOSIT_SETTLED, "txHash", 7, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "txHash", "x" * 257, "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "txHash", "a\nb", "INVALID_FIELD"),
    (DEPOSIT_SETTLED, "outputIndex", -1, "INVALID_FIELD"),
    (WITHDRAWAL_BROADCASTED, "withdrawalId", None, "MISSING_FIELD"),
    (WITHDRAWAL_SETTLED, "withdrawalId", "", "MISSING_FIELD"),
    (WITHDRAWAL_SETTLED, "feeMinor", None, "MISSING_FIELD"),
    (WITHDRAWAL_SETTLED, "feeMinor", "one", "INVALID_AMOUNT"),
    (WITHDRAWAL_FAILED, "withdrawalId", None, "MISSING_FIELD"),
]


@pytest.mark.parametrize(("event_type", "name", "value", "reason"), FIELDS)
def test_a_wrong_field_is_refused_by_its_name(event_type: str, name: str, value: object, reason: str) -> None:
    data = DATA[event_type] | {name: value}
    assert refused(delivery(cloud_event(event_type, data))) == (reason, name)


def test_another_body_has_another_key_and_the_same_one_the_same() -> None:
    first = read(delivery(cloud_event())).receipt
    turned = read(delivery(cloud_event(data=dict(reversed(DEPOSIT.items()))))).receipt
    other = read(delivery(cloud_event(data=DEPOSIT | {"amountMinor": "101"}))).receipt
    assert first == turned
    assert first.key == other.key
    assert first.body_key != other.body_key


def test_a_hash_in_another_case_is_no_other_body_and_stays_as_it_was_sent() -> None:
    digits = "aB" * 32
    read_as = {
        spelled: read(delivery(cloud_event(data=DEPOSIT | {"txHash": spelled})))
        for spelled in (digits, f"0x{digits.lower()}")
    }
    one, other = read_as.values()
    assert one.receipt.body_key == other.receipt.body_key
    assert one.action.output_key == other.action.output_key  # type: ignore[union-attr]
    assert [json.loads(event.receipt.body)["txHash"] for event in read_as.values()] == list(read_as)
    assert [event.action.tx_hash for event in read_as.values()] == list(read_as)  # type: ignore[union-attr]
    for another in (digits[1:], "Qm" + digits[2:]):
        same_letters = [read(delivery(cloud_event(data=DEPOSIT | {"txHash": it}))) for it in (another, another.lower())]
        assert len({event.receipt.body_key for event in same_letters}) == 2


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        read(delivery(body))


def test_no_depth_does_more_than_be_refused() -> None:
    """Between what can be read and what can be written again lies a depth or two."""
    whole = json.dumps(cloud_event(data=DEPOSIT | {"note": "deep"})).encode()
    named = set()
    for depth in range(1, 1100):
        try:
            named.add(read(delivery(whole.replace(b'"deep"', b"[" * depth + b"]" * depth))).receipt.event_type)
        except MalformedError as error:
            named.add(error.refusal.metadata["field"])
    assert {DEPOSIT_SETTLED, "body"} <= named <= {DEPOSIT_SETTLED, "data", "body"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(TYPES), st.data())
def test_no_json_does_more_than_be_refused(event_type: str, draw: st.DataObject) -> None:
    names = st.sampled_from(sorted(DATA[event_type])) | st.text(max_size=5)
    data = DATA[event_type] | draw.draw(st.dictionaries(names, json_values, max_size=3))
    message = delivery(cloud_event(event_type, data))
    try:
        named = read(message).receipt.event_type
    except MalformedError as error:
        named = error.refusal.metadata["field"]
    assert named in {event_type, "data", *DATA[event_type]}
