"""Claims: what must be unique over all cells of an installation, where it has several.

Deposits, withdrawals and outputs are known by ids that name no player, so two players of two cells may use one. Each
takes a row of a table that all cells share, in the statement of its effect: it has both or neither, and whoever comes
second finds the row, or is a lost race. What was claimed for an owner is looked for with the load, so that the rules
refuse it; nothing is claimed before they have decided, or a refusal would keep an id from its owner.

Within a cell its own unique keys are enough, so an installation of one cell has no claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from msgspec import Struct

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.identifiers import Key, OwnerId
from wallet_grpc.domain.needs import Needs
from wallet_grpc.domain.transactions import Kind
from wallet_grpc.store.connection.arrays import uuids
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import statements

from .columns import BigInt, Uuid
from .part import Decided, Query, Reading, Step, Steps

_SQL = statements(__package__, "claims.sql")
_CLAIMED_KINDS = frozenset({Kind.DEPOSIT, Kind.WITHDRAWAL_RESERVATION})


class LoadedClaim(NamedTuple):
    """A row of `load_claims`."""

    position: int
    owner_id: int


LOAD_CLAIMS = Query(_SQL["load_claims"], LoadedClaim)


def ask(trip: RoundTrip, needs: Needs, _standing_max: int) -> Iterator[Reading]:
    """Ask who has claimed the ids and outputs that the batch would use."""
    ids, outputs = needs.players.claimed_keys, needs.players.output_keys
    if ids or outputs:
        keys = [*ids, *outputs]
        yield LOAD_CLAIMS.ask(trip, {"claim_keys": uuids(keys)}, partial(_read_claim, keys, len(ids)))


def _read_claim(keys: list[Key], ids: int, book: Book, row: LoadedClaim) -> None:
    key = keys[row.position - 1]
    if row.position <= ids:
        book.players.claimants[key] = OwnerId(row.owner_id)
    else:
        book.players.deposit_outputs[key] = 1


class ClaimRow(Struct, frozen=True, gc=False):
    """What a transaction of an owner has claimed."""

    claim_hash: Uuid
    owner_id: BigInt
    tx_id: Uuid


CLAIMS = Step("claims", _SQL, ClaimRow, order=lambda row: row.claim_hash)


def write(decided: Decided, steps: Steps) -> None:
    """Claim what the batch's deposits and withdrawals use."""
    rows: list[ClaimRow] = []
    for change in decided.book.changes:
        rows += [
            ClaimRow(transaction.key, change.owner_id, transaction.tx_id)
            for transaction in change.transactions
            if transaction.kind in _CLAIMED_KINDS
        ]
        if change.deposit_output is not None:
            output = change.deposit_output
            rows.append(ClaimRow(output.key, change.owner_id, output.tx_id))
    steps.add(CLAIMS, rows)
