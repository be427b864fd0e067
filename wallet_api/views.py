"""What the API answers with: each value as it stands in JSON, and as the OpenAPI document describes it.

A field's type says both: what it holds, and by `Described` what the document says of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.transactions import Kind

SHOWN_KINDS = tuple(kind for kind in Kind if kind not in {Kind.PLAYER_STATE, Kind.TOMBSTONE})
"""What a player's history consists of: every kind that moves money. One that the ledger is given is here at once."""


class Described(NamedTuple):
    """What the OpenAPI document says of a field, in JSON Schema."""

    schema: dict[str, Any]


_AMOUNT: dict[str, Any] = {
    "type": "string",
    "pattern": "^(0|[1-9][0-9]{0,59})$",
    "description": "Whole minor units. Read it with a big integer: it may have 60 digits.",
    "examples": ["1500000"],
}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00.123456Z"]}

Amount = Annotated[str, Described(_AMOUNT)]
BalanceAfter = Annotated[str, Described({**_AMOUNT, "description": "The available balance right after it."})]
SignedAmount = Annotated[
    str,
    Described(
        {
            "type": "string",
            "pattern": "^(0|-?[1-9][0-9]{0,59})$",
            "description": "What the transaction did to the available balance, in minor units; 0 where it left it "
            "alone.",
            "examples": ["-1000000"],
        }
    ),
]
Time = Annotated[datetime, Described(_TIME)]
AsOf = Annotated[
    datetime | None,
    Described(
        {
            **_TIME,
            "description": "Only where the API reads a replica: everything committed until then is in the answer.",
        }
    ),
]
CurrencyNetworkNumber = Annotated[int, Described({"type": "integer", "minimum": 1})]
CurrencyName = Annotated[str, Described({"type": "string", "examples": ["USDT"]})]
NetworkName = Annotated[str, Described({"type": "string", "examples": ["TRON"]})]
Decimals = Annotated[
    int,
    Described(
        {
            "type": "integer",
            "minimum": 0,
            "maximum": 18,
            "description": "Minor units of one unit: 10 to this power.",
        }
    ),
]
OptionalText = Annotated[str | None, Described({"type": ["string", "null"]})]


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A currency on a network."""

    currency_network_id: CurrencyNetworkNumber
    currency: CurrencyName
    network: NetworkName
    decimals: Decimals


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What a player has in one currency network."""

    currency: CurrencyName
    network: NetworkName
    decimals: Decimals
    available_minor: Amount
    withdraw_hold_minor: Amount
    session_hold_minor: Amount
    bonus_minor: Amount
    total_minor: Amount

    @classmethod
    def of(cls, network: Network, held: Mapping[str, str]) -> Balance:
        """Show what is held in accounts of each type; what a player never had is zero."""
        return cls(
            currency=network.currency,
            network=network.network,
            decimals=network.decimals,
            available_minor=held.get(AccountType.MAIN, "0"),
            withdraw_hold_minor=held.get(AccountType.WITHDRAW_HOLD, "0"),
            session_hold_minor=held.get(AccountType.SESSION_HOLD, "0"),
            bonus_minor=held.get(AccountType.BONUS, "0"),
            total_minor=str(sum(map(int, held.values()))),
        )


class HistoryRow(NamedTuple):
    """A row of `page`, in `sql/history.sql`."""

    owner_version: int
    tx_id: str
    kind: str
    transaction_id: str
    balance_after_minor: str
    currency_network_id: int
    game_code: str | None
    round_id: str | None
    created_at: datetime
    is_wanted: bool
    """Or else it only tells how far the page has looked."""
    is_last_place: bool
    amount_minor: str

    def item(self, network: Network) -> HistoryItem:
        """Show it to its player."""
        return HistoryItem(
            self.tx_id,
            self.kind,
            self.transaction_id,
            self.amount_minor,
            self.balance_after_minor,
            network.currency,
            network.network,
            self.game_code,
            self.round_id,
            self.created_at,
        )


class HistoryItem(msgspec.Struct, frozen=True):
    """One transaction as its player sees it."""

    tx_id: Annotated[str, Described({"type": "string", "format": "uuid"})]
    kind: Annotated[str, Described({"type": "string", "enum": list(SHOWN_KINDS)})]
    transaction_id: Annotated[
        str, Described({"type": "string", "description": "The id that it was sent to the wallet under."})
    ]
    amount_minor: SignedAmount
    """Signed: what it did to the available balance."""
    balance_after_minor: BalanceAfter
    """The available balance right after it."""
    currency: CurrencyName
    network: NetworkName
    game_code: OptionalText
    round_id: OptionalText
    created_at: Time


class Balances(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `/api/wallet/balances`."""

    balances: list[Balance]
    as_of: AsOf = None


class Transactions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `/api/wallet/transactions`."""

    transactions: list[HistoryItem]
    next_cursor: Annotated[
        str | None, Described({"type": ["string", "null"], "description": "null: there is no more."})
    ]
    """Where the next page begins; None: there is none."""
    as_of: AsOf = None


class Currencies(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `/api/wallet/currencies`."""

    currencies: list[Network]
    as_of: AsOf = None


ANSWERS: dict[str, type[msgspec.Struct]] = {
    "Balances": Balances,
    "Balance": Balance,
    "Transactions": Transactions,
    "Transaction": HistoryItem,
    "Currencies": Currencies,
    "Currency": Network,
}
"""By the names that they have in the OpenAPI document."""
