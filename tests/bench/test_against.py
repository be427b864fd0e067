"""A comparison as it is run, with windows as short as they can be: this source against the commit that it stands on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="there is no other revision to be had")
def test_both_sides_are_measured_and_nothing_is_left_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--against", "HEAD", "--quick", "--rounds", "1", "--only", "sessions"]
    done = subprocess.run(
        [*command, "--json"],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["valid"]
    assert told["this"] == told["that"]
    quantities = told["workloads"]["sessions"]["quantities"]
    assert set(quantities) == {"throughput", "p50", "p99", "cpu", "cpu_wallet", "cpu_postgres", "batch", "wal", "disk"}
    for name, compared in quantities.items():
        assert compared["this"] > 0, name
        assert compared["that"] > 0, name
        assert compared["ratio"] == pytest.approx(compared["this"] / compared["that"], rel=0.01), name
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_are_refused_before_anything_starts() -> None:
    command = [sys.executable, "-m", "bench", "--against", "HEAD", "--only", "batch,growth"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "growth is none of batch, mixed" in done.stderr
