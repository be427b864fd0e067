"""Plans: a named statement as lanes prepare it, and what PostgreSQL says of how it runs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, LiteralString

from wallet_grpc.store.connection.statements import positional

_PARAMETER = re.compile(r"%\((\w+)\)s::(\w+ ?(?:\[\])?)")


def prepared(statement: LiteralString) -> tuple[list[str], str]:
    """Give a statement as lanes prepare it, and the types of its parameters."""
    types = dict(_PARAMETER.findall(statement))
    in_place = positional(statement)
    return [types.get(name, "TEXT") for name in in_place.names], in_place.text.decode()


def scans(row: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Give the scans of tables in what EXPLAIN gave."""
    return [node for node in nodes(row[0][0]["Plan"]) if "Relation Name" in node and "Scan" in node["Node Type"]]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give a plan's nodes, with those below them."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)
