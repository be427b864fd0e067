"""docs/asyncapi.yaml and docs/events.md against the code: its types, its readers, the messages that really go out.

Long because one document is held here to all that it tells of: code, page, broker, and the messages of both directions.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, ValidationError
from prometheus_client import CollectorRegistry
from support.events import NAMES, Platform, Published
from support.requests import Player, fail, fresh_id, settle
from support.sessions import sessions_of
from support.waiting import wait_until
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.events import EventType
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.messaging.cloudevents import BARE_SOURCE, CONTENT_TYPE, Delivery, open_envelope
from wallet_grpc.messaging.metrics import InboxMetrics, OutboxMetrics
from wallet_grpc.messaging.payment_events import TYPES, PaymentEvent, payment_event

DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
PAGE = (DOCS / "events.md").read_text(encoding="utf-8")

SENT = [event_type.value for event_type in EventType]
BYTES_MAX = 65_536


def resolved(node: Mapping[str, Any]) -> Any:
    """Follow a reference within the document, if it is one."""
    while "$ref" in node:
        found: Any = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


def references(node: Any) -> Iterator[str]:
    """Give all references in a part of the document."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


@cache
def validator(schema: str) -> Draft7Validator:
    """Make the validator of a schema by its name: a type, or a type with .data."""
    made = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    return Draft7Validator(made, format_checker=Draft7Validator.FORMAT_CHECKER)


def examples(event_type: str, message: str) -> list[Any]:
    """Give the payloads that are examples of a message."""
    found = resolved(DOCUMENT["channels"][event_type]["messages"][message])
    return [example["payload"] for example in found["examples"]]


def read(payload: Mapping[str, Any], *, routing_key: str, content_type: str) -> PaymentEvent:
    """Read a message as the consumer does."""
    delivery = Delivery(
        body=json.dumps(payload).encode(),
        content_type=content_type,
        message_id="m-1",
        routing_key=routing_key,
        headers={},
    )
    return payment_event(open_envelope(delivery, environment="TEST", bytes_max=BYTES_MAX))


# ------------------------------------------------------------------------------------------------------ the document


def test_it_is_an_asyncapi_document() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    assert DOCUMENT["defaultContentType"] == CONTENT_TYPE
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in {"send", "receive"}
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)


def test_every_reference_leads_somewhere_and_everything_is_referred_to() -> None:
    found = set(references(DOCUMENT))
    for reference in found:
        assert resolved({"$ref": reference})
    components = {f"#/components/{kind}/{name}" for kind, named in DOCUMENT["components"].items() for name in named}
    assert components - found == set()


def test_it_names_exactly_the_types_that_there_are() -> None:
    assert sorted(DOCUMENT["channels"]) == sorted([*TYPES, *SENT])
    operations = {
        (operation["action"], operation["channel"]["$ref"].rpartition("/")[2])
        for operation in DOCUMENT["operations"].values()
    }
    assert operations == {("receive", name) for name in TYPES} | {("send", name) for name in SENT}
    assert len(DOCUMENT["operations"]) == len(operations)


@pytest.mark.parametrize("event_type", [*TYPES, *SENT])
def test_a_channel_is_a_routing_key_of_its_exchange(event_type: str) -> None:
    channel = DOCUMENT["channels"][event_type]
    received = event_type in TYPES
    exchange = resolved(channel["bindings"])["amqp"]["exchange"]
    assert channel["address"] == event_type
    assert exchange["name"] == (NAMES.payments_exchange if received else NAMES.events_exchange)
    assert (exchange["type"], exchange["durable"]) == ("topic", True)
    assert set(channel["messages"]) == ({"cloudEvent", "bare"} if received else {"cloudEvent"})
    for message in map(resolved, channel["messages"].values()):
        assert message["name"] == event_type


@pytest.mark.parametrize("event_type", [*TYPES, *SENT])
def test_its_examples_are_valid(event_type: str) -> None:
    for name, reference in DOCUMENT["channels"][event_type]["messages"].items():
        message = resolved(reference)
        schema = message["payload"]["$ref"].rpartition("/")[2]
        assert schema == (f"{event_type}.data" if name == "bare" else event_type)
        assert message["contentType"] == ("application/json" if name == "bare" else CONTENT_TYPE)
        assert message["examples"]
        for payload in examples(event_type, name):
            validator(schema).validate(payload)


