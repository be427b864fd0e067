"""What is copied of an installation, and how each table finds the cell that its rows come to.

Every table is in one of these lists, and the copy refuses to begin with one that is in none. Columns are read from the
catalogue, so a new one needs no line here.

- SLICED are appended to, and never changed: they are copied in slices of time while the source serves.
- KEPT have rows that change, and none that goes: what has changed since the last round is written over.
- LAST are queues: they are copied when the source is frozen.
- REMADE are not copied: they follow from the others, or are each installation's own.

Where the cells are as many as before, every row stays in its cell and as it is. Where not:

- an owner's rows come to the owner's cell; a credit wallet's account and postings to the wallet's, a ledger's other
  accounts to the ledger's;
- accounts, which each cell numbers by itself, get a number that tells the old cell as well;
- a posting of credit wallets has wallets of several new cells: it becomes a posting in each (`postings.sql`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

from psycopg import sql

_OF_ACCOUNT: LiteralString = """
LEFT JOIN credit_wallets AS wallet ON account.wallet_id = wallet.wallet_id
LEFT JOIN ledgers AS ledger ON account.ledger_id = ledger.ledger_id
"""
_ACCOUNT_OWNER: LiteralString = "coalesce(account.player_id, wallet.owner_id, ledger.owner_id)"
_NO_POSTING: LiteralString = "copied.owner_id > 0 OR (copied.account_id > 0 AND account.wallet_id IS NULL)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How a table is copied."""

    name: LiteralString
    key: Sequence[str]
    """Its unique key: what a row is known by."""
    owner: LiteralString = "copied.owner_id"
    """Whose cell a row comes to; NULL where it is remade."""
    joins: LiteralString = ""
    """What tells the owner."""
    condition: LiteralString = "TRUE"
    """What of it is copied."""
    time: LiteralString = "tx_id"
    """Of a sliced one: the column that slices are cut by."""
    moved: LiteralString = "TRUE"
    """What is the same, row by row, where it has come to another cell."""
    blurred: Mapping[str, LiteralString] = field(default_factory=dict)
    """Columns that are others there, by what of them is the same."""

    @property
    def source(self) -> sql.Composable:
        """What it is read from; `copied` are its rows."""
        return sql.SQL("{} AS copied {}").format(sql.Identifier(self.name), sql.SQL(self.joins))


LEDGER_SLICED = (
    Table(
        name="ledger_transactions",
        key=["tx_id"],
        owner="CASE WHEN copied.kind <> 'WALLET_POSTING' THEN copied.owner_id END",
        moved="copied.kind <> 'WALLET_POSTING'",
        blurred={"owner_version": "CASE WHEN copied.owner_id > 0 THEN copied.owner_version END"},
    ),
    Table(
        name="ledger_entries",
        key=["tx_id", "entry_no"],
        owner="CASE WHEN copied.owner_id > 0 OR (copied.account_id > 0 AND account.wallet_id IS NULL) "
        "THEN copied.owner_id ELSE wallet.owner_id END",
        joins="LEFT JOIN accounts AS account ON copied.owner_id < 0 AND copied.account_id = account.account_id "
        "LEFT JOIN credit_wallets AS wallet ON account.wallet_id = wallet.wallet_id",
        moved=_NO_POSTING,
    ),
    Table(
        name="wallet_postings",
        key=["wallet_id", "last_entry_no"],
        owner="wallet.owner_id",
        joins="INNER JOIN credit_wallets AS wallet ON copied.wallet_id = wallet.wallet_id",
        blurred={"tx_id": "NULL"},
    ),
    Table(
        name="journal_postings",
        key=["account_id", "posting_no"],
        owner=_ACCOUNT_OWNER,
        joins="INNER JOIN accounts AS account ON copied.account_id = account.account_id" + _OF_ACCOUNT,
    ),
)
JOURNAL_SLICED = Table(name="subledger_entries", key=["subledger_id", "entry_no"], time="created_at")

KEPT = (
    Table(name="players", key=["player_id"], owner="copied.player_id"),
    Table(name="credit_wallets", key=["wallet_id"]),
    Table(
        name="accounts",
        key=["account_id"],
        owner="coalesce(copied.player_id, wallet.owner_id, ledger.owner_id)",
        joins=_OF_ACCOUNT.replace("account.", "copied."),
        condition="copied.account_id > 0",
    ),
    Table(
        name="account_balances",
        key=["account_id"],
        owner=_ACCOUNT_OWNER,
        joins="INNER JOIN accounts AS account ON copied.account_id = account.account_id" + _OF_ACCOUNT,
        condition="copied.account_id > 0",
    ),
    Table(name="deposit_outputs", key=["output_hash"]),
    Table(name="withdrawals", key=["withdrawal_id"]),
    Table(name="sessions", key=["session_id"]),
    Table(name="reservations", key=["reservation_id"]),
)
SHARED_KEPT = (
    Table(name="currency_networks", key=["currency_network_id"]),
    Table(name="api_keys", key=["key_id"]),
    Table(name="key_uses", key=["key_id"]),
    Table(name="settlement_rails", key=["source", "currency_network_id"]),
    Table(name="ledgers", key=["ledger_id"]),
    Table(name="inbox_events", key=["inbox_id"]),
    Table(name="operator_actions", key=["action_id"], condition="copied.kind <> 'MIGRATION'"),
    Table(name="adjustment_proposals", key=["proposal_id"]),
    Table(name="adjustment_decisions", key=["proposal_id"]),
    Table(name="verifications", key=["verification_id"]),
)
"""What all cells share. Migrations are each database's own."""
OUTBOX = Table(name="outbox_events", key=["tx_id", "event_no"], blurred={"outbox_id": "NULL"})
QUEUE = Table(name="posting_queue", key=["queue_id"])
LAST = (OUTBOX, QUEUE)
REMADE = frozenset(
    {
        "installation", "cells", "schema_migrations", "copy_progress", "cell_home",
        "claims",  # where there are several cells, of what has to be claimed
        "house_postings",  # of the entries, and the houses' balances with them
        "posting_rounds",  # tells only whose turn it is
        # Days are counted anew, of the same rows.
        "day_marks", "days", "day_totals", "day_movements", "day_balances", "open_day_totals", "open_day_movements",
    }
)  # fmt: skip

OF_CELL = (*LEDGER_SLICED, JOURNAL_SLICED, *KEPT, *LAST)
KNOWN = frozenset(table.name for table in (*OF_CELL, *SHARED_KEPT)) | REMADE


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """From how many cells to how many."""

    from_cells: int
    to_cells: int

    @property
    def is_same(self) -> bool:
        """Whether every owner stays in the cell of the same number."""
        return self.from_cells == self.to_cells

    def value(self, column: str, cell: int) -> sql.Composable:
        """Give a column of a row of an old cell as it is in the new one."""
        if column != "account_id" or self.is_same or self.from_cells == 1:
            return sql.Identifier("copied", column)
        return sql.SQL(
            "CASE WHEN copied.account_id > 0 THEN copied.account_id * {} + {} ELSE copied.account_id END"
        ).format(sql.Literal(self.from_cells), sql.Literal(cell))

    def to_cell(self, table: Table, cell: int) -> sql.Composable:
        """Give the number of the cell that a row of an old one comes to; NULL where it is remade."""
        if self.is_same:
            return sql.SQL("{}::INTEGER").format(sql.Literal(cell))
        return sql.SQL("cell_of_owner(({})::BIGINT, {})").format(sql.SQL(table.owner), sql.Literal(self.to_cells))
