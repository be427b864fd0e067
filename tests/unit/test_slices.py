"""Slices of several cells: put together in order, none left out and none twice, wherever each cell stopped to look."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_grpc.domain.cells import Cell
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.rpc.backoffice.pages import (
    Part,
    network_part,
    number_part,
    read_token,
    text_part,
    time_part,
    uuid_part,
    write_token,
)
from wallet_grpc.store.backoffice.slices import CellSlice, Placed, merge

CELLS = st.lists(
    st.lists(st.tuples(st.integers(0, 200), st.booleans()), unique_by=lambda it: it[0]), min_size=1, max_size=4
)
"""What each cell has: places, and whether the row at it is wanted."""


def walk(
    cells: list[list[tuple[int, bool]]], *, rows_max: int, looks_at: int, newest_first: bool
) -> list[tuple[int, int]]:
    """Read the list slice by slice, as cells do it that look at a few rows at a time; gives (place, cell)."""
    found: list[tuple[int, int]] = []
    after: tuple[int] | None = None
    for _ in range(2_000):
        parts = []
        for number, content in enumerate(cells):
            left = sorted(
                (it for it in content if after is None or (it[0] < after[0] if newest_first else it[0] > after[0])),
                reverse=newest_first,
            )
            seen, looked_to = [], None
            for looked, (place, is_wanted) in enumerate(left, start=1):
                if is_wanted:
                    seen.append(Placed(place=(place,), row=(place, number)))
                if len(seen) == rows_max + 1 or looked == looks_at:
                    looked_to = (place,)
                    break
            parts.append(CellSlice(cell=Cell(number), rows=seen, looked_to=looked_to))
        part = merge(parts, rows_max=rows_max, newest_first=newest_first)
        assert len(part.rows) <= rows_max
        assert [placed.row[1] for placed in part.rows] == list(part.cells)
        found += [placed.row for placed in part.rows]
        if part.next_place is None:
            return found
        assert after is None or part.next_place != after
        after = part.next_place
    raise AssertionError("it has no end")


@given(CELLS, st.integers(1, 7), st.integers(1, 9), st.booleans())
def test_every_row_once_and_in_order(
    cells: list[list[tuple[int, bool]]],
    rows_max: int,
    looks_at: int,
    newest_first: bool,  # noqa: FBT001 an example's
) -> None:
    seen: set[int] = set()
    distinct = []  # a place is one row's, whatever its cell
    for content in cells:
        distinct.append([it for it in content if it[0] not in seen])
        seen |= {place for place, _ in content}
    wanted = sorted(
        ((place, number) for number, content in enumerate(distinct) for place, is_wanted in content if is_wanted),
        reverse=newest_first,
    )
    assert walk(distinct, rows_max=rows_max, looks_at=looks_at, newest_first=newest_first) == wanted


PARTS = (uuid_part, text_part, number_part, time_part)


@given(st.text(max_size=40))
def test_a_token_that_nobody_gave_is_refused_and_no_more(token: str) -> None:
    if token:
        with pytest.raises(MalformedError, match="page_token"):
            read_token(token, *PARTS)
    else:
        assert read_token(token, *PARTS) is None


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(2**31 - 2, 2**31 + 1) | st.integers(2**63 - 2, 2**63 + 1),
        st.floats(),
        st.text(st.characters(codec=None) | st.sampled_from("\0\ud800\udfff"), max_size=8),
        st.datetimes(timezones=st.timezones()).map(str),
        st.sampled_from(("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-31T12:00:00")),
        st.uuids().map(str),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
"""What a token can be made of: whatever JSON spells, in Python's generous reading of it."""


@given(st.sampled_from((*PARTS, network_part)), JSON)
def test_what_comes_of_a_made_up_token_can_be_asked_of_the_database(part: Part, value: object) -> None:
    try:
        (read,) = read_token(urlsafe_b64encode(json.dumps([value]).encode()).decode(), part)
    except MalformedError:
        return
    if isinstance(read, datetime):
        assert read.tzinfo is UTC
    elif isinstance(read, str):
        assert "\0" not in read.encode().decode()
    else:
        assert type(read) is int
        assert 0 <= read < (2**31 if part is network_part else 2**63)


TEXTS = st.text(st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]), max_size=40)


@given(st.uuids(), TEXTS, st.integers(0, 2**63 - 1), st.datetimes(timezones=st.just(UTC)))
def test_a_token_is_read_as_it_was_written(uuid: object, text: str, number: int, moment: object) -> None:
    place = (str(uuid), text, number, moment)
    assert read_token(write_token(place), *PARTS) == place
