"""The course of a comparison: both revisions are served, and windows are measured in turns, never both at once."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench.against.side import SETTINGS, Side, SideBench
from bench.against.turns import DISK, QUANTITIES, Compared, Name, Window, compare, turns
from bench.against.workloads import Extent, Workload
from bench.report.display import Display
from bench.servers.database import private_server
from bench.servers.revision import commit_of, unpacked
from bench.servers.wallet_server import repository


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadComparison:
    """What a workload came to."""

    workload: str
    quantities: dict[str, Compared]
    """By name; those that a workload has none of are left out."""
    windows: dict[Name, list[Window]]
    """By side, one a round."""
    complaints: list[str]
    """What makes it void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a run came to."""

    this: str
    """The commit that is checked out here; what is changed and not committed is measured with it."""
    that: str
    extent: Extent
    rounds: int
    workloads: Sequence[WorkloadComparison]

    @property
    def complaints(self) -> list[str]:
        """What makes the run void; empty if it counts."""
        return [f"{done.workload}: {what}" for done in self.workloads for what in done.complaints]


def compare_with(
    revision: str, workloads: Sequence[Workload], *, extent: Extent, rounds: int, display: Display
) -> Comparison:
    """Measure this source and a revision, in turns.

    Raises:
        RevisionError: The revision cannot be had or run.
        StackError: A server did not come up or ended.
        NotDurableError: A database would not keep what it acknowledges.
    """
    say = display.console.print
    steps = 1 + len(workloads) * rounds
    with ExitStack() as stack:
        stack.enter_context(display.running(f"against {revision}", steps=steps))
        with display.step("both are made ready"):
            other = stack.enter_context(unpacked(revision, repository=repository(), say=say))
            sides = {
                "this": Side.prepared(
                    "this", stack.enter_context(private_server(settings=SETTINGS)), extent=extent, display=display
                ),
                "that": Side.prepared(
                    "that",
                    stack.enter_context(private_server(revision=other, settings=SETTINGS)),
                    extent=extent,
                    display=display,
                ),
            }
        done = [_compare(workload, sides["this"], sides["that"], rounds=rounds) for workload in workloads]
    return Comparison(
        this=commit_of("HEAD", repository=repository()),
        that=other.commit,
        extent=extent,
        rounds=rounds,
        workloads=done,
    )


def _compare(workload: Workload, this: Side, that: Side, *, rounds: int) -> WorkloadComparison:
    display = this.display
    display.console.print(f"[bold]{workload.name}[/]")
    with this.bench(workload) as ours, that.bench(workload) as theirs:
        benches: dict[Name, SideBench] = {"this": ours, "that": theirs}
        for number, order in enumerate(turns(rounds), start=1):
            with display.step(f"{workload.name}, round {number} of {rounds}"):
                for name in order:
                    benches[name].measure()
                display.console.print(_told(number, ours.windows[-1], theirs.windows[-1]), highlight=False)
    windows: dict[Name, list[Window]] = {"this": ours.windows, "that": theirs.windows}
    quantities = {
        quantity.name: compared
        for quantity in QUANTITIES
        if (
            compared := compare(
                [quantity.of(window) for window in ours.windows], [quantity.of(window) for window in theirs.windows]
            )
        )
        is not None
    }
    disk = compare([_bytes_each(ours)], [_bytes_each(theirs)])
    if disk is not None:
        quantities[DISK] = disk
    return WorkloadComparison(
        workload=workload.name,
        quantities=quantities,
        windows=windows,
        complaints=[*ours.complaints, *theirs.complaints],
    )


def _bytes_each(bench: SideBench) -> float:
    return bench.grown_bytes / max(1, bench.acknowledged)


def _told(number: int, this: Window, that: Window) -> str:
    others = max(this.others_cores, that.others_cores)
    return (
        f"  [dim]round {number}:[/] {this.per_s:>9,.0f} and {that.per_s:>9,.0f} /s, "
        f"{this.cpu_us:>8,.1f} and {that.cpu_us:>8,.1f} us each"
        f"  [dim]others busy with {others:.2f} cores[/]"
    )
