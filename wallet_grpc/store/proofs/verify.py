"""Verification: proves on a live database, without stopping it, that the ledger is whole.

Every statement is a snapshot of its own over a bounded chunk, so nothing is held for long, and each chunk is consistent
in itself: a mutation commits its transaction, entries and derived rows together.

Sums over the whole ledger need one moment for all of it. Transactions older than the cut (two minutes before the start;
no mutation takes that long from its id to its commit) can no longer change, so they are summed chunk by chunk; one last
statement reads, in one snapshot, the house accounts' balances and the few entries since the cut.

Of several cells each is verified as a ledger, by itself: each sums to zero, and so do all together.

Long because it has every check in the order in which a ledger is walked through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import psycopg

from wallet_grpc.domain.cells import Cell
from wallet_grpc.domain.identifiers import FIRST_UUID, LAST_UUID, first_id_at
from wallet_grpc.store.connection import kinds
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.operator.cells import all_cells, look_into

from .stuck import Stuck, find_stuck
from .verify_cells import cell_problems
from .verify_days import day_problems
from .verify_histories import one_row, walk_histories, walk_rows
from .verify_trail import approval_problems

_SQL = statements(
    __package__,
    "verify_transactions.sql",
    "verify_ledgers.sql",
    "verify_events.sql",
)

_LAST_SESSION = "7fffffff-ffff-ffff-ffff-ffffffffffff"
"""The ids of credit wallets come after it: their first bit is set, which the time of a session's id never reaches."""
_FIRST_OWNER = -(2**63)
_CUT_MS = 120_000
_TRANSACTIONS_CHUNK = 20_000
_EVENTS_CHUNK = 20_000
_OWNERS_CHUNK_FIRST = 200
_SESSIONS_CHUNK_FIRST = 50
_WALLETS_CHUNK_FIRST = 100
_ACCOUNTS_CHUNK_FIRST = 100
_STATEMENT_TIMEOUT_MS = 60_000
_ROWS = (("outputs", FIRST_UUID, "transaction "), ("withdrawals", "", ""), ("reservations", FIRST_UUID, ""))
"""What is kept of single rows, the id before the first, and what a subject of its problems lacks."""
_COUNTS = (
    "transactions",
    "entries",
    "accounts",
    "sessions",
    "session_entries",
    "wallets",
    "wallet_entries",
    "outbox_waiting",
)
_SHARED_SUBJECTS = "event "
"""How what stands in no cell is named."""


