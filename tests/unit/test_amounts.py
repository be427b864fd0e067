"""Amounts: what is one, and what is not (docs/rules.md, Conventions)."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wallet_grpc.domain.amounts import AMOUNT_DIGITS_MAX, parse_amount

CONTRACT = re.compile(r"(?:0|[1-9][0-9]{0,37})\Z")

digits = st.text("0123456789", max_size=45)
almost = st.builds(
    lambda number, position, character: number[:position] + character + number[position:],
    digits,
    st.integers(min_value=0, max_value=45),
    st.sampled_from([" ", "\n", "\t", "+", "-", ".", ",", "_", "e", "E", "x", "٣", "²", "\uff11", "\x00", "\u200b"]),
)


@given(st.one_of(digits, almost, st.text(max_size=5)))
@example("12\n")
@example("١٢")
@example("")
def test_is_an_amount_exactly_where_the_contract_says_so(text: str) -> None:
    expected = int(text) if CONTRACT.match(text) else None
    assert parse_amount(text) == expected


@given(st.integers(min_value=0, max_value=10**AMOUNT_DIGITS_MAX - 1))
def test_reads_back_what_was_written(amount_minor: int) -> None:
    assert parse_amount(str(amount_minor)) == amount_minor


@pytest.mark.parametrize(
    "text",
    ["-1", "+1", "1.5", "1.0", "", "01", "00", "-0", "1e3", " 1", "1 ", "1_000", "0x1", "1" * 39, "0" + "1" * 38],
)
def test_is_no_amount(text: str) -> None:
    assert parse_amount(text) is None


@pytest.mark.parametrize("text", ["0", "1", "9" * 38, "1" + "0" * 37])
def test_is_an_amount(text: str) -> None:
    assert parse_amount(text) == int(text)
