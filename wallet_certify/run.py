"""A run: the front serves while a caller plays, and then the findings are made."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from .books import read_books
from .findings import BREACHES_SHOWN_MAX, Finding, Verdict, findings_of
from .front import Front
from .sightings import Sightings

_OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.so_reuseport", 0)]
_STOP_S = 2.0
_KILL_AFTER_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came out of a run."""

    operations: int
    mishaps: dict[str, int]
    findings: list[Finding]

    @property
    def verdict(self) -> Verdict:
        """BROKEN if a rule was broken; KEPT if all were seen and kept."""
        verdicts = {finding.verdict for finding in self.findings}
        return next(found for found in (Verdict.BROKEN, Verdict.UNSEEN, Verdict.KEPT) if found in verdicts)

    def as_json(self) -> dict[str, Any]:
        """Give it for programs."""
        return {
            "verdict": self.verdict.value,
            "operations": self.operations,
            "mishaps": self.mishaps,
            "rules": [
                {
                    "rule": finding.rule,
                    "where": finding.where,
                    "means": finding.means,
                    "verdict": finding.verdict.value,
                    "occasions": finding.occasions,
                    "breach_count": len(finding.breaches),
                    "breaches": [
                        {"transaction_id": breach.transaction_id, "what": breach.what}
                        for breach in finding.breaches[:BREACHES_SHOWN_MAX]
                    ],
                }
                for finding in self.findings
            ],
        }


class AddressTakenError(Exception):
    """The front cannot serve at its address."""


@asynccontextmanager
async def serving(wallet_address: str, listen: str) -> AsyncIterator[tuple[Sightings, str]]:
    """Serve the front while the block lasts; gives what it sees, and its address (a port of 0 is chosen).

    Raises:
        AddressTakenError: It cannot.
    """
    async with grpc.aio.insecure_channel(wallet_address, options=_OPTIONS) as wallet:
        front = Front(wallet)
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((front,))
        try:
            port = server.add_insecure_port(listen)
        except RuntimeError as error:
            raise AddressTakenError(f"{listen} cannot be bound") from error
        await server.start()
        try:
            yield front.sightings, f"{listen.rpartition(':')[0]}:{port}"
        finally:
            await server.stop(_STOP_S)


async def play(command: Sequence[str], environment: dict[str, str], within_s: float) -> int | None:
    """Run a caller's command to its end; gives its exit status, None if it had to be ended."""
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    with suppress(TimeoutError):
        return await asyncio.wait_for(process.wait(), within_s)
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _KILL_AFTER_S)
    except TimeoutError:
        process.kill()
        await process.wait()
    return None


def report_of(sightings: Sightings, books: Path | None) -> Report:
    """Make the report of a run.

    Raises:
        UnreadableBooksError: The caller's books cannot be used.
    """
    seen = sightings.by_key.values()
    return Report(
        operations=len(sightings),
        mishaps=dict(sorted(Counter(sighting.mishap.value for sighting in seen).items())),
        findings=findings_of(sightings, None if books is None else read_books(books)),
    )
