"""How a run is told: the table at its end, and `bench/results/latest.json`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.report.figures import FIGURES
from bench.report.results import Results
from bench.report.targets import Verdict, judge

_MARKS = {True: "[green]reached[/]", False: "[red]missed[/]", None: "[yellow]not decided[/]"}
LATEST = Path(__file__).resolve().parents[1] / "results" / "latest.json"


def print_report(console: Console, results: Results, *, decides: bool) -> None:
    """Print the figures and how they stand against the targets."""
    console.print("\n[bold]Figures[/]")
    console.print(_figures(results))
    remark = "" if decides else " (a quick run decides nothing: its windows are short, its ledger is small)"
    console.print(f"\n[bold]Targets[/]{remark}")
    console.print(_targets(judge(results.readings)))
    for step, reason in results.skipped.items():
        console.print(f"[yellow]skipped[/] {step}: {escape(reason)}", soft_wrap=True)
    for reason in results.void_reasons:
        console.print(f"[bold red]VOID[/] {escape(reason)}", soft_wrap=True)


def write_latest(results: Results, *, mode: str, machine: Mapping[str, Any], started_at: str, took_s: float) -> None:
    """Write the results file: everything, and no path of this machine."""
    content = {
        "mode": mode,
        "started_at": started_at,
        "took_s": round(took_s, 1),
        "valid": not results.void_reasons,
        "void_reasons": results.void_reasons,
        "skipped": results.skipped,
        "figures": {
            figure.name: {
                "value": round(results.readings[figure.name].value, max(figure.decimals, 1)),
                "unit": figure.unit,
                "windows": [round(window, max(figure.decimals, 1)) for window in results.readings[figure.name].windows],
                "note": results.readings[figure.name].note,
            }
            for figure in FIGURES
            if figure.name in results.readings
        },
        "targets": [_target(verdict) for verdict in judge(results.readings)],
        "machine": machine,
        **results.details,
        "workloads": results.workloads,
    }
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(content, indent=2) + "\n")


def _figures(results: Results) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("windows", justify="right", style="dim")
    table.add_column("what", style="dim")
    for figure in FIGURES:
        reading = results.readings.get(figure.name)
        if reading is None:
            continue
        windows = " ".join(f"{window:,.{figure.decimals}f}" for window in reading.windows)
        what = figure.meaning + (f"; {reading.note}" if reading.note else "")
        value = f"{reading.value:,.{figure.decimals}f} {figure.unit}".strip()
        table.add_row(figure.name, value, windows if len(reading.windows) > 1 else "", what)
    return table


def _targets(verdicts: Sequence[Verdict]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column("figure")
    table.add_column("target")
    table.add_column("reached", justify="right")
    table.add_column("")
    for verdict in verdicts:
        reached = f"{verdict.reached:.4f}" if verdict.target.limit < 0.1 else f"{verdict.reached:.2f}"
        table.add_row(verdict.target.figure, verdict.target.describe(), reached, _MARKS[verdict.holds])
    return table


def _target(verdict: Verdict) -> dict[str, Any]:
    target = verdict.target
    return {
        "figure": target.figure,
        "over": target.over,
        "enough": target.enough,
        "bound": target.bound,
        "limit": target.limit,
        "reached": round(verdict.reached, 4),
        "holds": verdict.holds,
    }
