"""One box for everything: a text is looked for as whatever it can be the name of, in all cells at once.

Ids of callers' own are looked up by their keys, one for each source that has or had a key. Only what a game calls a
round, and what it called a transaction inside a session, is found by its text alone: an index tells which ranges of
pages can have it (migrations/cell/0006_lookups.sql).

What all cells share is asked in one round trip, then each cell in one: on a busy machine each would wait anew.

What is named most exactly comes first; of each kind there are HITS_MAX at most.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wallet_grpc.domain.cells import ByCell, Cell
from wallet_grpc.domain.credit.state import wallet_address
from wallet_grpc.domain.identifiers import (
    PLAYER_ID_MAX,
    Key,
    PlayerId,
    Source,
    caller_key,
    canonical_output_hash,
    deposit_key,
    may_be_uuid,
    withdrawal_key,
)
from wallet_grpc.domain.sessions.state import session_address, session_token
from wallet_grpc.domain.transactions import Kind
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.rows import rows_together
from wallet_grpc.tasks import a_turn

from .events import EventRef, event_ref
from .hits import Hit, HitKind, Hits

_SQL = statements(__package__, "search.sql")

HITS_MAX = 50
_SOURCES_MAX = 10_000
_HASHED_AT_ONCE = 1_000
"""Keys that are made in one turn of the event loop: a few milliseconds."""
_LOOKED_AT_MAX = 1_000
"""Rows of one id of a round: of a round that has many, and of many that share an id."""
_ORDER = {kind: position for position, kind in enumerate(HitKind)}
_parse_output = re.compile(r"(?P<hash>.+):(?P<index>0|[1-9][0-9]{0,9})", re.ASCII).fullmatch
_parse_event_id = re.compile(r"(?P<tx_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-[0-9]+", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """What a text can be the name of."""

    text: str
    uuid: str | None
    """An id that the wallet made: of a transaction, of a session, of a ledger."""
    tx_hashes: Sequence[str]
    output_index: int | None

    @classmethod
    def by(cls, text: str) -> _Named:
        """Read a text."""
        uuid = None
        if may_be_uuid(text):
            digits = text.replace("-", "").lower()
            uuid = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        output = _parse_output(text)
        spelled = [text] if output is None else [text, output["hash"]]
        hashes: dict[str, None] = {}
        for named in spelled:
            canonical = canonical_output_hash(named).lower()
            hashes |= dict.fromkeys((named.lower(), canonical, f"0x{canonical}"))
        return cls(
            text=text, uuid=uuid, tx_hashes=list(hashes), output_index=None if output is None else int(output["index"])
        )


class Search:
    """Looks for whatever a text names."""

    def __init__(self, shared: Pool, pools: ByCell[Pool]) -> None:
        self._shared = shared
        self._pools = pools

    async def find(self, text: str) -> Hits:
        """Give what a text names.

        Raises:
            DatabaseUnavailableError: The database does not answer.
        """
        named = _Named.by(text)
        of_all, sources = await self._of_all_cells(named)
        keys = await _keys_of(named, sources)
        found = await asyncio.gather(*(self._of_cell(named, keys, cell, pool) for cell, pool in self._pools.items()))
        hits = list(dict.fromkeys(hit for part in (of_all, *found) for hit in part))
        hits.sort(key=lambda hit: _ORDER[hit.kind])
        return Hits(hits=hits[:HITS_MAX], truncated=len(hits) > HITS_MAX)

    async def _of_all_cells(self, named: _Named) -> tuple[list[Hit], list[Source]]:
        """Look at what all cells share, and give the sources that there are."""
        asked: dict[str, Mapping[str, object]] = {
            "events": {"event_id": named.text, "rows_max": HITS_MAX + 1},
            "sources": {"rows_max": _SOURCES_MAX},
        }
        if named.uuid is not None:
            asked["ledgers"] = {"uuid": named.uuid}
        found = await _found(self._shared, asked)
        hits = [
            Hit(
                kind=HitKind.LEDGER,
                ledger_id=row.ledger_id,
                source=row.source,
                currency_network_id=row.currency_network_id,
                created_at=row.created_at,
            )
            for row in found["ledgers"]
        ]
        hits += [
            Hit(
                kind=HitKind.PARKED_EVENT,
                event_ref=str(EventRef(cell=None, number=row.inbox_id)),
                source=row.source,
                created_at=row.received_at,
            )
            for row in found["events"]
        ]
        if event_ref(named.text) is not None:
            hits.append(Hit(kind=HitKind.PARKED_EVENT, event_ref=named.text))
        return hits, [Source(row.source) for row in found["sources"]]

    async def _of_cell(self, named: _Named, keys: Sequence[Key], cell: Cell, pool: Pool) -> list[Hit]:
        """Look at what one cell has: by keys and ids, and by texts."""
        limits: Mapping[str, object] = {"rows_max": HITS_MAX + 1, "looked_at_max": _LOOKED_AT_MAX}
        asked: dict[str, Mapping[str, object]] = {
            "transactions": {**limits, "keys": keys, "uuid": named.uuid, "tx_hashes": named.tx_hashes},
            "rounds": {**limits, "named": named.text},
            "journals": {**limits, "named": named.text},
        }
        player_id, session_id, address = _player_id(named.text), _session_id(named), wallet_address(named.text)
        event = _parse_event_id(named.text)
        if player_id is not None and self._pools.cells.of(player_id) == cell:
            asked["player"] = {"player_id": player_id}
        if session_id is not None:
            asked["session"] = {"uuid": session_id}
        if address is not None and self._pools.cells.of(address.owner_id) == cell:
            asked["wallet"] = {"wallet_id": address.wallet_id}
        if event is not None:
            asked["parked"] = {**limits, "uuid": event["tx_id"]}
        found = await _found(pool, asked)
        hits = [hit for row in found["transactions"] for hit in _transaction_hits(named, row)]
        if player_id is not None:
            hits += [Hit(kind=HitKind.PLAYER, player_id=player_id) for row in found["player"] if row.seen]
        hits += map(_session_hit, found["session"])
        if address is not None:
            hits += [
                Hit(
                    kind=HitKind.WALLET,
                    wallet_key=named.text,
                    ledger_id=address.ledger_id,
                    amount_minor=int(row.balance_minor),
                    created_at=row.created_at,
                )
                for row in found["wallet"]
            ]
        if event is not None:
            hits += [
                Hit(
                    kind=HitKind.PARKED_EVENT,
                    event_ref=str(EventRef(cell=cell, number=row.outbox_id)),
                    tx_id=event["tx_id"],
                )
                for row in found["parked"]
            ]
        hits += map(_round_hit, found["rounds"])
        hits += [hit for row in found["journals"] for hit in _journal_hits(named, row)]
        return hits


async def _found(pool: Pool, asked: Mapping[str, Mapping[str, object]]) -> Mapping[str, Sequence[Any]]:
    """Ask statements of a database in one round trip; gives the rows of each, of one that is not asked none."""
    async with pool.connection() as connection:
        found = await rows_together(connection, [(_SQL[name], parameters) for name, parameters in asked.items()])
    return defaultdict(tuple, zip(asked, found, strict=True))


async def _keys_of(named: _Named, sources: Sequence[Source]) -> list[Key]:
    """Give the keys that the text would have of each source: hashed once for all cells, while others go on."""
    keys = [deposit_key(named.text), withdrawal_key(named.text)]
    for begins in range(0, len(sources), _HASHED_AT_ONCE):
        keys += [caller_key(source, named.text) for source in sources[begins : begins + _HASHED_AT_ONCE]]
        await a_turn()
    return keys


def _player_id(text: str) -> PlayerId | None:
    is_id = text.isascii() and text.isdecimal() and text[0] != "0" and len(text) <= len(str(PLAYER_ID_MAX))
    return PlayerId(int(text)) if is_id and int(text) <= PLAYER_ID_MAX else None


def _session_id(named: _Named) -> str | None:
    address = session_address(named.text)
    return named.uuid if address is None else address.session_id


def _transaction_hits(named: _Named, row: Any) -> Iterator[Hit]:
    kind = Kind(row.kind)
    if row.how == "HASH":
        if kind is Kind.DEPOSIT:
            index = row.details.get("output_index")
            if named.output_index is not None and index is not None and index != named.output_index:
                return
            hit = HitKind.OUTPUT
        else:
            hit = HitKind.TRANSACTION
    else:
        hit = {Kind.DEPOSIT: HitKind.DEPOSIT, Kind.WITHDRAWAL_RESERVATION: HitKind.WITHDRAWAL}.get(
            kind, HitKind.TRANSACTION
        )
    yield Hit(
        kind=hit,
        player_id=max(row.owner_id, 0),
        currency_network_id=row.currency_network_id or 0,
        tx_id=row.tx_id,
        source=row.source,
        transaction_id=row.reference,
        transaction_kind=kind,
        game_code=row.game_code or "",
        round_id=row.round_id or "",
        amount_minor=int(row.amount_minor),
        created_at=row.created_at,
    )


def _session_hit(row: Any) -> Hit:
    return Hit(
        kind=HitKind.SESSION,
        session_token=session_token(row.session_id, row.owner_id, row.currency_network_id),
        player_id=row.owner_id,
        source=row.source,
        currency_network_id=row.currency_network_id,
        game_code=row.game_code,
        amount_minor=int(row.lock_amount_minor),
        created_at=row.opened_at,
    )


def _round_hit(row: Any) -> Hit:
    return Hit(
        kind=HitKind.ROUND,
        player_id=row.owner_id,
        source=row.source,
        currency_network_id=row.currency_network_id,
        game_code=row.game_code,
        round_id=row.round_id,
        created_at=row.created_at,
    )


def _journal_hits(named: _Named, row: Any) -> Iterator[Hit]:
    """Tell of an entry of a journal: of a session's what was played, and its round; of a wallet's what was written."""
    if row.caller_key is not None:
        yield Hit(
            kind=HitKind.TRANSACTION,
            source=row.source or "",
            transaction_id=row.transaction_id,
            wallet_key=f"{row.ledger_id}:{row.caller_key}",
            ledger_id=row.ledger_id,
            amount_minor=int(row.amount_minor),
            created_at=row.created_at,
        )
        return
    if row.currency_network_id is None:
        return
    token = session_token(row.subledger_id, row.owner_id, row.currency_network_id)
    if row.transaction_id == named.text and row.kind != Kind.SESSION_SETTLEMENT:
        yield Hit(
            kind=HitKind.TRANSACTION,
            player_id=row.owner_id,
            currency_network_id=row.currency_network_id,
            source=row.source,
            transaction_id=row.transaction_id,
            transaction_kind=Kind(row.kind),
            session_token=token,
            game_code=row.game_code,
            round_id=row.round_id or "",
            amount_minor=int(row.amount_minor),
            created_at=row.created_at,
        )
    if row.round_id == named.text:
        yield Hit(
            kind=HitKind.ROUND,
            player_id=row.owner_id,
            currency_network_id=row.currency_network_id,
            source=row.source,
            session_token=token,
            game_code=row.game_code,
            round_id=row.round_id,
        )
