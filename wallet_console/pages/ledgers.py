"""Ledgers of callers and their credit wallets, with holds that count down."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import credit_wallet_pb2, ledger_pb2
from wallet_console import links
from wallet_console.command_lines import command
from wallet_console.tables import Amount, Column, Network, Table, Text, Value, moment, words
from wallet_console.visits import PageRequest, Visit

from .page import Page


async def ledgers(visit: Visit) -> Response:
    """List ledgers."""

    async def load(page: PageRequest) -> Table[Any]:
        answer = await visit.ask(ledger_pb2.ListLedgersRequest(page_size=page.size, page_token=page.token))
        return Table(
            title="Ledgers",
            columns=_LEDGERS,
            rows=answer.ledgers,
            next_token=answer.next_page_token,
            empty="No caller has a ledger. `wallet ledgers create`, or a caller with role credit, makes one.",
            command=command("ledgers", "list"),
        )

    return await visit.page("ledgers.html", table=await visit.table("ledgers", load))


async def ledger(visit: Visit) -> Response:
    """List the credit wallets of a ledger."""
    ledger_id = visit.asked("id")
    found = await _find(visit, ledger_id)
    network = 0 if found is None else found.currency_network_id

    async def load(page: PageRequest) -> Table[Any]:
        answer = await visit.ask(
            pb.ListCreditWalletsRequest(ledger_id=ledger_id, page_size=page.size, page_token=page.token)
        )
        return Table(
            title="Credit wallets",
            columns=_wallets(network),
            rows=answer.wallets,
            next_token=answer.next_page_token,
            empty="This ledger has no credit wallet.",
        )

    return await visit.page("ledger.html", table=await visit.table("wallets", load), ledger_id=ledger_id, found=found)


async def wallet(visit: Visit) -> Response:
    """Show a credit wallet: what is held, until when, and its journal."""
    key = visit.asked("key")
    found = await visit.ask(credit_wallet_pb2.GetWalletRequest(wallet_key=key))
    network = found.currency_network_id

    async def holds(page: PageRequest) -> Table[Any]:
        answer = await visit.ask(pb.ListReservationsRequest(wallet_key=key, page_size=page.size, page_token=page.token))
        return Table(
            title="Holds",
            columns=_holds(network),
            rows=answer.reservations,
            next_token=answer.next_page_token,
            empty="Nothing is held.",
        )

    async def entries(page: PageRequest) -> Table[Any]:
        answer = await visit.ask(
            credit_wallet_pb2.ListWalletEntriesRequest(wallet_key=key, page_size=page.size, page_token=page.token)
        )
        return Table(
            title="Journal, oldest first",
            columns=_entries(network),
            rows=answer.entries,
            next_token=answer.next_page_token,
            empty="Nothing was written.",
        )

    return await visit.page(
        "wallet.html",
        found=found,
        held=str(int(found.balance_minor) - int(found.available_minor)),
        holds=await visit.table("holds", holds),
        entries=await visit.table("entries", entries),
        ledger_id=key.partition(":")[0],
        links=links,
    )


async def _find(visit: Visit, ledger_id: str) -> Any:
    """Find a ledger in the list of all, up to a bound: its name and currency network stand there alone."""
    token = ""
    for _ in range(_PAGES_MAX):
        answer = await visit.ask(ledger_pb2.ListLedgersRequest(page_size=1_000, page_token=token))
        found = next((item for item in answer.ledgers if item.ledger_id == ledger_id), None)
        if found is not None or not answer.next_page_token:
            return found
        token = answer.next_page_token
    return None


_PAGES_MAX = 5

_LEDGERS: tuple[Column[Any], ...] = (
    Column("Name", lambda row: Text(row.name, links.ledger(row.ledger_id))),
    Column("Ledger", lambda row: Text(row.ledger_id, links.ledger(row.ledger_id), is_id=True)),
    Column("Currency network", lambda row: Network(row.currency_network_id)),
    Column("Created", lambda row: moment(row.created_at)),
)


def _wallets(network: int) -> tuple[Column[Any], ...]:
    return (
        Column("Wallet", lambda row: Text(row.wallet_key, links.wallet(row.wallet_key), is_id=True)),
        Column("Balance", lambda row: Amount(row.balance_minor, network), is_number=True),
        Column("Held", lambda row: Amount(row.held_minor, network), is_number=True),
        Column("Available", lambda row: Amount(row.available_minor, network), is_number=True),
        Column("Entries", lambda row: Text(str(row.entries)), is_number=True),
        Column("Created", lambda row: moment(row.created_at)),
    )


def _holds(network: int) -> tuple[Column[Any], ...]:
    return (
        Column("Reservation", lambda row: Text(row.reservation_id, is_id=True)),
        Column("Holds", lambda row: Amount(row.amount_minor, network), is_number=True),
        Column("For another", lambda row: Text(f"{row.remaining.seconds} s"), is_number=True),
        Column("Until", lambda row: moment(row.expires_at)),
    )


def _entries(network: int) -> tuple[Column[Any], ...]:
    def change(row: Any) -> Value:
        return Amount(row.change_minor, network, is_signed=True) if row.change_minor else Text("")

    return (
        Column("No.", lambda row: Text(str(row.entry_no)), is_number=True),
        Column("Time", lambda row: moment(row.created_at)),
        Column("Kind", lambda row: Text(words(row, "kind"))),
        Column("Amount", lambda row: Amount(row.amount_minor, network), is_number=True),
        Column("Changed", change, is_number=True),
        Column("Balance after", lambda row: Amount(row.balance_after_minor, network), is_number=True),
        Column("Source", lambda row: Text(row.source)),
        Column("Caller's id", lambda row: Text(row.transaction_id or row.reservation_id, is_id=True)),
    )


PAGES = (Page("/ledgers", ledgers), Page("/ledger", ledger), Page("/wallet", wallet))
