"""What the wallet and PostgreSQL spend a window on: py-spy on the workers, pg_stat_statements where the server has it.

Only with `--profile`: sampling costs a little, so figures of such a run are not compared with others.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import LiteralString

import psycopg

from bench.servers.database import Server
from bench.servers.wallet_server import RunningWallet

_SAMPLES_PER_S = 200
_END_WITHIN_S = 30.0
_TOP = 25
_STATEMENTS: LiteralString = """
    SELECT calls, round(total_exec_time::NUMERIC, 1) AS total_ms, round(mean_exec_time::NUMERIC, 4) AS mean_ms, rows,
        shared_blks_hit, wal_bytes, left(regexp_replace(query, '\\s+', ' ', 'g'), 160) AS query
    FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = %(database)s)
    ORDER BY total_exec_time DESC LIMIT 25
"""


class Profiler:
    """Profiles of a run, a few files each workload in one folder."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._samplers: list[subprocess.Popen[bytes]] = []
        self._has_statements = False
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(psycopg.Error):  # PostgreSQL's wheel comes without it
            server.execute("postgres", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            server.rows("postgres", "SELECT count(*) FROM pg_stat_statements")
            self._has_statements = True

    def start(self, workload: str, wallet: RunningWallet, seconds: float) -> None:
        """Begin, as the window opens."""
        if self._has_statements:
            self._server.execute("postgres", "SELECT pg_stat_statements_reset()")
        py_spy = str(Path(sys.executable).with_name("py-spy"))
        for number, pid in enumerate(wallet.worker_pids()):
            output = self._folder / f"{workload}.{number}.raw"
            arguments = ["--pid", str(pid), "--format", "raw", "--output", str(output)]
            timing = ["--duration", str(max(1, int(seconds))), "--rate", str(_SAMPLES_PER_S), "--gil"]
            self._samplers.append(
                subprocess.Popen(
                    [py_spy, "record", *arguments, *timing],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )

    def finish(self, workload: str, database: str) -> None:
        """Write what was seen."""
        for sampler in self._samplers:
            with suppress(subprocess.TimeoutExpired):
                sampler.wait(_END_WITHIN_S)
            if sampler.poll() is None:
                sampler.kill()
                sampler.wait()
        self._samplers.clear()
        stacks = [line for raw in self._folder.glob(f"{workload}.*.raw") for line in raw.read_text().splitlines()]
        (self._folder / f"{workload}.top.txt").write_text(_top(stacks))
        if not self._has_statements:
            return
        with psycopg.connect(self._server.cluster.superuser_dsn) as connection:
            rows = connection.execute(_STATEMENTS, {"database": database}).fetchall()
        lines = ["calls\ttotal_ms\tmean_ms\trows\tblks_hit\twal_bytes\tquery"]
        lines.extend("\t".join(map(str, row)) for row in rows)
        (self._folder / f"{workload}.statements.tsv").write_text("\n".join(lines) + "\n")


def _top(stacks: Sequence[str]) -> str:
    """Return the functions that the samples were in, and those that they were under; lines of one function add up."""
    own: Counter[str] = Counter()
    under: Counter[str] = Counter()
    for stack in stacks:
        frames, _, count = stack.rpartition(" ")
        functions = [frame.rpartition(":")[0] or frame for frame in frames.split(";")]
        own[functions[-1]] += int(count)
        under.update(dict.fromkeys(functions, int(count)))
    total = own.total() or 1
    lines = [f"{total} samples of threads that held the GIL"]
    for title, counted in (("own time", own), ("with callees", under)):
        lines.extend(["", title])
        lines.extend(f"{count / total:7.1%}  {function}" for function, count in counted.most_common(_TOP))
    return "\n".join(lines) + "\n"
