"""pgledger as a yardstick: a ledger in PostgreSQL alone, which a team might take instead of a wallet of its own.

Its source is not ours, so it is not here: whoever runs the benchmark fetches pgr0ss/pgledger and tells the folder. Each
bet is one call of its own function, `pgledger_create_transfer`, from the player's account to the house's. Ids of bets,
rounds, events and SERIALIZABLE are left to whoever uses it: it does less for a bet than the wallet.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.clients.workloads import DEPOSIT_MINOR
from bench.steps.plan import PLAYERS
from bench.steps.testbed import Testbed
from bench.yardsticks.yardstick_steps import record_best_of_clients

VARIABLE = "WALLET_BENCH_PGLEDGER"
"""The environment variable that names the folder."""

_DATABASE = "yardstick_pgledger"
_SQL = Path(__file__).with_name("sql")
BET = _SQL / "pgledger.pgbench"
"""One bet, for pgbench."""
_SOURCES = (
    "vendor/scoville-pgsql-ulid/ulid-to-uuid.sql",
    "vendor/scoville-pgsql-ulid/uuid-to-ulid.sql",
    "pgledger.sql",
)
"""What its README says is to be run, in this order."""


class PgledgerError(Exception):
    """The folder is not what it should be, or its SQL cannot be run; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pgledger:
    """Bets of 20,000 players, each a transfer to the one house account. The best number of clients counts."""

    name: str = "pgledger"
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def run(self, testbed: Testbed) -> None:
        """Install it and measure it; without its source, say what is missing.

        Raises:
            PgledgerError: What is there cannot be measured.
        """
        given = self.environment.get(VARIABLE)
        if not given:
            testbed.results.skip(self.name, f"{VARIABLE} names no folder that holds github.com/pgr0ss/pgledger")
            return
        server = testbed.server
        server.create_database(_DATABASE)
        install(Path(given), server.cluster.dsn(_DATABASE), players=PLAYERS)
        server.check_durable_as_superuser(_DATABASE)
        record_best_of_clients(testbed, self.name, _DATABASE, BET)
        server.drop_database(_DATABASE)


def install(source: Path, dsn: str, *, players: int) -> None:
    """Make pgledger's schema and the benchmark's accounts in an empty database.

    Raises:
        PgledgerError: The folder is not pgledger's, or its SQL cannot be run.
    """
    files = [source / name for name in _SOURCES]
    missing = [name for name, path in zip(_SOURCES, files, strict=True) if not path.is_file()]
    if missing:
        raise PgledgerError(f"{VARIABLE}: the folder has no {', '.join(missing)}: fetch pgr0ss/pgledger whole")
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for file in (*files, _SQL / "pgledger_accounts.sql"):
                connection.execute(file.read_bytes())
            connection.execute("SELECT open_accounts(%s, %s)", (players, DEPOSIT_MINOR))
    except psycopg.Error as error:
        raise PgledgerError(f"{VARIABLE}: its SQL cannot be run: {error}") from error
