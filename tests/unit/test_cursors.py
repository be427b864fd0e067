"""Cursors come back as they went out, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_api.cursors import LENGTH, read_cursor, write_cursor
from wallet_api.problems import ProblemError

versions = st.integers(1, 2**63 - 1)


@given(versions)
def test_a_cursor_is_read_as_it_was_written(version: int) -> None:
    cursor = write_cursor(version)
    assert len(cursor) == LENGTH
    assert read_cursor(cursor) == version


@given(st.text(max_size=40) | st.text(alphabet="ABCabc0189-_=", min_size=LENGTH, max_size=LENGTH))
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read_cursor(text)
    assert caught.value.field == "cursor"


@given(versions, st.integers(0, LENGTH - 1), st.sampled_from("ABab01-_"))
def test_a_changed_cursor_is_none(version: int, position: int, other: str) -> None:
    cursor = write_cursor(version)
    changed = cursor[:position] + other + cursor[position + 1 :]
    if changed != cursor:
        with pytest.raises(ProblemError):
            read_cursor(changed)
