"""Addresses of pages: each can be sent to a colleague.

What callers choose stands in parameters, where no browser takes `..` or `/` for a part of the path.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1.wallet_pb2 import TransactionKind


def _with(path: str, **parameters: Any) -> str:
    kept = {name: value for name, value in parameters.items() if value}
    return path + ("?" + urlencode(kept) if kept else "")


def player(player_id: int) -> str:
    """A player's page."""
    return f"/players/{player_id}" if player_id else ""


def statement_of_month(player_id: int, now: date) -> str:
    """A player's statement of the month of a day."""
    begin = date(now.year, now.month, 1)
    end = (begin + timedelta(days=31)).replace(day=1)
    return _with(f"/players/{player_id}/statement", begin=begin.isoformat(), end=end.isoformat())


def transaction(tx_id: str) -> str:
    """A transaction's page."""
    return _with("/transaction", tx_id=tx_id) if tx_id else ""


def round_(player_id: int, currency_network_id: int, game_code: str, round_id: str, source: str) -> str:
    """A round's page; none where it has no name."""
    if not round_id or not game_code:
        return ""
    return _with(
        "/round",
        player=player_id,
        currency_network=currency_network_id,
        game_code=game_code,
        round_id=round_id,
        source=source,
    )


def session(session_token: str) -> str:
    """A session's page."""
    return _with("/session", token=session_token) if session_token else ""


def wallet(wallet_key: str) -> str:
    """A credit wallet's page."""
    return _with("/wallet", key=wallet_key) if wallet_key else ""


def ledger(ledger_id: str) -> str:
    """A ledger's page."""
    return _with("/ledger", id=ledger_id) if ledger_id else ""


def event(event_ref: str) -> str:
    """A parked event's page."""
    return _with("/event", ref=event_ref) if event_ref else ""


def proposal(proposal_id: str) -> str:
    """A proposal's page."""
    return _with("/approval", id=proposal_id) if proposal_id else ""


def transactions(**filters: Any) -> str:
    """A list of transactions; the filters are the parameters of its page."""
    return _with("/transactions", **filters)


def figure(rows: pb.FigureRows) -> str:
    """The transactions that a figure is made of."""
    return transactions(
        player=rows.player_id,
        source=rows.source,
        kinds=" ".join(words_of_kind(kind) for kind in rows.kinds),
        currency_network=rows.currency_network_id,
        game_code=rows.game_code,
        begin=_text_of(rows, "from"),
        end=_text_of(rows, "to"),
    )


def words_of_kind(kind: int) -> str:
    """Name a kind of transaction as addresses and commands do: `bet_and_win`."""
    return TransactionKind.Name(TransactionKind.ValueType(kind)).removeprefix("TRANSACTION_KIND_").lower()


def _text_of(rows: pb.FigureRows, name: str) -> str:
    if not rows.HasField(name):
        return ""
    at: datetime = getattr(rows, name).ToDatetime(tzinfo=UTC)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
