"""The pages, by what they are of. Each module tells its addresses and how they are answered."""

from __future__ import annotations

from . import (
    approvals,
    callers,
    events,
    finance,
    ledgers,
    now,
    players,
    proof,
    rounds,
    search,
    sessions,
    trail,
    transactions,
    withdrawals,
)
from .page import Page

PAGES: tuple[Page, ...] = tuple(
    page
    for module in (
        now,
        search,
        players,
        transactions,
        rounds,
        sessions,
        withdrawals,
        approvals,
        events,
        finance,
        proof,
        callers,
        ledgers,
        trail,
    )
    for page in module.PAGES
)
"""All pages behind the login."""
