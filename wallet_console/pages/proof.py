"""Proof: what `wallet verify` proves, its last run, and its findings."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet_console.command_lines import command
from wallet_console.tables import Column, Table, Tag, Text
from wallet_console.visits import PageRequest, Visit

from .page import Page


async def proof(visit: Visit) -> Response:
    """Show the last run."""
    answer = await visit.ask(pb.GetLastVerificationRequest())
    run = answer.verification if answer.HasField("verification") else None

    async def findings(_page: PageRequest) -> Table[Any]:
        return Table(
            title="Findings",
            columns=_FINDINGS,
            rows=() if run is None else run.findings,
            empty="Nothing is wrong.",
            command=command("verify", json=True),
            note=f"{run.findings_left_out} more are left out here." if run and run.findings_left_out else "",
        )

    async def checks(_page: PageRequest) -> Table[Any]:
        return Table(
            title="Checks",
            columns=_CHECKS,
            rows=() if run is None else run.checks,
            empty="No check is known.",
            command=command("verify"),
        )

    return await visit.page(
        "proof.html",
        run=run,
        findings=await visit.table("findings", findings),
        checks=await visit.table("checks", checks),
    )


_FINDINGS: tuple[Column[Any], ...] = (
    Column("Check", lambda row: Text(row.check)),
    Column("What", lambda row: Text(row.subject, is_id=True)),
    Column("What is wrong", lambda row: Text(row.problem)),
)
_CHECKS: tuple[Column[Any], ...] = (
    Column("Check", lambda row: Text(row.check)),
    Column("Findings", lambda row: Tag(str(row.findings), "bad" if row.findings else "good")),
)

PAGES = (Page("/proof", proof),)
