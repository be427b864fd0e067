"""Holds what the wallet says against what the model says: every field, the wallet's own names by what they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from model.core import Answer, No, Unknown
from model.wallet import Model
from support.refusals import Refusal, check_refusal


def check(model: Model, expected: Answer | No, told: Any) -> None:
    """Assert that an answer or a refusal is what the model says."""
    if isinstance(expected, No):
        refusal = check_refusal(told, expected.reason)
        metadata = {name: value for name, value in refusal.metadata.items() if name != "retry"}
        assert metadata == expected.metadata, f"its metadata is {metadata}"
        return
    assert not isinstance(told, Refusal), "it was refused"
    assert isinstance(told, expected.message), f"it is a {type(told).__name__}"
    check_fields(model, expected.fields, told)


def check_fields(model: Model, expected: Mapping[str, Any], told: Message) -> None:
    """Assert that every field of a message is what the model says; none may be left out."""
    names = [descriptor.name for descriptor in told.DESCRIPTOR.fields]
    assert sorted(expected) == sorted(names), "the model forgets a field"
    for name, wanted in expected.items():
        check_value(model, name, wanted, getattr(told, name))


def check_value(model: Model, name: str, wanted: Any, value: Any) -> None:
    """Assert that a value is what the model says."""
    if isinstance(value, Timestamp):
        assert value.seconds > 0, f"{name} is not set"
        value = value.ToNanoseconds()
    if isinstance(wanted, Unknown):
        known = model.learn(wanted, value)
        assert value == known, f"{name} is {value}, and was {known}"
    elif isinstance(wanted, list):
        check_list(model, name, wanted, value)
    elif isinstance(wanted, dict):
        assert dict(value) == wanted, f"{name} is {value}, not {wanted}"
    else:
        assert value == wanted, f"{name} is {value!r}, not {wanted!r}"


def check_list(model: Model, name: str, wanted: Sequence[Mapping[str, Any]], told: Sequence[Message]) -> None:
    """Assert that a list of messages is what the model says."""
    assert len(told) == len(wanted), f"{name} has {len(told)} rows, not {len(wanted)}: {told}"
    for number, (one, message) in enumerate(zip(wanted, told, strict=True)):
        try:
            check_fields(model, one, message)
        except AssertionError as error:
            raise AssertionError(f"{name}[{number}]: {error}\nexpected {one}\ngot {message}") from error


def check_events(model: Model, told: Sequence[tuple[str, int, int, Mapping[str, Any]]]) -> None:
    """Assert that events (type, player, sequence, data) are those of the model, for each player in their order."""
    expected = [(one.event_type, one.player_id, one.sequence, one.data) for one in model.books.events]
    for player_id in {one[1] for one in (*expected, *told)}:
        wanted = [one for one in expected if one[1] == player_id]
        found = [one for one in told if one[1] == player_id]
        heads, wanted_heads = [one[:3] for one in found], [one[:3] for one in wanted]
        assert heads == wanted_heads, f"the events of {player_id} are {heads}\nexpected {wanted_heads}"
        for (event_type, _, _, data), (*_, given) in zip(wanted, found, strict=True):
            known = {
                name: model.learn(value, given.get(name)) if isinstance(value, Unknown) else value
                for name, value in data.items()
            }
            rest = dict(given)
            assert rest.pop("occurredAt"), event_type
            assert rest == known, f"{event_type}: {rest}\nexpected {known}"
