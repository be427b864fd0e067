"""Amounts in words: minor units become major ones by moving the point, never by a float."""

from __future__ import annotations


def major(minor: str, decimals: int, *, is_signed: bool = False) -> str:
    """Write minor units in major ones: "1234567" with 6 decimals is "1.234567"; thousands are parted by a thin space.

    Zeros at the end are left out, but for two.
    """
    if not minor.lstrip("-").isdigit():
        return minor
    sign = "\N{MINUS SIGN}" if minor.startswith("-") else "+" if is_signed and minor.strip("0") else ""
    digits = minor.lstrip("-").rjust(decimals + 1, "0")
    whole, part = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    kept = min(2, decimals)
    part = part[:kept] + part[kept:].rstrip("0")
    grouped = f"{int(whole):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{sign}{grouped}{'.' + part if part else ''}"


def minor_of(text: str, decimals: int) -> str | None:
    """Read what somebody typed in major units; None if it is no such amount, or has more decimals than there are."""
    plain = text.strip().replace(" ", "").replace("\N{NARROW NO-BREAK SPACE}", "")
    whole, point, part = plain.partition(".")
    if not whole.isascii() or not whole.isdigit() or (point and not (part.isascii() and part.isdigit())):
        return None
    if len(part.rstrip("0")) > decimals:
        return None
    digits = whole + part.rstrip("0").ljust(decimals, "0")
    return digits.lstrip("0") or "0"