class Check(StrEnum):
    """What is proved; the values are the names in the output."""

    TRANSACTIONS_SUM_TO_ZERO = "transactions_sum_to_zero"
    ENTRIES_ARE_COMPLETE = "entries_are_complete"
    ENTRIES_FIT_THEIR_TRANSACTION = "entries_fit_their_transaction"
    KEYS_FIT_THEIR_IDS = "keys_fit_their_ids"
    REFERENCES_EXIST = "references_exist"
    AMOUNTS_EQUAL_THEIR_ENTRIES = "amounts_equal_their_entries"
    ROLLBACKS_EQUAL_WHAT_THEY_REVERSE = "rollbacks_equal_what_they_reverse"
    WITHDRAWALS_EQUAL_THEIR_TRANSACTIONS = "withdrawals_equal_their_transactions"
    OUTPUTS_FIT_THEIR_DEPOSITS = "outputs_fit_their_deposits"
    BALANCES_EQUAL_POSTINGS = "balances_equal_postings"
    VERSIONS_COUNT_POSTINGS = "versions_count_postings"
    NO_PLAYER_ACCOUNT_IS_NEGATIVE = "no_player_account_is_negative"
    BALANCES_FOLLOW_THEIR_POSTINGS = "balances_follow_their_postings"
    VERSIONS_NUMBER_TRANSACTIONS = "versions_number_transactions"
    MAIN_BALANCES_ARE_REMEMBERED = "main_balances_are_remembered"
    PLAYER_STATES_EQUAL_THEIR_TRANSACTIONS = "player_states_equal_their_transactions"
    HOLDS_EQUAL_OPEN_WITHDRAWALS = "holds_equal_open_withdrawals"
    SESSION_HOLDS_EQUAL_OPEN_SESSIONS = "session_holds_equal_open_sessions"
    SESSIONS_ARE_OPENED_AND_SETTLED = "sessions_are_opened_and_settled"
    SESSIONS_EQUAL_THEIR_JOURNAL = "sessions_equal_their_journal"
    JOURNALS_HAVE_NO_GAPS = "journals_have_no_gaps"
    SESSIONS_END_WITH_THEIR_JOURNAL = "sessions_end_with_their_journal"
    SETTLEMENTS_EQUAL_THEIR_JOURNAL = "settlements_equal_their_journal"
    OPEN_ROUNDS_ARE_COUNTED = "open_rounds_are_counted"
    LATE_ENTRIES_ARE_POSTED = "late_entries_are_posted"
    JOURNAL_BALANCES_FOLLOW = "journal_balances_follow"
    JOURNAL_REFERENCES_EXIST = "journal_references_exist"
    WALLETS_FIT_THEIR_KEYS = "wallets_fit_their_keys"
    WALLET_HOLDS_EQUAL_RESERVATIONS = "wallet_holds_equal_reservations"
    RESERVATIONS_FIT_THEIR_JOURNAL = "reservations_fit_their_journal"
    POSTINGS_EQUAL_THEIR_JOURNAL = "postings_equal_their_journal"
    POSTINGS_COVER_EACH_ENTRY_ONCE = "postings_cover_each_entry_once"
    WATERMARKS_EQUAL_POSTINGS = "watermarks_equal_postings"
    RANGES_EQUAL_LEDGER_ENTRIES = "ranges_equal_ledger_entries"
    UNPOSTED_WALLETS_ARE_QUEUED = "unposted_wallets_are_queued"
    LEDGERS_ARE_CREATED = "ledgers_are_created"
    JOURNAL_ACCOUNTS_EQUAL_POSTINGS = "journal_accounts_equal_postings"
    JOURNAL_HISTORIES_EQUAL_LEDGER_ENTRIES = "journal_histories_equal_ledger_entries"
    LEDGER_SUMS_TO_ZERO = "ledger_sums_to_zero"
    HOUSE_BALANCES_EQUAL_POSTINGS = "house_balances_equal_postings"
    EVENTS_HAVE_THEIR_EFFECT = "events_have_their_effect"
    DAYS_EQUAL_THEIR_ROWS = "days_equal_their_rows"
    DAYS_FOLLOW_EACH_OTHER = "days_follow_each_other"
    ACTS_ARE_IN_THE_TRAIL = "acts_are_in_the_trail"
    APPROVALS_FIT_THEIR_ADJUSTMENTS = "approvals_fit_their_adjustments"
    OWNERS_ARE_IN_THEIR_CELLS = "owners_are_in_their_cells"
    CLAIMS_FIT_THEIR_TRANSACTIONS = "claims_fit_their_transactions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, and where."""

    check: Check
    subject: str
    """The row: `transaction <tx_id>`, `account <account_id>`, `entry <entry_no> of transaction <tx_id>`,
    `owner <owner_id>`, `session <session_id>`, `event <inbox_id>`, `wallet <wallet_id>`, `ledger <ledger_id>`,
    `day <date>`."""
    problem: str


@dataclass(slots=True, kw_only=True)
class Report:
    """What was looked at, and what was found wrong."""

    transactions: int = 0
    entries: int = 0
    accounts: int = 0
    sessions: int = 0
    session_entries: int = 0
    wallets: int = 0
    wallet_entries: int = 0
    outbox_waiting: int = 0
    findings: list[Finding] = field(default_factory=list)
    stuck: list[Stuck] = field(default_factory=list)
    """What workers should have done by now; the ledger is whole without it."""

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a verification or a rebuild is."""

    phase: str
    done: int
    expected: int
    """An estimate: the ledger grows while it is read."""


def verify(
    database_url: str,
    *,
    posting_interval_ms: int = 0,
    expiry_grace_ms: int = 0,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Verify a ledger; needs to read only. What workers are allowed to wait for tells what is stuck.

    Raises:
        psycopg.Error: The database does not answer, or a chunk took longer than a minute.
    """
    kind = kinds.verifier(statement_timeout_ms=_STATEMENT_TIMEOUT_MS)
    with kinds.connect(database_url, kind, autocommit=True) as connection:
        cells = all_cells(connection)
        of_cells = []
        for cell in cells:
            look_into(connection, cell)
            part = Report()
            _verify_cell(connection, part, on_progress if len(cells) == 1 else _of_cell(cell, on_progress))
            part.stuck = find_stuck(
                connection, posting_interval_ms=posting_interval_ms, expiry_grace_ms=expiry_grace_ms
            )
            for problems in approval_problems(connection, cell, len(cells)):
                _note(part, problems)
            if len(cells) > 1:
                for problems in cell_problems(connection, cell, len(cells)):
                    _note(part, problems)
            of_cells.append(part)
    return _together(cells, of_cells)


