"""Transactions: lists with filters, and one explained: request, postings as T-accounts, chain, events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import wallet_pb2
from wallet_console import links, rows
from wallet_console.command_lines import command
from wallet_console.tables import Column, Table, words
from wallet_console.visits import PageRequest, Visit

from .page import Page, choices, number_of_enum, set_time

_KINDS = choices(wallet_pb2.TransactionKind, "TRANSACTION_KIND_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list of transactions was narrowed to, as it was asked for."""

    player: str
    source: str
    kinds: tuple[str, ...]
    currency_network: int
    game_code: str
    round_id: str
    begin: str
    end: str
    choices: Sequence[str]

    def command(self, player_id: int) -> str:
        """Write the command that lists the same, of a player where one is given."""
        return command(
            "transactions",
            "list",
            player=player_id or self.player,
            source=self.source,
            kind=self.kinds,
            currency_network=self.currency_network,
            game=self.game_code,
            round=self.round_id,
            from_=self.begin,
            to=self.end,
        )


def filters_of(visit: Visit) -> Filters:
    """Read the filters of an address."""
    parted = (" ".join(visit.request.query_params.getlist("kinds"))).split()
    return Filters(
        player=visit.asked("player"),
        source=visit.asked("source"),
        kinds=tuple(parted),
        currency_network=visit.network(),
        game_code=visit.asked("game_code"),
        round_id=visit.asked("round_id"),
        begin=visit.asked("begin"),
        end=visit.asked("end"),
        choices=_KINDS,
    )


def timeline(
    visit: Visit, *, player_id: int, columns: Sequence[Column[Any]]
) -> Callable[[PageRequest], Awaitable[Table[Any]]]:
    """Give what reads a page of transactions under the filters of the address, of one player or of all."""
    filters = filters_of(visit)

    async def load(page: PageRequest) -> Table[Any]:
        request = pb.ListTransactionsRequest(
            player_id=player_id or visit.number("player"),
            source=filters.source,
            kinds=[number_of_enum(wallet_pb2.TransactionKind, "TRANSACTION_KIND_", kind) for kind in filters.kinds],
            currency_network_id=filters.currency_network,
            game_code=filters.game_code,
            round_id=filters.round_id,
            page_size=page.size,
            page_token=page.token,
        )
        set_time(request, "from", filters.begin)
        set_time(request, "to", filters.end)
        answer = await visit.ask(request)
        return Table(
            title="Timeline" if player_id else "Transactions",
            columns=columns,
            rows=answer.transactions,
            next_token=answer.next_page_token,
            empty="Nothing fits all filters here. Take one away, or look at another time."
            if not answer.next_page_token
            else "Nothing fits among those that were looked at so far: go on with the next page.",
            command=filters.command(player_id),
        )

    return load


async def transactions(visit: Visit) -> Response:
    """List transactions, newest first."""
    table = await visit.table("transactions", timeline(visit, player_id=0, columns=rows.TRANSACTIONS))
    return await visit.page("transactions.html", table=table, filters=filters_of(visit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A T-account: what was posted to one account, debits left and credits right."""

    account: str
    debits: Sequence[str]
    credits: Sequence[str]
    balance_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A box of the chain's drawing."""

    x: int
    y: int
    transaction: Any
    kind: str
    href: str
    is_asked: bool
    from_x: int
    from_y: int
    has_line: bool
    link: str


BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y = 240, 58, 56, 22


async def transaction(visit: Visit) -> Response:
    """Explain a transaction."""
    tx_id = visit.asked("tx_id")
    chain = await visit.ask(pb.GetTransactionChainRequest(tx_id=tx_id))
    asked = next(item for item in chain.transactions if item.link == pb.CHAIN_LINK_ASKED)
    steps = drawing(chain.transactions)
    return await visit.page(
        "transaction.html",
        asked=asked,
        found=asked.transaction,
        kind=words(asked.transaction, "kind"),
        sides=t_accounts(asked.transaction.postings),
        chain=chain,
        steps=steps,
        width=max(step.x for step in steps) + BOX_WIDTH + 2,
        height=max(step.y for step in steps) + BOX_HEIGHT + 2,
        box=(BOX_WIDTH, BOX_HEIGHT),
        links=links,
    )


def t_accounts(postings: Sequence[Any]) -> list[Side]:
    """Lay postings out by account: what is below zero is a debit, what is above a credit."""
    found: dict[str, list[Any]] = {}
    for posting in postings:
        found.setdefault(posting.account, []).append(posting)
    return [
        Side(
            account=account,
            debits=[item.amount_minor.lstrip("-") for item in items if item.amount_minor.startswith("-")],
            credits=[item.amount_minor for item in items if not item.amount_minor.startswith("-")],
            balance_after=items[-1].balance_after_minor,
        )
        for account, items in found.items()
    ]


def drawing(items: Sequence[Any]) -> list[Step]:
    """Place a chain's transactions: what began it left, and what refers to something one column further right."""
    parents = {
        item.transaction.tx_id: item.transaction.reverses_tx_id or item.transaction.reference_tx_id for item in items
    }
    columns: dict[str, int] = {}

    def column_of(tx_id: str, depth: int = 0) -> int:
        parent = parents.get(tx_id, "")
        if parent not in parents or depth > len(parents):
            return 0
        if tx_id not in columns:
            columns[tx_id] = column_of(parent, depth + 1) + 1
        return columns[tx_id]

    places: dict[str, tuple[int, int]] = {}
    used: dict[int, int] = {}
    steps = []
    for item in items:
        found = item.transaction
        column = column_of(found.tx_id)
        parent = places.get(parents.get(found.tx_id, ""))
        row = max(used.get(column, 0), 0 if parent is None else parent[1] // (BOX_HEIGHT + GAP_Y))
        used[column] = row + 1
        place = (1 + column * (BOX_WIDTH + GAP_X), 1 + row * (BOX_HEIGHT + GAP_Y))
        places[found.tx_id] = place
        steps.append(
            Step(
                x=place[0],
                y=place[1],
                transaction=found,
                kind=words(found, "kind"),
                href=links.transaction(found.tx_id),
                is_asked=item.link == pb.CHAIN_LINK_ASKED,
                from_x=0 if parent is None else parent[0] + BOX_WIDTH,
                from_y=0 if parent is None else parent[1] + BOX_HEIGHT // 2,
                has_line=parent is not None,
                link="reverses" if found.reverses_tx_id else "refers to" if found.reference_tx_id else "",
            )
        )
    return steps


PAGES = (Page("/transactions", transactions), Page("/transaction", transaction))
