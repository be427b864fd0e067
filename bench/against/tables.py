"""How a comparison is told: a table for people, and JSON."""

import json
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.against.comparison import Comparison, WorkloadComparison
from bench.against.turns import DISK, QUANTITIES

_TOLD = {quantity.name: (quantity.unit, quantity.meaning, quantity.decimals) for quantity in QUANTITIES} | {
    DISK: ("B", "an operation, in all rounds", 0)
}


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print each workload's quantities and their ratios."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("workload")
    table.add_column("quantity")
    table.add_column(f"this ({comparison.this})", justify="right")
    table.add_column(f"that ({comparison.that})", justify="right")
    table.add_column("this over that", justify="right")
    table.add_column("half of the rounds", justify="right", style="dim")
    table.add_column("what", style="dim")
    for done in comparison.workloads:
        _add(table, done)
    console.print(f"\n[bold]{comparison.extent.name} comparison[/], {comparison.rounds} rounds: medians")
    console.print(table)
    for what in comparison.complaints:
        console.print(f"[bold red]VOID[/] {escape(what)}", soft_wrap=True)


def render_json(comparison: Comparison) -> str:
    """Render everything, each window included."""
    content = {
        "this": comparison.this,
        "that": comparison.that,
        "extent": comparison.extent.name,
        "rounds": comparison.rounds,
        "window_s": comparison.extent.plan.window_s,
        "valid": not comparison.complaints,
        "void_reasons": comparison.complaints,
        "workloads": {done.workload: _workload(done) for done in comparison.workloads},
    }
    return json.dumps(content, indent=2)


def _add(table: Table, done: WorkloadComparison) -> None:
    for place, (name, compared) in enumerate(done.quantities.items()):
        unit, meaning, decimals = _TOLD[name]
        table.add_row(
            "" if place else done.workload,
            name,
            f"{compared.this:,.{decimals}f} {unit}",
            f"{compared.that:,.{decimals}f} {unit}",
            f"{compared.ratio:.3f}",
            f"{compared.low:.3f} to {compared.high:.3f}" if name != DISK else "",
            meaning,
        )


def _workload(done: WorkloadComparison) -> dict[str, Any]:
    return {
        "quantities": {name: _rounded(asdict(compared)) for name, compared in done.quantities.items()},
        "windows": {name: [_rounded(asdict(window)) for window in windows] for name, windows in done.windows.items()},
    }


def _rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: round(number, 4) for name, number in numbers.items()}
