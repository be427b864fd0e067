"""What the benchmark holds its figures to: each aim names figures that there are, and what several windows come to."""

from __future__ import annotations

import pytest

from bench.report.figures import FIGURES, Of, Reading
from bench.report.targets import TARGETS, Target, judge

NAMES = {figure.name for figure in FIGURES}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.figure} {target.describe()}")
def test_an_aim_is_of_figures_that_there_are(target: Target) -> None:
    assert target.figure in NAMES, "an aim of another figure would be left out without a word"
    assert target.over is None or target.over in NAMES
    assert target.over != target.figure


@pytest.mark.parametrize(
    ("windows", "value"),
    [
        ([9.0, 8.0, 60.0, 7.0, 9.5], 9.5),
        ([9.0, 30.0, 60.0, 7.0, 9.5], 30.0),
        ([5.0], 5.0),
        ([5.0, 6.0], 6.0),
    ],
)
def test_four_windows_of_five_are_within_a_figure_under_pace(windows: list[float], value: float) -> None:
    reading = Reading(windows=windows, of=Of.FOUR_IN_FIVE)
    assert reading.value == value
    (verdict,) = judge({"paced_p99_ms": reading})
    assert verdict.holds is (value <= 10)


def test_windows_apart_are_averaged_and_floods_are_told_by_their_middle() -> None:
    assert Reading(windows=[1.0, 2.0, 9.0]).value == 4.0
    assert Reading(windows=[1.0, 2.0, 9.0], of=Of.MEDIAN).value == 2.0


def test_what_users_might_build_instead_has_no_aim() -> None:
    assert not {"hot_row_tps", "pgledger_tps"} & {name for target in TARGETS for name in (target.figure, target.over)}
