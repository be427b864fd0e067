"""Physical relations: what a statement names where Citus is to have no part in it.

On Citus a cell's table has two relations on the cell's node: `accounts`, which Citus plans, and `accounts_102035`, the
shard that holds the rows. A statement that names the second is PostgreSQL's alone: it is planned once, for any
parameters, at a third of the processor time (docs/scaling.md). So statements are written with the plain names, and
lanes put the physical ones in; the plain name stays as the alias, by which all columns are named.

What all cells share is copied to every node (reference tables). It is read there by its physical name as well, and
written by its plain one: only Citus writes all the copies.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_SITE = re.compile(
    r"\b(?P<verb>INSERT INTO|UPDATE|DELETE FROM|FROM|JOIN|USING)(?P<space>\s+)"
    r"(?P<name>[a-z_]+)\b(?![.(])(?P<alias>\s+AS\s+[a-z_]+)?"
)
_WRITES = {"INSERT INTO", "UPDATE", "DELETE FROM"}
_OUTBOX_ID = "nextval('outbox_events_outbox_id_seq')"
COUNTED_BITS = 40
"""How much of an outbox_id is counted; above it stands the epoch in which it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """The physical relations of one cell at one place."""

    of_cell: Mapping[str, str]
    """By their plain names."""
    shared: Mapping[str, str]
    epoch: int | None = None
    """How often the cell has moved, where that is needed: a lane's events are numbered by it."""

    def put_into(self, statement: str) -> str:
        """Name the physical relations in a statement; what is written of the shared ones keeps its plain name.

        A node counts with sequences of its own, so what is numbered at a new place could come before what was numbered
        at the old one. Events of one owner must not: the epoch goes before the count.
        """

        def at_site(site: re.Match[str]) -> str:
            physical = self.of_cell.get(site["name"])
            if physical is None and site["verb"] not in _WRITES:
                physical = self.shared.get(site["name"])
            if physical is None:
                return site[0]
            return f"{site['verb']}{site['space']}{physical}{site['alias'] or ' AS ' + site['name']}"

        written = _SITE.sub(at_site, statement)
        if _OUTBOX_ID not in written:
            return written
        assert self.epoch is not None, "who numbers events knows the epoch"
        counted = f"({_OUTBOX_ID} & {(1 << COUNTED_BITS) - 1})"
        return written.replace(_OUTBOX_ID, f"({self.epoch << COUNTED_BITS} | {counted})")


def tables_written(statement: str, names: Collection[str]) -> set[str]:
    """Give those of the tables that a statement writes to."""
    return {site["name"] for site in _SITE.finditer(statement) if site["verb"] in _WRITES} & set(names)
