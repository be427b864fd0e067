"""Accounts: where money can stand, and in what words the outside names it (design.md, section 2)."""

from __future__ import annotations

from .values import Name


class AccountType(Name):
    """What an account is for. The values are the names that callers see in postings."""

    MAIN = "MAIN"
    WITHDRAW_HOLD = "WITHDRAW_HOLD"
    SESSION_HOLD = "SESSION_HOLD"
    BONUS = "BONUS"
    HOUSE = "HOUSE"
    HOUSE_WAGER = "HOUSE:WAGER"
    HOUSE_FEES = "HOUSE:FEES"
    HOUSE_WALLETS = "HOUSE:WALLETS"
    WALLET = "WALLET"
    """A credit wallet's; what is posted to it is the aggregate of its journal."""
    JOURNAL = "JOURNAL"
    """One that a caller defined in a ledger of its own; its balance may be negative."""


HOUSE_TYPES = (AccountType.HOUSE, AccountType.HOUSE_WAGER, AccountType.HOUSE_FEES, AccountType.HOUSE_WALLETS)
"""One of each per currency network; their balances may be negative."""


class PlayerState(Name):
    """What a player may do (rule 5). A player without a stored state is ACTIVE."""

    ACTIVE = "ACTIVE"
    BLOCKED = "BLOCKED"
    CLOSED = "CLOSED"
