"""`wallet verify`: for each invariant that it checks, a violation is planted, and verify names that row.

Long because each invariant has its violation here.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import grpc
import psycopg
import pytest
from google.protobuf.message import Message
from support.approvals import approved_adjustment
from support.credit import Purse, credit_of, wait_until_posted
from support.database import Installation, own_installation
from support.requests import settle
from support.server import WalletServer
from support.sessions import sessions_of

from wallet.v1.ledger_pb2 import JournalPosting, PostJournalEntryRequest
from wallet.v1.wallet_pb2 import PLAYER_STATE_BLOCKED, WIN_KIND_PROMO
from wallet_grpc.domain.credit.state import wallet_address
from wallet_grpc.domain.sessions.state import session_address
from wallet_grpc.store.proofs import rebuild
from wallet_grpc.store.proofs.rebuild import Correction, rebuild_balances
from wallet_grpc.store.proofs.verify import Check, verify
from wallet_grpc.store.proofs.verify_histories import walk_histories

TRIES_MAX = 20

# Check: how it is broken, past the triggers as nobody but a superuser can, and the subject that verify must name.
# {bet} is a bet of 10 of player {player}; {main} the player's MAIN account, {hold} the WITHDRAW_HOLD one.
OF_SEVERAL_CELLS = {Check.OWNERS_ARE_IN_THEIR_CELLS, Check.CLAIMS_FIT_THEIR_TRANSACTIONS}
"""Planted in tests/cells/test_cells.py."""
PLANTED = {
    Check.TRANSACTIONS_SUM_TO_ZERO: (
        "UPDATE ledger_entries SET amount_minor = amount_minor + 1 WHERE tx_id = '{bet}' AND balance_after IS NULL",
        "transaction {bet}",
    ),
    Check.ENTRIES_ARE_COMPLETE: ("DELETE FROM ledger_entries WHERE tx_id = '{bet}'", "transaction {bet}"),
    Check.ACTS_ARE_IN_THE_TRAIL: (
        "DELETE FROM operator_actions WHERE action_id = '{adjustment}'",
        "transaction {adjustment}",
    ),
    Check.APPROVALS_FIT_THEIR_ADJUSTMENTS: (
        "UPDATE adjustment_decisions SET tx_id = '{adjustment}' WHERE proposal_id = '{proposal}'",
        "proposal {proposal}",
    ),
    Check.ENTRIES_FIT_THEIR_TRANSACTION: (
        "UPDATE ledger_entries SET account_id = 987654321 WHERE tx_id = '{bet}' AND balance_after IS NULL",
        "transaction {bet}",
    ),
    Check.KEYS_FIT_THEIR_IDS: (
        "UPDATE ledger_transactions SET reference = reference || 'x' WHERE tx_id = '{bet}'",
        "transaction {bet}",
    ),
    Check.REFERENCES_EXIST: (
        "UPDATE ledger_transactions SET reference_tx_id = gen_random_uuid() WHERE tx_id = '{bet}'",
        "transaction {bet}",
    ),
    Check.AMOUNTS_EQUAL_THEIR_ENTRIES: (
        "UPDATE ledger_transactions SET amount_minor = amount_minor + 1 WHERE tx_id = '{bet}'",
        "transaction {bet}",
    ),
    Check.ROLLBACKS_EQUAL_WHAT_THEY_REVERSE: (
        "UPDATE ledger_transactions SET win_amount_minor = win_amount_minor + 1 WHERE tx_id = '{rollback}'",
        "transaction {rollback}",
    ),
    Check.WITHDRAWALS_EQUAL_THEIR_TRANSACTIONS: (
        "UPDATE withdrawals SET state = 'FAILED' WHERE owner_id = {player} AND state = 'SETTLED'",
        "transaction {reservation}",
    ),
    Check.OUTPUTS_FIT_THEIR_DEPOSITS: (
        "DELETE FROM deposit_outputs WHERE tx_id = '{deposit}'",
        "transaction {deposit} the output that it credits",
    ),
    Check.MAIN_BALANCES_ARE_REMEMBERED: (
        "UPDATE ledger_transactions SET main_balance_after_minor = 1 WHERE tx_id = '{settlement}'",
        "transaction {settlement}",
    ),
    Check.PLAYER_STATES_EQUAL_THEIR_TRANSACTIONS: (
        "UPDATE players SET state = 'ACTIVE' WHERE player_id = {blocked}",
        "owner {blocked} its state is ACTIVE",
    ),
    Check.BALANCES_EQUAL_POSTINGS: (
        "UPDATE account_balances SET balance_minor = balance_minor + 1 WHERE account_id = {main}",
        "account {main}",
    ),
    Check.VERSIONS_COUNT_POSTINGS: (
        "UPDATE account_balances SET version = version + 1 WHERE account_id = {main}",
        "account {main}",
    ),
    Check.NO_PLAYER_ACCOUNT_IS_NEGATIVE: (
        (
            "ALTER TABLE account_balances DROP CONSTRAINT account_balances_funds_check;"
            "UPDATE account_balances SET balance_minor = -1 WHERE account_id = {main}"
        ),
        "account {main}",
    ),
    Check.BALANCES_FOLLOW_THEIR_POSTINGS: (
        "UPDATE ledger_entries SET balance_after = 12345 WHERE tx_id = '{bet}' AND balance_after IS NOT NULL",
        "of transaction {bet}",
    ),
    Check.VERSIONS_NUMBER_TRANSACTIONS: (
        "UPDATE ledger_transactions SET owner_version = owner_version + 100 WHERE tx_id = '{bet}'",
        "owner {player}",
    ),
    Check.HOLDS_EQUAL_OPEN_WITHDRAWALS: (
        "UPDATE withdrawals SET state = 'FAILED' WHERE owner_id = {player} AND state = 'RESERVED'",
        "account {hold}",
    ),
    Check.SESSION_HOLDS_EQUAL_OPEN_SESSIONS: (
        "UPDATE sessions SET lock_amount_minor = lock_amount_minor + 1 WHERE session_id = '{open_session}'",
        "account {session_hold}",
    ),
    Check.SESSIONS_ARE_OPENED_AND_SETTLED: (
        "DELETE FROM sessions WHERE session_id = '{open_session}'",
        "session {open_session}",
    ),
    Check.SESSIONS_EQUAL_THEIR_JOURNAL: (
        "UPDATE sessions SET payout_minor = payout_minor + 1 WHERE session_id = '{settled_session}'",
        "session {settled_session}",
    ),
    Check.JOURNALS_HAVE_NO_GAPS: (
        "UPDATE subledger_entries SET entry_no = entry_no + 1 WHERE subledger_id = '{open_session}' AND kind = 'BET'",
        "session {open_session}",
    ),
    Check.SESSIONS_END_WITH_THEIR_JOURNAL: (
        "DELETE FROM subledger_entries WHERE subledger_id = '{settled_session}' AND kind = 'SESSION_SETTLEMENT'",
        "session {settled_session}",
    ),
    Check.SETTLEMENTS_EQUAL_THEIR_JOURNAL: (
        (
            "UPDATE subledger_entries SET amount_minor = amount_minor + 1, change_minor = change_minor - 1"
            " WHERE subledger_id = '{settled_session}' AND kind = 'BET'"
        ),
        "session {settled_session}",
    ),
    Check.OPEN_ROUNDS_ARE_COUNTED: (
        "UPDATE subledger_entries SET open_rounds = open_rounds + 1 WHERE subledger_id = '{open_session}'",
        "session {open_session}",
    ),
    Check.LATE_ENTRIES_ARE_POSTED: (
        (
            "UPDATE subledger_entries SET tx_id = gen_random_uuid()"
            " WHERE subledger_id = '{settled_session}' AND kind = 'WIN' AND late"
        ),
        "of session {settled_session}",
    ),
    Check.JOURNAL_BALANCES_FOLLOW: (
        "UPDATE subledger_entries SET balance_after_minor = 12 WHERE subledger_id = '{open_session}' AND kind = 'BET'",
        "of session {open_session}",
    ),
    Check.JOURNAL_REFERENCES_EXIST: (
        "DELETE FROM subledger_entries WHERE subledger_id = '{settled_session}' AND kind = 'BET'",
        "of session {settled_session}",
    ),
    Check.WALLETS_FIT_THEIR_KEYS: (
        "UPDATE credit_wallets SET caller_key = caller_key || 'x' WHERE wallet_id = '{purse}'",
        "wallet {purse}",
    ),
    Check.WALLET_HOLDS_EQUAL_RESERVATIONS: (
        "UPDATE subledger_entries SET held_minor = held_minor + 1 WHERE subledger_id = '{purse}'",
        "wallet {purse}",
    ),
    Check.RESERVATIONS_FIT_THEIR_JOURNAL: (
        "UPDATE reservations SET state = 'RELEASED' WHERE wallet_id = '{purse}' AND state = 'OPEN'",
        "of wallet {purse}",
    ),
    Check.POSTINGS_EQUAL_THEIR_JOURNAL: (
        (
            "UPDATE account_balances SET balance_minor = balance_minor + 1 WHERE account_id = {purse_account};"
            "UPDATE wallet_postings SET amount_minor = amount_minor + 1 WHERE wallet_id = '{purse}'"
        ),
        "wallet {purse}",
    ),
    Check.POSTINGS_COVER_EACH_ENTRY_ONCE: (
        "UPDATE wallet_postings SET first_entry_no = 2 WHERE wallet_id = '{purse}' AND first_entry_no = 1",
        "wallet {purse}",
    ),
    Check.WATERMARKS_EQUAL_POSTINGS: (
        "UPDATE account_balances SET version = version + 1 WHERE account_id = {purse_account}",
        "wallet {purse}",
    ),
    Check.RANGES_EQUAL_LEDGER_ENTRIES: (
        "UPDATE wallet_postings SET amount_minor = amount_minor + 1 WHERE tx_id = '{posting}'",
        "transaction {posting}",
    ),
    Check.UNPOSTED_WALLETS_ARE_QUEUED: (
        "UPDATE account_balances SET version = version - 1 WHERE account_id = {purse_account}",
        "wallet {purse}",
    ),
    Check.LEDGERS_ARE_CREATED: ("DELETE FROM ledgers WHERE ledger_id = '{ledger}'", "transaction {ledger}"),
    Check.JOURNAL_ACCOUNTS_EQUAL_POSTINGS: (
        "UPDATE account_balances SET balance_minor = balance_minor + 1 WHERE account_id = {journal_account}",
        "account {journal_account}",
    ),
    Check.JOURNAL_HISTORIES_EQUAL_LEDGER_ENTRIES: (
        "DELETE FROM journal_postings WHERE account_id = {journal_account}",
        "transaction {entry}",
    ),
    Check.LEDGER_SUMS_TO_ZERO: (
        "DELETE FROM ledger_entries WHERE tx_id = '{bet}' AND balance_after IS NULL",
        "currency network 1",
    ),
    Check.HOUSE_BALANCES_EQUAL_POSTINGS: (
        "INSERT INTO house_postings (account_id, amount_minor) VALUES ({house}, 1)",
        "account {house}",
    ),
    Check.EVENTS_HAVE_THEIR_EFFECT: (
        (
            "INSERT INTO inbox_events (inbox_id, key_hash, source, event_id, event_type, body_hash, body, state,"
            " received_at, changed_at) OVERRIDING SYSTEM VALUE VALUES (4711, gen_random_uuid(), '/psp', 'e-1',"
            " 'payments.deposit.settled', gen_random_uuid(),"
            ' \'{{"depositId":"nobody","playerId":"1","amountMinor":"5"}}\', \'APPLIED\', now(), now())'
        ),
        "event 4711",
    ),
    Check.DAYS_EQUAL_THEIR_ROWS: (
        (
            "INSERT INTO days VALUES ('2020-01-01', '2020-01-01Z', '2020-01-02Z', now());"
            "INSERT INTO day_totals VALUES ('2020-01-01', now(), 1, 'games', 'g', 'LEDGER', 'BET', '', 1, 10, 0, 0)"
        ),
        "day 2020-01-01",
    ),
    Check.DAYS_FOLLOW_EACH_OTHER: (
        "INSERT INTO days SELECT day, day, day + 1, now() FROM (VALUES (DATE '2020-01-01'), ('2020-01-03')) AS n (day)",
        "day 2020-01-03",
    ),
}


@pytest.fixture(scope="module")
def played(module_installation: Installation) -> tuple[Installation, dict[str, object]]:
    """A small ledger with a bit of everything, and the names of its rows."""
    installation = module_installation
    with WalletServer(installation) as server:
        wallet = server.wallet()
        player = wallet.player("100")
        bet = player.bet("10")
        placed = wallet.applied(bet)
        wallet.applied(player.win("5", of=bet))
        wallet.send(player.rollback("never-seen"))
        wallet.applied(player.reserve("20"))
        reserved = player.reserve("5")
        reservation = wallet.applied(reserved)
        settlement = wallet.applied(settle(reserved, "1"))
        lucky = wallet.player("100")
        spin = lucky.bet_and_win("10", "30")
        wallet.applied(spin)
        rollback = wallet.applied(lucky.rollback(spin))
        deposit = wallet.applied(lucky.deposit("50", tx_hash="0xFEED", output_index=0))
        wallet.applied(lucky.deposit("50", tx_hash="0X" + "aB" * 32, output_index=1))
        wallet.applied(lucky.state(PLAYER_STATE_BLOCKED))
        corrected = wallet.player("100")
        adjustment = wallet.applied(corrected.adjust("5"))
        approval = approved_adjustment(wallet, corrected)
        games = sessions_of(wallet)
        gambler = wallet.player("100")
        still_open, settled = games.open(gambler, "30"), games.open(gambler, "40")
        games.applied(still_open.bet("5"))
        stake = settled.bet("10")
        games.applied(stake)
        games.applied(settled.win("5", of=stake, round_closed=True))
        games.call(settled.settle())
        games.applied(settled.win("3", win_kind=WIN_KIND_PROMO), late=True)
        games.call(settled.rollback("never-seen-either"))
        credit = credit_of(wallet)
        purse = Purse(credit.ledger())
        credit.batch([purse.credit("100"), purse.debit("30"), purse.reserve("20")])
        entry = credit.call(
            PostJournalEntryRequest(
                ledger_id=purse.ledger_id,
                transaction_id="entry",
                postings=[
                    JournalPosting(account_code="cash", amount_minor="5"),
                    JournalPosting(account_code="sales", amount_minor="-5"),
                ],
            )
        )
        wait_until_posted(installation)
    accounts = dict(
        installation.rows("SELECT account_type, account_id FROM accounts WHERE player_id = %s", player.player_id)
    )
    ((house,),) = installation.rows(
        "SELECT account_id FROM accounts WHERE account_type = 'HOUSE' AND currency_network_id = 1"
    )
    ((session_hold,),) = installation.rows(
        "SELECT account_id FROM accounts WHERE account_type = 'SESSION_HOLD' AND player_id = %s", gambler.player_id
    )
    address = wallet_address(purse.key)
    assert address is not None
    ((purse_account,),) = installation.rows(
        "SELECT account_id FROM accounts WHERE wallet_id = %s::UUID", address.wallet_id
    )
    ((journal_account,),) = installation.rows("SELECT account_id FROM accounts WHERE account_code = 'cash'")
    ((posting, *_),) = installation.rows("SELECT min(tx_id::TEXT) FROM wallet_postings WHERE amount_minor <> 0")
    names = {
        "purse": address.wallet_id,
        "purse_account": purse_account,
        "journal_account": journal_account,
        "ledger": purse.ledger_id,
        "posting": posting,
        "entry": entry.tx_id,
        "adjustment": adjustment.tx_id,
        "proposal": approval.proposal_id,
        "bet": placed.tx_id,
        "reservation": reservation.tx_id,
        "settlement": settlement.tx_id,
        "rollback": rollback.tx_id,
        "deposit": deposit.tx_id,
        "blocked": lucky.player_id,
        "player": player.player_id,
        "main": accounts["MAIN"],
        "hold": accounts["WITHDRAW_HOLD"],
        "house": house,
        "session_hold": session_hold,
        "open_session": session_address(still_open.token).session_id,
        "settled_session": session_address(settled.token).session_id,
    }
    return installation, names


def test_a_ledger_in_order_is_clean(played: tuple[Installation, dict[str, object]]) -> None:
    installation, _ = played
    done = installation.run("verify", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["clean"]
    assert (report["transactions"], report["sessions"], report["session_entries"]) == (25, 2, 7)
    assert "the ledger is whole" in installation.run("verify").stdout


@pytest.mark.parametrize("check", [check for check in Check if check not in OF_SEVERAL_CELLS])
def test_a_planted_violation_is_named(played: tuple[Installation, dict[str, object]], check: Check) -> None:
    finds(played, (check, *PLANTED[check]))


FURTHER = {
    "the number of a transaction's entry": (
        Check.ENTRIES_ARE_COMPLETE,
        "UPDATE ledger_entries SET entry_no = 3 WHERE tx_id = '{bet}' AND entry_no = 2",
        "transaction {bet}",
    ),
    "the number of an account's entry": (
        Check.BALANCES_FOLLOW_THEIR_POSTINGS,
        "UPDATE ledger_entries SET account_version = 99 WHERE account_id = {main} AND account_version = 5",
        "it is number 99 of its account",
    ),
    "the entries of a rollback": (
        Check.AMOUNTS_EQUAL_THEIR_ENTRIES,
        "UPDATE ledger_entries SET amount_minor = 2 * amount_minor WHERE tx_id = '{rollback}'",
        "transaction {rollback}",
    ),
    "the fee of a settlement": (
        Check.AMOUNTS_EQUAL_THEIR_ENTRIES,
        "UPDATE ledger_transactions SET fee_minor = 0 WHERE tx_id = '{settlement}'",
        "transaction {settlement}",
    ),
    "a withdrawal that nothing reserved": (
        Check.WITHDRAWALS_EQUAL_THEIR_TRANSACTIONS,
        "INSERT INTO withdrawals SELECT 'other', {blocked}, 1, 1, 'SETTLED', now(), now()",
        "nothing reserved its withdrawal other",
    ),
    "an output of no deposit": (
        Check.OUTPUTS_FIT_THEIR_DEPOSITS,
        "UPDATE deposit_outputs SET tx_id = '{bet}' WHERE tx_id = '{deposit}'",
        "transaction {bet}",
    ),
    "a state that nothing gave": (
        Check.PLAYER_STATES_EQUAL_THEIR_TRANSACTIONS,
        "INSERT INTO players VALUES (9223372036854775807, 'BLOCKED')",
        "owner 9223372036854775807 its state is BLOCKED",
    ),
}


def test_further_violations_of_a_check_are_named(played: tuple[Installation, dict[str, object]]) -> None:
    """None hides another: they are planted in one copy."""
    finds(played, *FURTHER.values())


OF_HISTORIES = (
    {
        Check.BALANCES_EQUAL_POSTINGS,
        Check.VERSIONS_COUNT_POSTINGS,
        Check.BALANCES_FOLLOW_THEIR_POSTINGS,
        Check.MAIN_BALANCES_ARE_REMEMBERED,
        Check.PLAYER_STATES_EQUAL_THEIR_TRANSACTIONS,
        Check.HOLDS_EQUAL_OPEN_WITHDRAWALS,
        Check.SESSION_HOLDS_EQUAL_OPEN_SESSIONS,
        Check.SESSIONS_EQUAL_THEIR_JOURNAL,
        Check.SETTLEMENTS_EQUAL_THEIR_JOURNAL,
        Check.OPEN_ROUNDS_ARE_COUNTED,
        Check.LATE_ENTRIES_ARE_POSTED,
        Check.JOURNAL_BALANCES_FOLLOW,
        Check.WALLETS_FIT_THEIR_KEYS,
        Check.WALLET_HOLDS_EQUAL_RESERVATIONS,
        Check.RESERVATIONS_FIT_THEIR_JOURNAL,
        Check.POSTINGS_EQUAL_THEIR_JOURNAL,
        Check.POSTINGS_COVER_EACH_ENTRY_ONCE,
        Check.WATERMARKS_EQUAL_POSTINGS,
        Check.JOURNAL_ACCOUNTS_EQUAL_POSTINGS,
    },
    {Check.JOURNALS_HAVE_NO_GAPS, Check.SESSIONS_END_WITH_THEIR_JOURNAL, Check.UNPOSTED_WALLETS_ARE_QUEUED},
    {Check.SESSIONS_ARE_OPENED_AND_SETTLED, Check.JOURNAL_REFERENCES_EXIST, Check.NO_PLAYER_ACCOUNT_IS_NEGATIVE},
    {Check.VERSIONS_NUMBER_TRANSACTIONS},
)
"""Checks of what may be read in parts, as they can be broken in one copy."""


def in_parts(installation: Installation, monkeypatch: pytest.MonkeyPatch, rows_max: int) -> dict[str, Any]:
    """Verify with statements that read so few rows of histories; gives the counts and findings of each."""
    monkeypatch.setattr("wallet_grpc.store.proofs.verify_histories._HISTORY_ROWS_MAX", rows_max)
    report = asdict(verify(installation.admin_dsn))
    del report["stuck"]  # it is a matter of time
    report["findings"].sort(key=lambda it: (it["check"], it["subject"], it["problem"]))
    return report


@pytest.mark.parametrize("rows_max", [1, 2, 3])
def test_histories_that_are_read_in_parts_are_as_they_are_in_one(
    played: tuple[Installation, dict[str, object]], monkeypatch: pytest.MonkeyPatch, rows_max: int
) -> None:
    """What is summed so far is carried from one part to the next, rounds that other parts began included."""
    installation, _ = played
    assert in_parts(installation, monkeypatch, rows_max) == in_parts(installation, monkeypatch, 1000)


def test_no_statement_reads_more_of_a_history_than_it_may(
    played: tuple[Installation, dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    installation, _ = played
    read: list[int] = []

    def counted(*asked: Any, **more: Any) -> Iterator[tuple[int, Any]]:
        for chunk, row in walk_histories(*asked, **more):
            read.extend(row[1:-1])
            yield chunk, row

    monkeypatch.setattr("wallet_grpc.store.proofs.verify.walk_histories", counted)
    assert not in_parts(installation, monkeypatch, 2)["findings"]
    assert sum(read) == 7 + 3
    assert max(read) == 2


@pytest.mark.parametrize("checks", OF_HISTORIES)
def test_a_violation_is_named_where_a_history_is_read_in_parts(
    played: tuple[Installation, dict[str, object]], checks: set[Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    template, names = played
    with own_installation(template) as installation:
        for check in sorted(checks):
            plant(installation, PLANTED[check][0], names)
        whole = in_parts(installation, monkeypatch, 1000)
        assert checks <= {it["check"] for it in whole["findings"]}
        for rows_max in (1, 2):
            parts = in_parts(installation, monkeypatch, rows_max)
            if checks == {Check.VERSIONS_NUMBER_TRANSACTIONS}:  # in another order more is wrong with their entries
                for report in (whole, parts):
                    report["findings"] = [it for it in report["findings"] if it["check"] in checks]
            assert parts == whole


@pytest.mark.parametrize("rows_max", [1, 2, 3, 1000])
def test_a_wallet_that_waits_for_the_poster_is_not_accused_where_its_history_is_read_in_parts(
    played: tuple[Installation, dict[str, object]], monkeypatch: pytest.MonkeyPatch, rows_max: int
) -> None:
    """It was written to a moment ago, and a part ends in its journal."""
    template, names = played
    with own_installation(template) as installation:
        plant(installation, f"{PLANTED[Check.UNPOSTED_WALLETS_ARE_QUEUED][0]}; {_QUEUED}", names)
        found = {it["check"] for it in in_parts(installation, monkeypatch, rows_max)["findings"]}
    assert Check.WATERMARKS_EQUAL_POSTINGS in found  # what was planted is seen
    assert Check.UNPOSTED_WALLETS_ARE_QUEUED not in found


_QUEUED = """
    INSERT INTO posting_queue (ledger_id, wallet_ids, queued_at) VALUES ('{ledger}', ARRAY['{purse}'::UUID], now())
