"""Amounts: whole minor units. A Python int inside, a string of decimal digits outside, never a float or a Decimal."""

from __future__ import annotations

import re

AMOUNT_DIGITS_MAX = 38
"""The most digits of an amount that a request may name (NUMERIC(38,0) in the ledger)."""

BALANCE_DIGITS_MAX = 60
"""The most digits of a balance, a payout or a posting (NUMERIC(60,0)): what many amounts sum to."""

BALANCE_MAX: int = 10**BALANCE_DIGITS_MAX - 1

_is_amount = re.compile(rf"0|[1-9][0-9]{{0,{AMOUNT_DIGITS_MAX - 1}}}", re.ASCII).fullmatch


def parse_amount(text: str) -> int | None:
    """Read an amount in minor units, or None if the text is not one (docs/rules.md, Conventions)."""
    return int(text) if _is_amount(text) else None