# ------------------------------------------------------------------------------------------------------ what comes in


@pytest.mark.parametrize("event_type", TYPES)
def test_what_it_shows_of_incoming_events_is_understood(event_type: str) -> None:
    for payload in examples(event_type, "cloudEvent"):
        event = read(payload, routing_key="payments.any", content_type=CONTENT_TYPE)
        assert (event.receipt.event_type, event.receipt.event_id) == (event_type, payload["id"])
        assert event.receipt.source == payload["source"]
        assert event.receipt.traceparent == payload["traceparent"]
    for payload in examples(event_type, "bare"):
        event = read(payload, routing_key=event_type, content_type="application/json")
        assert (event.receipt.event_type, event.receipt.event_id) == (event_type, "m-1")
        assert event.receipt.source == BARE_SOURCE


given_values = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2**64)
    | st.sampled_from(["", "0", "00", "01", "-1", "1.5", "9" * 19, "9" * 38, "9" * 39, "x" * 128, "x" * 129, "x" * 257])
    | st.integers(0, 2**64).map(str)
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
    | st.lists(st.integers(), max_size=1)
)


@given(st.sampled_from(TYPES), given_values, st.data())
def test_schema_and_reader_agree(event_type: str, value: object, draw: st.DataObject) -> None:
    """What the schema of an incoming event allows, the consumer understands; what it forbids is a dead letter."""
    schema = DOCUMENT["components"]["schemas"][f"{event_type}.data"]
    (whole,) = examples(event_type, "bare")
    data = whole | {draw.draw(st.sampled_from(sorted(schema["properties"]))): value}
    try:
        read(data, routing_key=event_type, content_type="application/json")
    except MalformedError:
        understood = False
    else:
        understood = True
    exact = validator(f"{event_type}.data").is_valid(data)
    if exact and not understood:  # the one rule that JSON Schema cannot tell: how large a string of digits may be
        assert isinstance(value, str)
        assert value.isdigit()
        assert int(value) >= 2**31
    else:
        assert exact == understood


@pytest.mark.parametrize("event_type", TYPES)
def test_a_field_that_is_left_out_is_refused_where_the_schema_says_so(event_type: str) -> None:
    (whole,) = examples(event_type, "bare")
    schema = DOCUMENT["components"]["schemas"][f"{event_type}.data"]
    assert set(whole) == set(schema["properties"]), "the example shows every field"
    for name in whole:
        data = {field: value for field, value in whole.items() if field != name}
        if name in schema["required"]:
            with pytest.raises(MalformedError):
                read(data, routing_key=event_type, content_type="application/json")
        else:
            read(data, routing_key=event_type, content_type="application/json")


# ------------------------------------------------------------------------------------------------------ what goes out


EVENTS = 44
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def told(platform: Platform) -> list[dict[str, Any]]:
    """What subscribers saw of a player who went through everything."""
    player = Player()
    sessions(platform, player)
    every_kind(platform.wallet, player)
    return platform.events_of(player, EVENTS)


def sessions(platform: Platform, player: Player) -> None:
    """Let a player play a session of each rail, with what comes late; the second one loses all that it locks."""
    platform.wallet.applied(player.deposit("100"))
    games = sessions_of(platform.wallet)
    play = games.open(player, "50")
    bet = play.bet("10")
    games.applied(bet)
    games.call(play.settle())
    win = play.win("20", of=bet)
    loose = play.win("1", win_kind=pb.WIN_KIND_JACKPOT)
    for request in (win, play.rollback(win), play.rollback(bet), loose, play.rollback(loose)):
        games.applied(request, late=True)
    platform.installation.command("rails", "set", "--source", "games", "--currency-network", "1", "--rail", "payments")
    play = games.open(player, "50")
    bet = play.bet("50")
    games.applied(bet)
    games.call(play.settle())
    games.applied(play.win("0", of=bet))  # moves nothing, and is told of by nothing


