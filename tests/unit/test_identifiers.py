"""Keys that make ids unique, and the wallet's own transaction ids (RFC 9562, UUIDv7)."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wallet_grpc.domain.decisions import Moment
from wallet_grpc.domain.identifiers import (
    CurrencyNetworkId,
    PlayerId,
    Source,
    TxIdSequence,
    caller_key,
    deposit_key,
    first_id_at,
    hash_key,
    round_key,
    unix_ms_of,
    withdrawal_ending_key,
    withdrawal_key,
)

ids = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128)
clocks = st.lists(st.integers(min_value=0, max_value=2**48 - 2), min_size=1, max_size=50)


def test_an_id_carries_the_millisecond_that_its_moment_is_in() -> None:
    """From 2038 on the seconds of one in four whole milliseconds are, as a float, just below it."""
    now = datetime(2038, 6, 7, 10, 45, 14, 319_000, tzinfo=UTC)
    assert int(now.timestamp() * 1000) % 1000 == 318, "a float of this time has to round down"
    tx_id = Moment(now=now, tx_ids=TxIdSequence()).next_tx_id()
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=uuid.UUID(tx_id).int >> 80) == now
    assert unix_ms_of(now + timedelta(microseconds=999)) == unix_ms_of(now)
    assert unix_ms_of(now - timedelta(microseconds=1)) == unix_ms_of(now) - 1


@given(st.datetimes(timezones=st.just(UTC)), st.timedeltas())
def test_ids_of_any_time_begin_somewhere(moment: datetime, later_by: timedelta) -> None:
    """Whoever asks may name any time; what lies outside all ids lies before or after all of them."""
    milliseconds = timedelta(milliseconds=1)
    begins_ms = uuid.UUID(first_id_at(moment, later_by)).int >> 80
    wanted_ms = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // milliseconds + later_by // milliseconds
    assert begins_ms == min(max(wanted_ms, 0), 2**48 - 1)
    assert first_id_at(moment) == first_id_at(moment, timedelta(0))


@given(clocks)
def test_tx_ids_only_grow_whatever_the_clock_does(clock: list[int]) -> None:
    sequence = TxIdSequence()
    made = [sequence.next(unix_ms) for unix_ms in clock for _ in range(3)]
    assert all(before < after for before, after in pairwise(made))


@given(clocks)
def test_tx_ids_are_version_7_in_canonical_form(clock: list[int]) -> None:
    sequence = TxIdSequence()
    for unix_ms in clock:
        text = sequence.next(unix_ms)
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert parsed.version == 7
        assert parsed.variant == uuid.RFC_4122


@given(st.lists(st.integers(min_value=1, max_value=2**47), min_size=1, max_size=20))
def test_tx_ids_carry_the_time_as_long_as_it_goes_on(steps: list[int]) -> None:
    sequence = TxIdSequence()
    unix_ms = 0
    for step in steps:
        unix_ms = min(unix_ms + step, 2**48 - 2)
        assert uuid.UUID(sequence.next(unix_ms)).int >> 80 >= unix_ms
    fresh = TxIdSequence()
    assert uuid.UUID(fresh.next(unix_ms)).int >> 80 == unix_ms


def test_tx_ids_of_one_millisecond_leave_room_for_a_million_more() -> None:
    sequence = TxIdSequence()
    made = [sequence.next(1_700_000_000_000) for _ in range(20_000)]
    assert len(set(made)) == len(made)
    assert {uuid.UUID(text).int >> 80 for text in made} == {1_700_000_000_000}


def test_two_processes_share_no_ids() -> None:
    one, other = TxIdSequence(), TxIdSequence()
    made = [sequence.next(1_700_000_000_000) for _ in range(5_000) for sequence in (one, other)]
    assert len(set(made)) == len(made)


@given(ids, ids)
def test_a_key_is_one_of_the_namespace_and_the_id(source: str, name: str) -> None:
    keys = [
        caller_key(Source(source), name),
        deposit_key(name),
        withdrawal_key(name),
        withdrawal_ending_key(name),
        round_key(Source(source), PlayerId(1), CurrencyNetworkId(1), name, name),
    ]
    assert len(set(keys)) == len(keys)
    for key in keys:
        assert len(key) == 32
        int(key, 16)


@given(st.lists(ids, min_size=1, max_size=4), st.lists(ids, min_size=1, max_size=4))
def test_different_parts_have_different_keys(one: list[str], other: list[str]) -> None:
    assert (hash_key(*one) == hash_key(*other)) == (one == other)


def test_keys_of_released_ledgers_never_change() -> None:
    """They are stored: another hash would let every id be used once more."""
    assert caller_key(Source("games"), "b1") == "5f2127efd34df4f388be5e387b01093a"
    assert deposit_key("d1") == "c3a78f75b19bb6b66173160d69907727"
    assert withdrawal_key("p1") == "264ec75392c796ef0e69c28066be0bde"
    assert withdrawal_ending_key("p1") == "f56db2d4aed15d0e6fac8c26a41ed4cf"
    played = round_key(Source("games"), PlayerId(1), CurrencyNetworkId(1), "g1", "r1")
    assert played == "8e2a5db757c6f1a725cdb28dc929407e"
