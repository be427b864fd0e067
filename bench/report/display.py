"""What a person sees while it runs: the whole run, what is being measured and how it goes, and each finished figure."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bench.report.figures import figure_named


class Display:
    """The live part of the terminal. Without a terminal only finished figures are printed."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._whole: TaskID | None = None
        self._part: TaskID | None = None

    @contextmanager
    def running(self, title: str, *, steps: int) -> Iterator[None]:
        """Show the run for a block."""
        with self._progress:
            self._whole = self._progress.add_task(title, total=steps, state="")
            yield

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show one step of the run for a block."""
        assert self._whole is not None
        self._progress.update(self._whole, state=name)
        yield
        self._progress.advance(self._whole)

    @contextmanager
    def part(self, name: str, *, total: float | None = None) -> Iterator[None]:
        """Show one part of a step for a block: `show` moves its bar."""
        before = self._part
        self._part = self._progress.add_task(f"  {name}", total=total, state="")
        try:
            yield
        finally:
            self._progress.remove_task(self._part)
            self._part = before

    def show(self, state: str, *, completed: float | None = None) -> None:
        """Tell how the part goes."""
        if self._part is not None:
            self._progress.update(self._part, state=state, completed=completed)

    def measured(self, name: str, value: float, note: str = "") -> None:
        """Print a figure's window when it is done."""
        figure = figure_named(name)
        number = f"{value:,.{figure.decimals}f} {figure.unit}"
        self.console.print(f"  {name:<24}[bold]{number:>14}[/]  [dim]{note}[/]", highlight=False)