def every_kind(wallet: Wallet, player: Player) -> None:
    """Let a player go through all that makes an event, with each thing that may be left out and without it."""
    wallet.applied(player.deposit("1000", tx_hash=fresh_id("0x"), output_index=1))
    wallet.applied(player.deposit("1000"))
    wallet.applied(player.bet("0"))
    bet = player.bet("10")
    win = player.win("20", of=bet)
    spin = player.bet_and_win("5", "7")
    for request in (
        bet,
        win,
        player.rollback(win),
        player.rollback(bet),
        spin,
        player.rollback(spin, transaction_id=""),
    ):
        wallet.applied(request)
    lost = player.bet("10")
    wallet.applied(lost)
    wallet.applied(player.win("0", of=lost))
    wallet.applied(player.bet_and_win("5", "0"))
    for kind in (pb.WIN_KIND_FREE_ROUND, pb.WIN_KIND_JACKPOT, pb.WIN_KIND_PROMO):
        wallet.applied(player.win("1", win_kind=kind))
        loose = player.win("1", win_kind=kind, game_code="", round_id="")
        wallet.applied(loose)
    wallet.applied(player.rollback(loose))
    for ending in (
        lambda reservation: settle(reservation, "1", tx_hash="0xabc"),
        lambda reservation: settle(reservation, "0"),
        lambda reservation: fail(reservation, reason="no gas"),
        fail,
    ):
        reservation = player.reserve("40")
        wallet.applied(reservation)
        wallet.applied(ending(reservation))
    wallet.applied(player.adjust("5"))
    wallet.applied(player.adjust("5", pb.DIRECTION_DEBIT))
    for state in (pb.PLAYER_STATE_BLOCKED, pb.PLAYER_STATE_ACTIVE):
        wallet.send(player.state(state))
    stub, credentials = wallet.payments.stub, wallet.payments.credentials
    stub.ApplyDepositSettlement(player.deposit("5"), metadata=(*credentials, ("traceparent", TRACEPARENT)), timeout=10)


def test_every_message_that_goes_out_is_valid(told: list[dict[str, Any]]) -> None:
    assert {event["type"] for event in told} == set(SENT)
    assert len({event["id"] for event in told}) == len(told) == EVENTS
    for event in told:
        validator(event["type"]).validate(event)
    assert told[-1]["traceparent"] == TRACEPARENT


@pytest.mark.parametrize("event_type", SENT)
def test_every_field_that_it_tells_of_comes(told: list[dict[str, Any]], event_type: str) -> None:
    schema = DOCUMENT["components"]["schemas"][f"{event_type}.data"]
    comes = [event["data"].keys() for event in told if event["type"] == event_type]
    assert set().union(*comes) == set(schema["properties"])
    assert set.intersection(*map(set, comes)) == set(schema["required"])


def test_a_field_that_is_not_told_of_would_be_found(told: list[dict[str, Any]]) -> None:
    (event, *_) = told
    for changed in (event | {"new": 1}, event | {"data": event["data"] | {"new": 1}}):
        with pytest.raises(ValidationError):
            validator(event["type"]).validate(changed)


def test_what_sessions_tell(told: list[dict[str, Any]]) -> None:
    opened, settled = (
        [event["data"] for event in told if event["type"] == event_type]
        for event_type in (EventType.SESSION_OPENED, EventType.SESSION_SETTLED)
    )
    assert [data["rail"] for data in opened] == ["ledger", "payments"]
    for opening, end in zip(opened, settled, strict=True):
        assert opening["lockMinor"] == opening["amountMinor"]
        assert end["openingTxId"] == opening["txId"]
        assert end["transactionId"] == end["sessionToken"]
        assert end["payoutMinor"] == end["amountMinor"]
        assert int(end["netMinor"]) == int(end["payoutMinor"]) - int(end["lockMinor"])
        for name in ("sessionToken", "gameCode", "lockMinor", "rail", "source"):
            assert end[name] == opening[name]
    assert [data["netMinor"] for data in settled] == ["-10", "-50"]


def test_what_is_late_is_told_with_its_session(told: list[dict[str, Any]]) -> None:
    """And what is not late has none, and names by its txId what it takes back."""
    late = [event for event in told if "late" in event["data"]]
    assert [event["type"] for event in late] == [
        EventType.WIN_CREDITED,
        EventType.TRANSACTION_ROLLED_BACK,
        EventType.TRANSACTION_ROLLED_BACK,
        EventType.WIN_CREDITED,
        EventType.TRANSACTION_ROLLED_BACK,
    ]
    for event in late:
        for name in ("late", "sessionToken", "gameCode"):
            changed = event | {"data": {field: value for field, value in event["data"].items() if field != name}}
            assert not validator(event["type"]).is_valid(changed), name
    win, _, stake_back, *_ = (event["data"] for event in late)
    assert stake_back["referenceTransactionId"] == win["referenceTransactionId"]
    assert "reversesTxId" not in stake_back
    back = [event for event in told if event["type"] == EventType.TRANSACTION_ROLLED_BACK and event not in late]
    for event in back:
        data = {field: value for field, value in event["data"].items() if field != "reversesTxId"}
        assert not validator(event["type"]).is_valid(event | {"data": data})