"""


@pytest.mark.parametrize("amount", [70, 71])
def test_a_posting_that_is_made_between_two_parts_is_checked(
    played: tuple[Installation, dict[str, object]], monkeypatch: pytest.MonkeyPatch, amount: int
) -> None:
    """It covers the two entries that the part before has read, of 100 and -30."""
    template, names = played

    def walked(connection: psycopg.Connection[Any], name: str, *asked: Any, **more: Any) -> Iterator[tuple[int, Any]]:
        for number, part in enumerate(walk_histories(connection, name, *asked, **more)):
            yield part
            if name == "wallets" and number == 0:
                plant(installation, _POSTED.replace("{amount}", str(amount)), names)

    monkeypatch.setattr("wallet_grpc.store.proofs.verify.walk_histories", walked)
    with own_installation(template) as installation:
        plant(installation, "DELETE FROM wallet_postings WHERE wallet_id = '{purse}'", names)
        found = {(it["check"], it["subject"]) for it in in_parts(installation, monkeypatch, 2)["findings"]}
    subject = f"wallet {names['purse']}"
    assert (Check.WATERMARKS_EQUAL_POSTINGS, subject) in found  # the posting of the third entry is missing
    assert ((Check.POSTINGS_COVER_EACH_ENTRY_ONCE, subject) in found) == (amount == 71)


_POSTED = """
    INSERT INTO wallet_postings (wallet_id, first_entry_no, last_entry_no, amount_minor, tx_id, created_at)
    VALUES ('{purse}', 1, 2, {amount}, gen_random_uuid(), now())
