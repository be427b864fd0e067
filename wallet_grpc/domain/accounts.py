"""Accounts: where money can stand, and in what words the outside names it (docs/rules.md, Vocabulary)."""

from __future__ import annotations

from .identifiers import AccountId, CurrencyNetworkId
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


def house_account_id(currency_network_id: CurrencyNetworkId, account_type: AccountType) -> AccountId:
    """Give the id of a house account, which is the same in every cell: below 0, where no sequence leads."""
    return AccountId(-(len(HOUSE_TYPES) * currency_network_id + HOUSE_TYPES.index(account_type)))


class PlayerState(Name):
    """What a player may do (rule 5). A player without a stored state is ACTIVE."""

    ACTIVE = "ACTIVE"
    BLOCKED = "BLOCKED"
    """Neither plays nor takes money out."""
    CLOSED = "CLOSED"
    """As BLOCKED, and owns nothing at the moment at which it is set."""
    EXCLUDED = "EXCLUDED"
    """Does not play, as one who has asked to be excluded from it, and may take the money out."""

    @property
    def may_play(self) -> bool:
        """Whether bets are taken and sessions opened."""
        return self is PlayerState.ACTIVE

    @property
    def may_withdraw(self) -> bool:
        """Whether withdrawals are reserved; one that was reserved ends in any state."""
        return self is PlayerState.ACTIVE or self is PlayerState.EXCLUDED
