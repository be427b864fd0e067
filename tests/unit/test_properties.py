"""What is read of the bytes beside a body: never an error, and never more than was written."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands
from pamqp.header import ContentHeader
from support.amqp import array, long, properties, short, table

from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.messaging.frames import RawDelivery
from wallet_grpc.messaging.letters import letter_of
from wallet_grpc.messaging.properties import read_properties

BROKEN = {
    "nothing": (b"", "properties", "is cut off"),
    "flags alone": (b"\xff\xfc", "content_type", "is cut off"),
    "unknown flags": (b"\x00\x02", "properties", "flags"),
    "more flags": (b"\x00\x01\x00\x00", "properties", "flags"),
    "bytes behind": (properties(type="t") + b"?", "properties", "after the last"),
    "a text cut off": (properties(type=b"\x05four"), "type", "is cut off"),
    "an unknown type": (properties(headers=table((b"a", b"Z1"))), "headers", "unknown type"),
    "a table cut off": (properties(headers=b"\0\0\0\x09\x01"), "headers", "is cut off"),
    "a negative length": (properties(headers=table((b"a", b"S\xff\xff\xff\xf0"))), "headers", "is cut off"),
    "a negative table": (properties(headers=b"\xff\xff\xff\xf0"), "headers", "is cut off"),
    "a table that ends too soon": (
        properties(headers=b"\0\0\0\x06\x01aI\0\0\0\0\1"),
        "headers",
        "within a value",
    ),
    "an array that ends too soon": (
        properties(headers=table((b"a", b"A\0\0\0\x02I\0\0\0\1"))),
        "headers",
        "within a value",
    ),
    "too many": (properties(headers=table((b"a", array(*[b"V"] * 2_000)))), "headers", "at most 1000 values"),
    "a name twice": (properties(headers=table((b"a", b"V"), (b"a", b"t\1"))), "headers", "twice"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_told_by_its_property(case: str) -> None:
    data, name, what = BROKEN[case]
    fault = read_properties(data).fault
    assert fault is not None
    assert fault.metadata == {"field": name}
    assert what in fault.message


def test_tables_are_not_read_without_an_end() -> None:
    inner = b"V"
    for _ in range(20_000):
        inner = long(short(b"a") + inner, b"F")
    fault = read_properties(properties(headers=inner[1:])).fault
    assert fault is not None
    assert "nested" in fault.message


def test_what_was_read_before_a_fault_is_there() -> None:
    read = read_properties(properties(content_type="a/b", message_id=short(b"\xffid"), type=b"\x09cut"))
    assert read.values == {"content_type": "a/b", "message_id": "\\xffid", "undecoded": "CWN1dA=="}
    assert read.fault is not None
    assert read.fault.metadata == {"field": "message_id"}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
short_texts = st.text(min_size=1, max_size=60)


@given(
    st.dictionaries(st.sampled_from(["content_type", "message_id", "message_type", "app_id"]), short_texts),
    st.dictionaries(st.text(max_size=20), values, max_size=4),
)
def test_it_reads_what_the_client_library_writes(texts: dict[str, str], headers: dict[str, Any]) -> None:
    written = commands.Basic.Properties(headers=headers or None, **texts).marshal()
    read = read_properties(written)
    assert read.fault is None
    assert read.headers == headers
    named = {"type" if name == "message_type" else name: value for name, value in texts.items()}
    assert {name: value for name, value in read.values.items() if name != "headers"} == named


deliveries = st.binary(max_size=400) | st.binary(max_size=60).map(lambda tail: b"\xff\xfc" + tail)


@given(deliveries, st.binary(max_size=255), st.sampled_from([4_096, 131_072]))
def test_a_letter_can_be_made_of_any_bytes_and_fits_a_frame(data: bytes, routing_key: bytes, frame_bytes: int) -> None:
    assert header_bytes(data, routing_key, frame_bytes) <= frame_bytes


@pytest.mark.parametrize("frame_bytes", [4_096, 131_072])
@pytest.mark.parametrize("value", [b"\xff", b"\\", b"\x00", "é".encode(), b"x"])
def test_a_letter_fits_a_frame_however_full_the_senders_was(frame_bytes: int, value: bytes) -> None:
    size = frame_bytes - 300
    one = properties(headers=table((b"a", long(value * (size // len(value))))), content_type="t" * 255)
    many = properties(headers=table(*((b"%d" % number, long(value)) for number in range(size // 14))))
    faulty = properties(
        headers=table((b"a", long(value * (size // 2 // len(value))))), correlation_id=short(b"\xff" * 255),
        message_id="m" * 255, type=short(b"\xff" * 255)
    )  # fmt: skip
    for data in (one, many, faulty):
        assert header_bytes(data, b"\xff" * 255, frame_bytes) <= frame_bytes


def header_bytes(data: bytes, routing_key: bytes, frame_bytes: int) -> int:
    """Return how large the frame of a letter's headers is."""
    delivery = RawDelivery(delivery_tag=1, routing_key=routing_key, properties=data, body=b"{}", body_bytes=2)
    refusal = Refusal(reason=Reason.INVALID_FIELD, message="é" * 5_000)
    letter = letter_of(delivery, read_properties(data), refusal, frame_bytes_max=frame_bytes)
    return len(ContentHeader(properties=letter.properties, body_size=2).marshal()) + 8


def test_a_timestamp_may_be_in_milliseconds_but_not_in_microseconds() -> None:
    assert read_properties(properties(timestamp=struct.pack(">Q", 1_764_000_000_000))).fault is None
    assert read_properties(properties(timestamp=struct.pack(">Q", 1_764_000_000_000_000))).fault is not None


def test_values_that_json_has_no_number_for_are_texts() -> None:
    for kind, size in ((b"d", ">d"), (b"f", ">f")):
        written = table(
            (b"a", array(*(kind + struct.pack(size, value) for value in (float("nan"), float("-inf"), 0.5))))
        )
        assert read_properties(properties(headers=written)).headers == {"a": ["nan", "-inf", 0.5]}


def test_behind_headers_that_cannot_be_read_the_properties_still_are() -> None:
    headers = table((b"good", long(b"1")), (b"bad", b"Z"), (b"lost", b"V"))
    read = read_properties(properties(headers=headers, message_id="m-1"))
    assert read.headers["good"] == "1"
    assert read.text("message_id") == "m-1"
    assert read.fault is not None
