"""`wallet certify`: a caller's backend plays against an unkind network, and is told which rules it broke."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from wallet_cli.running_stack import read_stack

_STATUSES = {"kept": 0, "broken": 1, "unseen": 3}
"""What the command exits with; 2 is of wrong options."""


@click.command("certify", context_settings={"ignore_unknown_options": True})
@click.option(
    "--wallet", "wallet_address", help="The TEST wallet's `host:port`. Default: that of a running `make run`."
)
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="Where the caller is to find it; 0: any port.")
@click.option("--books", type=click.Path(path_type=Path, dir_okay=False), help="The caller's own books, CSV.")
@click.option("--within", "within_s", type=click.IntRange(1, 86_400), default=600, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def certify_command(
    *, wallet_address: str | None, listen: str, books: Path | None, within_s: int, as_json: bool, command: Sequence[str]
) -> None:
    """Run COMMAND, a caller's backend that plays, and tell which rules it broke (docs/certify.md).

    It finds the wallet at WALLET_CERTIFY_ADDRESS, and may write its books to WALLET_CERTIFY_BOOKS. Exits with 0 if
    every rule was kept, 1 if one was broken, 3 if the play was too short to see all of them.
    """
    address = wallet_address or (read_stack() or {}).get("grpc_address")
    if address is None:
        raise click.UsageError("no wallet: start `make run`, or say --wallet HOST:PORT")
    sys.exit(asyncio.run(_certify(address, listen, books, within_s, command, as_json=as_json)))


async def _certify(
    wallet: str, listen: str, books: Path | None, within_s: int, command: Sequence[str], *, as_json: bool
) -> int:
    from wallet_certify.books import UnreadableBooksError
    from wallet_certify.run import AddressTakenError, play, report_of, serving

    with tempfile.TemporaryDirectory(prefix="wallet-certify-") as folder:
        path = books or Path(folder) / "books.csv"
        try:
            async with serving(wallet, listen) as (sightings, address):
                told = {"WALLET_CERTIFY_ADDRESS": address, "WALLET_CERTIFY_BOOKS": str(path)}
                status = await play(command, {**os.environ, **told}, within_s)
            report = report_of(sightings, path if path.exists() else None)
        except (UnreadableBooksError, AddressTakenError, OSError) as error:
            raise click.ClickException(str(error)) from error
    if status != 0:
        ended = f"was ended after {within_s} s" if status is None else f"ended with status {status}"
        click.echo(f"The caller {ended}: what it left undone counts.", err=True)
    click.echo(json.dumps(report.as_json(), indent=2) if as_json else _table(report.as_json()))
    return _STATUSES[report.verdict.value]


def _table(report: dict[str, object]) -> str:
    rules = report["rules"]
    mishaps = report["mishaps"]
    assert isinstance(rules, list)
    assert isinstance(mishaps, dict)
    met = ", ".join(f"{count} {name}" for name, count in mishaps.items()) or "none"
    lines = [f"{report['operations']} operations, which met: {met}", ""]
    for rule in rules:
        lines.append(f"{rule['verdict'].upper():7} {rule['rule']:18} {rule['means']} ({rule['where']})")
        lines += [f"{'':8}{breach['transaction_id']}: {breach['what']}" for breach in rule["breaches"]]
        left = rule["breach_count"] - len(rule["breaches"])
        lines += [f"{'':8}and {left} more"] if left else []
    return "\n".join(lines)
