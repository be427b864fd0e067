"""The columns of what is listed on several pages: transactions, withdrawals, sessions."""

from __future__ import annotations

from typing import Any

from . import links
from .tables import Amount, Column, Tag, Text, Value, moment, words

_TONES = {
    "applied": "",
    "voided": "waiting",
    "reserved": "waiting",
    "broadcasted": "waiting",
    "settled": "good",
    "failed": "bad",
    "open": "waiting",
    "active": "good",
    "blocked": "bad",
    "closed": "bad",
    "refused": "bad",
    "parked": "bad",
    "waiting": "waiting",
    "published": "good",
    "expired": "waiting",
}


def tag(message: Any, name: str) -> Tag:
    """A state of a message in a word."""
    text = words(message, name)
    return Tag(text, _TONES.get(text, ""))


def player(row: Any) -> Text:
    """Whose a row is."""
    return Text(str(row.player_id) if row.player_id else "", links.player(row.player_id))


def kind(row: Any) -> Text:
    """What kind of transaction a row is, leading to it."""
    return Text(words(row, "kind"), links.transaction(row.tx_id))


def what(row: Any) -> str:
    """What a transaction was for: its game and round, or why it was made."""
    if row.game_code:
        return f"{row.game_code} / {row.round_id}" if row.round_id else str(row.game_code)
    return str(row.reason or row.tx_hash or "")


def main_change(row: Any) -> Value:
    """What a transaction changed of MAIN; its amount where no posting tells."""
    of_main = [posting for posting in row.postings if posting.account == "MAIN"]
    if not of_main or not row.currency_network_id:
        return Text("")
    total = sum(int(posting.amount_minor) for posting in of_main)
    return Amount(str(total), row.currency_network_id, is_signed=True)


def main_after(row: Any) -> Value:
    """What MAIN held right after a transaction."""
    of_main = [posting for posting in row.postings if posting.account == "MAIN" and posting.balance_after_minor]
    return Amount(of_main[-1].balance_after_minor, row.currency_network_id) if of_main else Text("")


def _amount(row: Any) -> Value:
    has_one = row.currency_network_id and row.amount_minor
    return Amount(row.amount_minor, row.currency_network_id) if has_one else Text("")


def _what_for(row: Any) -> Text:
    if row.session_token:
        return Text(f"session of {row.game_code}", links.session(row.session_token))
    return Text(
        what(row), links.round_(row.player_id, row.currency_network_id, row.game_code, row.round_id, row.source)
    )


def _state(row: Any) -> Tag:
    if row.reversed_by_tx_id:
        return Tag("rolled back", "bad")
    return tag(row, "status")


def _net(row: Any) -> Value:
    return Amount(row.net_minor, row.currency_network_id, is_signed=True) if row.net_minor else Text("")


TRANSACTIONS: tuple[Column[Any], ...] = (
    Column("Time", lambda row: moment(row.created_at)),
    Column("Kind", kind),
    Column("Player", player),
    Column("Amount", _amount, is_number=True),
    Column("MAIN changed", main_change, is_number=True),
    Column("MAIN after", main_after, is_number=True),
    Column("What for", _what_for),
    Column("State", _state),
    Column("Source", lambda row: Text(row.source)),
    Column("Caller's id", lambda row: Text(row.transaction_id, links.transaction(row.tx_id), is_id=True)),
)

OF_PLAYER = tuple(column for column in TRANSACTIONS if column.title != "Player")
"""The same on the page of one player."""

WITHDRAWALS: tuple[Column[Any], ...] = (
    Column("Reserved", lambda row: moment(row.reserved_at, shows_age=True)),
    Column("State", lambda row: tag(row, "state")),
    Column("Amount", lambda row: Amount(row.amount_minor, row.currency_network_id), is_number=True),
    Column("Player", player),
    Column("Withdrawal", lambda row: Text(row.withdrawal_id, links.transaction(row.reservation_tx_id), is_id=True)),
    Column("Changed", lambda row: moment(row.changed_at)),
    Column("Ending", lambda row: Text("transaction" if row.ending_tx_id else "", links.transaction(row.ending_tx_id))),
)

SESSIONS: tuple[Column[Any], ...] = (
    Column("Opened", lambda row: moment(row.opened_at, shows_age=True)),
    Column("Status", lambda row: tag(row, "status")),
    Column("Player", player),
    Column("Game", lambda row: Text(row.game_code)),
    Column("Locked", lambda row: Amount(row.locked_balance_minor, row.currency_network_id), is_number=True),
    Column("Balance", lambda row: Amount(row.balance_minor, row.currency_network_id), is_number=True),
    Column("Net", _net, is_number=True),
    Column("Open rounds", lambda row: Text(str(row.open_rounds)), is_number=True),
    Column("Source", lambda row: Text(row.source)),
    Column("Session", lambda row: Text(row.session_token, links.session(row.session_token), is_id=True)),
)
