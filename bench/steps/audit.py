"""Whether a workload counts: its ledger holds exactly what was acknowledged, and `wallet verify` finds nothing.

Rows that nobody was told of, acknowledgements without rows, a missing entry: any of them makes the whole run void.
"""

import json
import subprocess
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from bench.clients.orders import Outcome
from bench.clients.workloads import SESSION_BET, WALLET_WRITE
from bench.servers.database import Server
from bench.servers.wallet_server import BenchCommand

_VERIFY_TIMEOUT_S = 600.0
_SAID_CHARACTERS_MAX = 2000


@dataclass(slots=True, kw_only=True)
class Ledgered:
    """What a database's ledger must hold: transactions by kind, and entries; and the journals beside it."""

    transactions: Counter[str] = field(default_factory=Counter)
    entries: int = 0
    session_bets: int = 0
    """What the journals of sessions and credit wallets must hold."""

    def add(self, outcome: Outcome) -> None:
        """Expect what a load got acknowledged."""
        for kind, count in outcome.acknowledged.items():
            if kind in {SESSION_BET, WALLET_WRITE}:
                self.session_bets += count
            else:
                self.transactions[kind] += count
        self.entries += outcome.entries

    def copy(self) -> "Ledgered":
        """Return what a copy of the database must hold."""
        return Ledgered(transactions=Counter(self.transactions), entries=self.entries, session_bets=self.session_bets)


_TRANSACTIONS = """
    SELECT kind, status, count(*) FROM ledger_transactions
     WHERE kind NOT IN ('WALLET_POSTING', 'LEDGER_CREATION') GROUP BY kind, status
"""
_ENTRIES = """
    SELECT (SELECT count(*) FROM ledger_entries)
         - (SELECT coalesce(sum(entry_count), 0) FROM ledger_transactions WHERE kind = 'WALLET_POSTING')
"""
"""Those of postings are for `wallet verify` to count: how many there are hangs on the clock."""

_JOURNALS = """
    SELECT count(*) FILTER (WHERE kind = 'SESSION_SETTLEMENT'), count(*) FILTER (WHERE kind <> 'SESSION_SETTLEMENT')
      FROM subledger_entries
"""
"""The last entry of a settled session, and all others."""


def audit(server: Server, command: BenchCommand, database: str, expected: Ledgered, *, cells: int = 1) -> list[str]:
    """Return what is wrong with a database that nobody serves any more; empty if all is well."""
    return [*_miscounted(server, database, expected, cells), *unverified(command, database)]


def _miscounted(server: Server, database: str, expected: Ledgered, cells: int) -> list[str]:
    found: Counter[str] = Counter()
    for cell in range(cells):
        for kind, status, count in server.rows(database, _TRANSACTIONS, cell=cell):
            found[f"{kind} {status}"] += count
        found["entries"] += int(server.rows(database, _ENTRIES, cell=cell)[0][0])
        settled, played = server.rows(database, _JOURNALS, cell=cell)[0]
        found["settlements in journals"] += int(settled)
        found["session bets"] += int(played)
    wanted = {f"{kind} APPLIED": count for kind, count in expected.transactions.items()}
    wanted |= {"entries": expected.entries, "session bets": expected.session_bets}
    wanted["settlements in journals"] = expected.transactions["SESSION_SETTLEMENT"]
    return [
        f"{database}: {name}: {found.get(name, 0)} in the ledger, {wanted.get(name, 0)} acknowledged"
        for name in sorted(found.keys() | wanted.keys())
        if found.get(name, 0) != wanted.get(name, 0)
    ]


def unverified(command: BenchCommand, database: str) -> list[str]:
    """Return what `wallet verify` says against a database; empty if it finds nothing."""
    arguments = ("verify", "--json")
    try:
        done = subprocess.run(
            command.command_line(*arguments),
            env=command.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_VERIFY_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return [f"{database}: `wallet verify` took more than {_VERIFY_TIMEOUT_S:.0f} s"]
    if done.returncode == 0:
        return []
    said = done.stdout.strip() or done.stderr.strip()
    with suppress(ValueError):
        said = json.dumps(json.loads(said))
    return [f"{database}: `wallet verify` ended with status {done.returncode}: {said[:_SAID_CHARACTERS_MAX]}"]
