"""What a comparison with another revision makes of its windows, and how that revision is run."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import quantiles

import pytest

from bench.against.turns import QUANTITIES, Window, compare, turns
from bench.against.workloads import LONG, WORKLOADS, Ground, workloads_of
from bench.clients.orders import Content
from bench.servers.revision import Revision, RevisionError, commit_of, pins_of

WINDOW = Window(
    per_s=1_000.0,
    p50_ms=2.0,
    p99_ms=5.0,
    operations=4_000,
    server_us=60.0,
    postgres_us=40.0,
    wal_bytes=700.0,
    batch_operations=50.0,
    others_cores=0.0,
)


def test_sides_swap_places_from_round_to_round() -> None:
    assert list(turns(4)) == [("this", "that"), ("that", "this"), ("this", "that"), ("that", "this")]
    firsts = [first for first, _ in turns(6)]
    assert firsts.count("this") == firsts.count("that")


def test_a_ratio_is_the_median_of_the_rounds_not_of_the_sides() -> None:
    # The machine halves its speed from round to round; this side is always a tenth faster.
    compared = compare([110.0, 55.0, 22.0], [100.0, 50.0, 20.0])
    assert compared is not None
    assert compared.ratio == pytest.approx(1.1)
    assert (compared.this, compared.that) == (55.0, 50.0)
    # Medians of the sides alone would say 1.0 here, where two of three rounds say otherwise.
    drifting = compare([100.0, 60.0, 20.0], [50.0, 30.0, 60.0])
    assert drifting is not None
    assert drifting.ratio == pytest.approx(2.0)


def test_the_spread_leaves_out_the_outer_quarters() -> None:
    ratios = [0.1, 0.9, 1.0, 1.1, 9.0]
    compared = compare(ratios, [1.0] * 5)
    assert compared is not None
    assert [compared.low, compared.ratio, compared.high] == pytest.approx(quantiles(ratios, n=4, method="inclusive"))


@pytest.mark.parametrize(("ratios", "low", "high"), [([1.5], 1.5, 1.5), ([2.0, 1.0], 1.0, 2.0)])
def test_of_few_rounds_the_spread_is_all_of_them(ratios: list[float], low: float, high: float) -> None:
    compared = compare(ratios, [1.0] * len(ratios))
    assert compared is not None
    assert (compared.low, compared.high) == (low, high)


def test_what_the_other_side_has_none_of_has_no_ratio() -> None:
    assert compare([1.0, 2.0], [1.0, 0.0]) is None


def test_processor_time_is_of_wallet_and_database_together() -> None:
    told = {quantity.name: quantity.of(WINDOW) for quantity in QUANTITIES}
    assert told == {
        "throughput": 1_000.0,
        "p50": 2.0,
        "p99": 5.0,
        "cpu": 100.0,
        "cpu_wallet": 60.0,
        "cpu_postgres": 40.0,
        "batch": 50.0,
        "wal": 700.0,
    }


def test_workloads_are_found_by_name_and_write_to_their_ground() -> None:
    assert workloads_of(()) == WORKLOADS
    assert [workload.name for workload in workloads_of(("credit", "batch"))] == ["batch", "credit"]
    written = {Ground.SESSIONS: Content.SESSION_BETS, Ground.WALLETS: Content.WALLET_WRITES}
    for workload in WORKLOADS:
        wanted = written.get(workload.ground, Content.MIXED if workload.name == "mixed" else Content.BETS)
        assert workload.order(LONG).content is wanted, workload.name


def test_pins_are_names_and_versions_whatever_their_extras_and_hashes(tmp_path: Path) -> None:
    lock = tmp_path / "run.txt"
    lock.write_text(
        "aio-pika==10.2.1 \\\n    --hash=sha256:66c8\n"
        "psycopg[binary]==3.3.9 ; os_name != 'nt' \\\n    --hash=sha256:1\n"
    )
    assert pins_of(lock) == {("aio-pika", "10.2.1"), ("psycopg", "3.3.9")}


@pytest.mark.parametrize(
    ("packages", "module"), [(["wallet_grpc"], "wallet_grpc"), (["wallet_grpc", "wallet_cli"], "wallet_cli")]
)
def test_the_command_of_a_revision_is_where_it_lay_then(tmp_path: Path, packages: list[str], module: str) -> None:
    for package in packages:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__main__.py").touch()
    revision = Revision(commit="c0ffee", folder=tmp_path, python=Path(sys.executable))
    assert revision.command_line("migrate") == [sys.executable, "-P", "-m", module, "migrate"]
    assert revision.environment() == {"PYTHONPATH": str(tmp_path)}


def test_a_revision_that_is_not_there_is_told() -> None:
    with pytest.raises(RevisionError, match="git rev-parse"):
        commit_of("no-such-revision", repository=Path(__file__).parents[2])