def _verify_cell(connection: psycopg.Connection[Any], report: Report, on_progress: Callable[[Progress], None]) -> None:
    """Verify the ledger of the cell that the connection looks into."""
    transactions_estimate, owners, sessions, wallets = one_row(connection, _SQL["facts"], {})
    cut = cut_of(connection)
    sums = _Sums()
    for transactions, entries in _verify_transactions(connection, cut, sums, report):
        report.transactions += transactions
        report.entries += entries
        on_progress(Progress(phase="transactions", done=report.transactions, expected=transactions_estimate))
    for done in _verify_owners(connection, report):
        on_progress(Progress(phase="owners", done=done, expected=owners))
    for rows, done in _verify_rows(connection, report):
        on_progress(Progress(phase=rows, done=done, expected=done))
    for done in _verify_sessions(connection, report):
        on_progress(Progress(phase="sessions", done=done, expected=sessions))
    for done in _verify_wallets(connection, report):
        on_progress(Progress(phase="wallets", done=done, expected=wallets))
    _verify_journal_accounts(connection, report)
    _verify_sums(connection, cut, sums, report)
    for done in _verify_events(connection, report):
        on_progress(Progress(phase="events", done=done, expected=done))
    for done, problems in day_problems(connection):
        _note(report, problems)
        on_progress(Progress(phase="days", done=done, expected=done))
    (report.outbox_waiting,) = one_row(connection, _SQL["outbox_waiting"], {})


def _of_cell(cell: Cell, on_progress: Callable[[Progress], None]) -> Callable[[Progress], None]:
    return lambda progress: on_progress(replace(progress, phase=f"{progress.phase} of cell {cell}"))


def _together(cells: Sequence[Cell], of_cells: Sequence[Report]) -> Report:
    """Put the reports of cells together: what is wrong names its cell, unless it is of what all cells share."""
    if len(cells) == 1:
        return of_cells[0]
    whole = Report()
    for cell, part in zip(cells, of_cells, strict=True):
        for count in _COUNTS:
            setattr(whole, count, getattr(whole, count) + getattr(part, count))
        for finding in part.findings:
            if not _is_shared(finding):
                whole.findings.append(replace(finding, subject=f"{finding.subject} in cell {cell}"))
        for stuck in part.stuck:
            if not stuck.subject.startswith(_SHARED_SUBJECTS):
                whole.stuck.append(replace(stuck, subject=f"{stuck.subject} in cell {cell}"))
            elif stuck not in whole.stuck:
                whole.stuck.append(stuck)
    first, *others = of_cells
    whole.findings += [
        finding
        for finding in first.findings
        if _is_shared(finding) and all(finding in part.findings for part in others)
    ]
    return whole


def _is_shared(finding: Finding) -> bool:
    """Whether it is about a row of no cell, which only some cell has to know of."""
    return finding.check is Check.EVENTS_HAVE_THEIR_EFFECT or (
        finding.check is Check.LEDGERS_ARE_CREATED and finding.subject.startswith("ledger ")
    )


@dataclass(slots=True)
class _Sums:
    """What the entries before the cut sum to, in minor units."""

    by_network: dict[int, int] = field(default_factory=dict)
    by_house_account: dict[int, int] = field(default_factory=dict)

    def add(self, network_id: int, house_account_id: int | None, total: int) -> None:
        self.by_network[network_id] = self.by_network.get(network_id, 0) + total
        if house_account_id is not None:
            self.by_house_account[house_account_id] = self.by_house_account.get(house_account_id, 0) + total


def _verify_transactions(
    connection: psycopg.Connection[Any], cut: str, sums: _Sums, report: Report
) -> Iterator[tuple[int, int]]:
    """Check transactions and entries against each other, over the whole range of ids, orphaned entries included."""
    after = FIRST_UUID
    while after != LAST_UUID:
        end = connection.execute(
            _SQL["transactions_chunk_end"], {"after": after, "chunk": _TRANSACTIONS_CHUNK}
        ).fetchone()
        upto = end[0] if end else LAST_UUID
        transactions, entries, problems, totals = one_row(
            connection, _SQL["transactions_chunk"], {"after": after, "upto": upto, "cut": cut}
        )
        _note(report, problems, prefix="transaction ")
        for network_id, account_id, total in totals or []:
            sums.add(network_id, account_id, int(total))
        after = upto
        yield transactions, entries


