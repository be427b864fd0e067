"""Amounts: whole minor units. A Python int inside, a string of decimal digits outside, never a float or a Decimal."""

from __future__ import annotations

import re

AMOUNT_DIGITS_MAX = 38
"""The most digits of an amount (NUMERIC(38,0) in the ledger); balances may have up to 60."""

_AMOUNT = re.compile(rf"0|[1-9][0-9]{{0,{AMOUNT_DIGITS_MAX - 1}}}", re.ASCII)


def parse_amount(text: str) -> int | None:
    """Read an amount in minor units, or None if the text is not one (contract.md, Conventions)."""
    return int(text) if _AMOUNT.fullmatch(text) else None