def test_how_far_a_sequence_rises(told: list[dict[str, Any]]) -> None:
    """As docs/events.md tells subscribers: by one, by none where MAIN stays, by two for a whole bet-and-win."""
    last = 0
    for event in told:
        data = event["data"]
        if event["type"] == EventType.PLAYER_STATE_CHANGED:
            continue
        legs = [data["amountMinor"], data.get("winAmountMinor", "0")]
        rise = 0 if event["type"] == EventType.WITHDRAWAL_SETTLED else sum(leg != "0" for leg in legs)
        assert event["sequence"] == last + rise
        last = event["sequence"]


# ------------------------------------------------------------------------------------------------------ the page

BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$|^#+ (?P<heading>[^\n]*)$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`((?:payments|wallet)\.[a-z_.]+)`").fullmatch


def shown() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each JSON example of the page with the type that the heading above it names."""
    event_type = ""
    for block in BLOCK.finditer(PAGE):
        if block["heading"] is not None:
            named = NAMED(block["heading"])
            event_type = named[1] if named else ""
        elif block["language"] == "json":
            assert event_type, "a JSON example stands under the heading of its event"
            yield event_type, json.loads(block["text"])


def test_the_page_shows_every_event_once_or_more() -> None:
    assert {event_type for event_type, _ in shown()} == {*TYPES, *SENT}
    for event_type in TYPES:
        forms = {"specversion" in example for named, example in shown() if named == event_type}
        assert forms == {True, False}, "both forms of what comes in"


def test_what_the_page_shows_is_valid() -> None:
    for event_type, example in shown():
        validator(event_type if "specversion" in example else f"{event_type}.data").validate(example)


def test_the_page_tells_of_every_field() -> None:
    for event_type in (*TYPES, *SENT):
        section = PAGE[PAGE.index(f"### `{event_type}`") :].partition("\n### ")[0]
        for name in DOCUMENT["components"]["schemas"][f"{event_type}.data"]["properties"]:
            assert f'"{name}"' in section or f"`{name}`" in section, f"{event_type}: {name}"


def test_the_page_tells_of_every_metric_and_argument() -> None:
    registry = CollectorRegistry()
    InboxMetrics(registry)
    OutboxMetrics(registry)
    for metric in registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        assert name in PAGE
    for name, value in NAMES.payments_arguments.items():
        assert f"`{name}`" in PAGE
        assert str(value) in PAGE


def test_its_script_for_dead_letters_works_as_printed(platform: Platform, tmp_path: Path) -> None:
    (script,) = [block["text"] for block in BLOCK.finditer(PAGE) if block["language"] == "python"]
    (tmp_path / "publish_again.py").write_text(script, encoding="utf-8")

    def letters(*ids: str) -> str:
        done = subprocess.run(
            [sys.executable, str(tmp_path / "publish_again.py"), *ids],
            env=os.environ | {"WALLET_AMQP_URL": platform.bus.amqp_url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    first, second = (
        Published.bare(TYPES[0], {"depositId": "d", "amountMinor": 5}, message_id=fresh_id("event")) for _ in range(2)
    )
    platform.bus.publish(first, second)
    wait_until(lambda: platform.bus.waiting(NAMES.dead_letters) == 2, what="both are dead letters")
    assert letters().count("MISSING_FIELD") == 2
    wait_until(lambda: platform.bus.waiting(NAMES.dead_letters) == 2, what="both are still there")
    assert f"{first.message_id} was published again" in letters(str(first.message_id))
    again = platform.bus.dead_letters(2)
    assert {letter.message_id for letter in again} == {first.message_id, second.message_id}
    assert {letter.headers["x-wallet-routing-key"] for letter in again} == {TYPES[0]}
