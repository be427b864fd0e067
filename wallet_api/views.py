"""What the API answers with: each value as it stands in JSON. Amounts are strings of whole minor units."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A currency on a network."""

    currency_network_id: int
    currency: str
    network: str
    decimals: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What a player has in one currency network."""

    currency: str
    network: str
    decimals: int
    available_minor: str
    withdraw_hold_minor: str
    session_hold_minor: str
    bonus_minor: str
    total_minor: str


class HistoryItem(msgspec.Struct, frozen=True):
    """One transaction as its player sees it."""

    tx_id: str
    kind: str
    transaction_id: str
    amount_minor: str
    """Signed: what it did to the available balance."""
    balance_after_minor: str
    """The available balance right after it."""
    currency: str
    network: str
    game_code: str | None
    round_id: str | None
    created_at: datetime


class Balances(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `/api/wallet/balances`."""

    balances: list[Balance]
    as_of: datetime | None = None


class Transactions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `/api/wallet/transactions`."""

    transactions: list[HistoryItem]
    next_cursor: str | None
    """Where the next page begins; None: there is none."""
    as_of: datetime | None = None


class Currencies(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `/api/wallet/currencies`."""

    currencies: list[Network]
    as_of: datetime | None = None