"""


def plant(installation: Installation, statements: str, names: dict[str, object]) -> None:
    """Break something past the triggers, as nobody but a superuser can."""
    with installation.connect() as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements.format(**names).split(";"):
            assert connection.execute(statement).rowcount != 0, "nothing was planted"  # type: ignore[arg-type]


def finds(played: tuple[Installation, dict[str, object]], *planted: tuple[Check, str, str]) -> None:
    """Plant something in a copy of the ledger, and see that verify finds it."""
    template, names = played
    with own_installation(template) as installation:
        for _, statements, _ in planted:
            plant(installation, statements, names)
        done = installation.run("verify", "--json")
        assert done.returncode == 1
        report = json.loads(done.stdout)
        assert not report["clean"]
        for check, _, subject in planted:
            assert report["checks"][check.value] >= 1
            found = [f"{it['subject']} {it['problem']}" for it in report["findings"] if it["check"] == check.value]
            assert any(subject.format(**names) in it for it in found), found


@pytest.mark.parametrize("rows_max", [1, 2, 1_000])
def test_a_rebuild_mends_derived_balances_and_tells_each(
    played: tuple[Installation, dict[str, object]], monkeypatch: pytest.MonkeyPatch, rows_max: int
) -> None:
    """So it does where it sums histories in parts."""
    monkeypatch.setattr("wallet_grpc.store.proofs.rebuild._HISTORY_ROWS_MAX", rows_max)
    template, names = played
    with own_installation(template) as installation:
        with installation.connect() as connection:
            connection.execute(
                "DELETE FROM account_balances WHERE account_id = ANY(%s)", [[names["hold"], names["journal_account"]]]
            )
            connection.execute(
                "INSERT INTO account_balances (account_id, balance_minor, version) VALUES (%s, 7, 0)"
                " ON CONFLICT (account_id) DO UPDATE SET balance_minor = account_balances.balance_minor + 7",
                [names["house"]],
            )
            for table, change, column, row in (
                ("account_balances", "balance_minor = balance_minor + 7, version = 0", "account_id", "main"),
                ("account_balances", "balance_minor = 0, version = 1", "account_id", "purse_account"),
                ("sessions", "payout_minor = 1, open_rounds = 7", "session_id", "settled_session"),
            ):
                statement = f"UPDATE {table} SET {change} WHERE {column} = %s"
                assert connection.execute(statement, [names[row]]).rowcount == 1  # type: ignore[arg-type]
            connection.commit()
        assert installation.run("verify", "--json").returncode == 1
        told = list(rebuild_balances(installation.admin_dsn))
        assert {(row.subject, row.field, row.was, row.now) for row in told} == {
            (f"account {names['main']}", "balance_minor", "77", "70"),
            (f"account {names['main']}", "version", "0", "5"),
            (f"account {names['hold']}", "balance_minor", None, "20"),
            (f"account {names['hold']}", "version", None, "3"),
            (f"session {names['settled_session']}", "payout_minor", "1", "35"),
            (f"session {names['settled_session']}", "open_rounds", "7", "0"),
            (f"account {names['purse_account']}", "balance_minor", "0", "70"),
            (f"account {names['purse_account']}", "version", "1", "3"),
            (f"account {names['journal_account']}", "balance_minor", None, "5"),
            (f"account {names['journal_account']}", "version", None, "1"),
            (f"account {names['house']}", "balance_minor", "-524", "-531"),
        }
        assert {row.name for row in told if row.subject == f"account {names['main']}"} == {
            f"MAIN of player {names['player']} in network 1"
        }
        assert json.loads(installation.run("balances", "rebuild", "--json").stdout) == []
        assert installation.run("verify", "--json").returncode == 0


@pytest.mark.parametrize("rows_max", [1, 2])
def test_a_rebuild_holds_nobody_while_it_reads_a_long_history(
    played: tuple[Installation, dict[str, object]], monkeypatch: pytest.MonkeyPatch, rows_max: int
) -> None:
    """Under a lock it sums less than a part."""
    left: dict[str, list[int]] = {}
    corrections_of = rebuild._corrections

    def counted(connection: psycopg.Connection[Any], name: str, parameters: dict[str, Any]) -> list[Correction]:
        if history := _HISTORIES.get(name):
            ((rows,),) = connection.execute(history, parameters)  # type: ignore[call-overload]
            left.setdefault(name, []).append(rows)
        return corrections_of(connection, name, parameters)

    monkeypatch.setattr(rebuild, "_corrections", counted)
    monkeypatch.setattr(rebuild, "_HISTORY_ROWS_MAX", rows_max)
    template, _ = played
    with own_installation(template) as installation:
        assert list(rebuild_balances(installation.admin_dsn)) == []
    assert set(left) == set(_HISTORIES)
    assert max(map(max, left.values())) < rows_max


_HISTORIES = {
    "rebuild_players": "SELECT count(*) FROM ledger_transactions WHERE owner_id::TEXT = ANY(%(ids)s)"
    " AND owner_version > %(after_no)s",
    "rebuild_wallets": "SELECT count(*) FROM wallet_postings WHERE wallet_id::TEXT = ANY(%(ids)s)"
    " AND last_entry_no > %(after_no)s",
    "rebuild_journal_accounts": "SELECT count(*) FROM journal_postings WHERE account_id::TEXT = ANY(%(ids)s)"
    " AND posting_no > %(after_no)s",
}
"""Rows that a statement of a chunk sums."""


def test_a_rebuild_sums_what_is_old_before_it_stops_anybody_and_stops_nobody_for_long(
    played: tuple[Installation, dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    template, names = played
    monkeypatch.setattr("wallet_grpc.store.proofs.verify._CUT_MS", 0)
    monkeypatch.setattr("wallet_grpc.store.proofs.rebuild._HOUSE_CHUNK", 4)
    with own_installation(template) as installation:
        with installation.connect() as connection:
            connection.execute("INSERT INTO house_postings VALUES (%s, 1)", [names["house"]])
        told = list(rebuild_balances(installation.admin_dsn))
        assert [(it.subject, it.was, it.now) for it in told] == [(f"account {names['house']}", "-530", "-531")]
        with installation.connect() as connection:
            connection.execute("LOCK TABLE house_postings IN ROW EXCLUSIVE MODE")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                list(rebuild_balances(installation.admin_dsn))


def test_a_rebuild_beside_a_live_service_finds_nothing_to_mend(new_installation: Callable[[], Installation]) -> None:
    installation, writes = new_installation(), 300
    with WalletServer(installation) as server:
        wallet = server.wallet()
        player, gambler = wallet.player("1000"), wallet.player("1000")
        games, credit = sessions_of(wallet), credit_of(wallet)
        play, purse = games.open(gambler, "500"), credit.purse("1000")

        def write(make: Callable[[], Message], send: Callable[[Message], object]) -> None:
            for _ in range(writes):
                request = make()
                for _ in range(TRIES_MAX):
                    with suppress(grpc.RpcError):  # the house accounts' lock: callers send again
                        send(request)
                        break

        with ThreadPoolExecutor() as pool:
            sending = [
                pool.submit(write, lambda: player.bet("1"), wallet.send),
                pool.submit(write, lambda: play.bet("1"), games.call),
                pool.submit(write, lambda: purse.debit("1"), credit.call),
            ]
            rebuilds = 0
            while any(not each.done() for each in sending):
                assert list(rebuild_balances(installation.admin_dsn)) == []
                rebuilds += 1
            for each in sending:
                each.result()
        assert rebuilds > 1
        assert games.balance(play) == str(500 - writes)
        credit.holds(purse, str(1000 - writes), str(1000 - writes))
        wait_until_posted(installation)
    assert installation.run("verify", "--json").returncode == 0