def _verify_owners(connection: psycopg.Connection[Any], report: Report) -> Iterator[int]:
    """Check what is derived, owner by owner."""
    done = 0
    for chunk, (accounts, problems) in walk_histories(connection, "owners", _FIRST_OWNER, first=_OWNERS_CHUNK_FIRST):
        report.accounts += accounts
        _note(report, problems)
        done += chunk
        yield done


def _verify_rows(connection: psycopg.Connection[Any], report: Report) -> Iterator[tuple[str, int]]:
    """Check that what is kept of outputs, withdrawals and reservations was made by an entry or a transaction.

    The other way round is a check of those.
    """
    for rows, first, prefix in _ROWS:
        for done, problems in walk_rows(connection, rows, first):
            _note(report, problems, prefix=prefix)
            yield rows, done


def _verify_sessions(connection: psycopg.Connection[Any], report: Report) -> Iterator[int]:
    """Check sessions and their journals against each other and the ledger, journals without a session included."""
    for _, (sessions, entries, problems) in walk_histories(
        connection, "sessions", FIRST_UUID, last=_LAST_SESSION, first=_SESSIONS_CHUNK_FIRST
    ):
        report.sessions += sessions
        report.session_entries += entries
        _note(report, problems)
        yield report.sessions


def _verify_wallets(connection: psycopg.Connection[Any], report: Report) -> Iterator[int]:
    """Check credit wallets, their journals, reservations and postings: journal = balance = posted + unposted."""
    for _, (wallets, entries, problems) in walk_histories(
        connection, "wallets", _LAST_SESSION, last=LAST_UUID, first=_WALLETS_CHUNK_FIRST
    ):
        report.wallets += wallets
        report.wallet_entries += entries
        _note(report, problems)
        yield report.wallets


def _verify_journal_accounts(connection: psycopg.Connection[Any], report: Report) -> None:
    """Check ledgers, and the accounts that callers defined in them, against their histories."""
    _note(report, one_row(connection, _SQL["ledgers"], {})[0])
    for _, (accounts, problems) in walk_histories(connection, "journal_accounts", 0, first=_ACCOUNTS_CHUNK_FIRST):
        report.accounts += accounts
        _note(report, problems)


def _note(report: Report, problems: Sequence[tuple[str, str, str]] | None, *, prefix: str = "") -> None:
    """Put into the report what a statement found wrong: each a check's name, a subject and a problem."""
    report.findings.extend(
        Finding(check=Check(name), subject=f"{prefix}{subject}", problem=problem)
        for name, subject, problem in problems or []
    )


def _verify_sums(connection: psycopg.Connection[Any], cut: str, sums: _Sums, report: Report) -> None:
    """Check what only the whole ledger can show: it sums to zero, and house accounts equal their postings."""
    by_network = dict(sums.by_network)
    counted: set[int] = set()
    for account_id, network_id, account_type, balance, recent, network_recent in connection.execute(
        _SQL["house_accounts"], {"cut": cut}
    ).fetchall():
        report.accounts += 1
        if network_id not in counted:
            counted.add(network_id)
            by_network[network_id] = by_network.get(network_id, 0) + int(network_recent)
        posted = sums.by_house_account.get(account_id, 0) + int(recent)
        if posted != int(balance):
            report.findings.append(
                Finding(
                    check=Check.HOUSE_BALANCES_EQUAL_POSTINGS,
                    subject=f"account {account_id}",
                    problem=f"{account_type} in network {network_id}: the derived balance is {balance}, "
                    f"its postings sum to {posted}",
                )
            )
    report.findings.extend(
        Finding(
            check=Check.LEDGER_SUMS_TO_ZERO,
            subject=f"currency network {network_id}",
            problem=f"all its entries sum to {total}",
        )
        for network_id, total in sorted(by_network.items())
        if total != 0
    )


def _verify_events(connection: psycopg.Connection[Any], report: Report) -> Iterator[int]:
    """Check that each received event that counts as applied has its effect."""
    after: int | None = 0
    done = 0
    while after is not None:
        events, after, without_effect = one_row(
            connection, _SQL["events_chunk"], {"after": after, "chunk": _EVENTS_CHUNK}
        )
        report.findings.extend(
            Finding(
                check=Check.EVENTS_HAVE_THEIR_EFFECT,
                subject=f"event {inbox_id}",
                problem="it counts as applied, and what it tells is not in the ledger",
            )
            for inbox_id in without_effect
        )
        done += events
        yield done


def cut_of(connection: psycopg.Connection[Any]) -> str:
    """Give the id before which no transaction can be stored any more, in the cell that a connection looks into."""
    (cut,) = one_row(connection, _SQL["cut"], {"cut_ms": _CUT_MS})
    return first_id_at(cut)
