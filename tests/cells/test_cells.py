"""Several cells in one database: what is unique over all of them, what verify finds, and that none keeps another."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from support.contests import player_of
from support.credit import CreditCaller, credit_of
from support.database import Installation, own_installation
from support.ledger import verify
from support.refusals import check_refusal
from support.requests import CELLS, changed, fresh_player_id
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

from wallet.v1 import ledger_pb2
from wallet_grpc.domain.cells import Cells, cell_of_owner
from wallet_grpc.domain.identifiers import Source
from wallet_grpc.store.operator.ledgers import create_ledger
from wallet_grpc.store.operator.networks import add_network

SETTINGS = {"WALLET_OUTAGE_WAIT_MS": "100"}


@pytest.fixture(scope="module")
def installation(template_of_cells: Installation) -> Iterator[Installation]:
    with own_installation(template_of_cells) as made:
        yield made


@pytest.fixture(scope="module")
def wallet(installation: Installation) -> Iterator[Wallet]:
    with WalletServer(installation, **SETTINGS) as server:
        yield server.wallet()
    verify(installation)


@pytest.fixture
def own(template_of_cells: Installation) -> Iterator[tuple[Installation, Wallet]]:
    """An installation in which nothing is but what a test does, and a server on it."""
    with own_installation(template_of_cells) as made, WalletServer(made, **SETTINGS) as server:
        yield made, server.wallet()


def test_python_and_sql_know_the_same_cell(installation: Installation) -> None:
    owners = [1, -1, 42, 2**63 - 1, -(2**63), *(fresh_player_id() for _ in range(100))]
    told = installation.rows("SELECT cell_of_owner(owner, %s) FROM unnest(%s::BIGINT[]) AS owners (owner)", 7, owners)
    assert [cell for (cell,) in told] == [Cells(7).of(owner) for owner in owners]


def test_a_batch_is_answered_in_its_order_over_all_cells(wallet: Wallet) -> None:
    players = [wallet.fund(player_of(number % CELLS), "100") for number in range(2 * CELLS)]
    bets = [player.bet(str(number + 1)) for number, player in enumerate(players)]
    outcomes = wallet.games.batch(bets)
    assert [outcome.balance_after_minor for outcome in outcomes] == [str(99 - number) for number in range(6)]
    for outcome, bet in zip(outcomes, bets, strict=True):
        wallet.replayed(bet, outcome)


def test_a_deposit_id_is_one_players_over_all_cells(wallet: Wallet) -> None:
    deposit = player_of(0).deposit("100")
    wallet.applied(deposit)
    other = changed(deposit, player_id=player_of(1).player_id)
    wallet.refused(other, "IDEMPOTENCY_KEY_REUSED", field="player_id")


def test_an_output_is_credited_once_over_all_cells(wallet: Wallet) -> None:
    wallet.applied(player_of(0).deposit("100", tx_hash="0xfeed", output_index=0))
    wallet.refused(
        player_of(1).deposit("100", tx_hash="0xfeed", output_index=0), "IDEMPOTENCY_KEY_REUSED", field="tx_hash"
    )


WAITING = """
    SELECT pg_locks.pid FROM pg_locks
    WHERE NOT pg_locks.granted AND pg_locks.locktype = 'relation'
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
HANGING_WITH_ITS_CLOCK = f"""
    SELECT pg_locks.virtualtransaction FROM pg_locks
    WHERE pg_locks.locktype = 'advisory' AND pg_locks.objsubid = 2 AND pg_locks.pid IN ({WAITING})
"""
KILL_WAITING = f"SELECT pg_terminate_backend(waiting.pid) FROM ({WAITING}) AS waiting"
"""Those are the backends that wait for a table of the locked cell."""


CLAIM = "0189abcd-0000-7000-8000-000000000001"
PLANTED = {
    "a transaction without its claim": (
        "public.claims",
        "DELETE FROM public.claims WHERE owner_id = {player}",
        ("claims_fit_their_transactions", "transaction {tx}"),
    ),
    "a claim without its transaction": (
        "public.claims",
        f"INSERT INTO public.claims VALUES ('{CLAIM}', {{player}}, gen_random_uuid())",
        ("claims_fit_their_transactions", f"claim {CLAIM}"),
    ),
    "an owner in another cell": (
        "cell_1.ledger_transactions",
        "INSERT INTO cell_1.ledger_transactions SELECT * FROM cell_0.ledger_transactions WHERE owner_id = {player}",
        ("owners_are_in_their_cells", "owner {player} in cell 1"),
    ),
    "a sum over the cells that is not zero": (
        "cell_0.ledger_entries",
        "DELETE FROM cell_0.ledger_entries WHERE owner_id = {player} AND balance_after IS NULL",
        ("ledger_sums_to_zero", "currency network 1 in cell 0"),
    ),
}


def test_commands_leave_a_connection_looking_where_it_looked(installation: Installation) -> None:
    def path(connection: psycopg.Connection) -> object:
        return connection.execute("SHOW search_path").fetchone()

    with installation.connect(autocommit=True) as connection:
        before = path(connection)
        add_network(connection, currency="DAI", network="ETHEREUM", decimals=18, network_id=None)
        assert path(connection) == before
        assert create_ledger(connection, source=Source("credit"), name="a ledger", currency_network_id=1)
        assert path(connection) == before


def test_planted_violations_are_named(own: tuple[Installation, Wallet]) -> None:
    installation, wallet = own
    planted, named = [], set()
    for table, statement, (check, subject) in PLANTED.values():
        deposit = player_of(0).deposit("100")
        done = wallet.applied(deposit)
        planted.append((table, statement.format(player=deposit.player_id)))
        named.add((check, subject.format(player=deposit.player_id, tx=done.tx_id)))
    assert installation.run("verify", "--json").returncode == 0
    with installation.connect() as connection:
        for table, statement in planted:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")  # type: ignore[arg-type]
            connection.execute(statement)  # type: ignore[arg-type]
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")  # type: ignore[arg-type]
    found_wrong = installation.run("verify", "--json")
    assert found_wrong.returncode == 1
    findings = {(finding["check"], finding["subject"]) for finding in json.loads(found_wrong.stdout)["findings"]}
    for check, subject in named:
        assert any(found == check and told.startswith(subject) for found, told in findings), (check, subject, findings)


def test_a_cell_whose_tables_are_locked_leaves_the_others_serving(installation: Installation, wallet: Wallet) -> None:
    frozen, served = (wallet.fund(player_of(cell), "1000") for cell in (0, 1))
    with installation.connect() as connection:
        connection.execute("LOCK TABLE cell_0.accounts, cell_0.ledger_transactions IN ACCESS EXCLUSIVE MODE")
        stuck = threading.Thread(target=lambda: wallet.games.batch([frozen.bet("1")]))
        stuck.start()
        for _ in range(100):
            wallet.applied(served.bet("1"))
        connection.rollback()
    stuck.join()
    wallet.applied(frozen.bet("1"))


def test_a_cell_whose_backends_are_killed_over_and_over_leaves_the_others_serving(
    installation: Installation, wallet: Wallet
) -> None:
    dead, served = (wallet.fund(player_of(cell), "1000") for cell in (0, 1))
    bets = [dead.bet("1") for _ in range(20)]
    with installation.connect() as connection:
        connection.execute("LOCK TABLE cell_0.accounts, cell_0.ledger_transactions IN ACCESS EXCLUSIVE MODE")
        stuck = threading.Thread(target=lambda: wallet.games.batch(bets))
        stuck.start()
        wait_until(lambda: installation.rows(KILL_WAITING) != [], what="a backend of the cell is killed")
        for _ in range(20):
            installation.rows(KILL_WAITING)
            wallet.applied(served.bet("1"))
        connection.rollback()
    stuck.join()
    for bet in bets:
        wallet.games.call(bet)
    assert (wallet.main(dead), wallet.main(served)) == ("980", "980")


def test_a_moment_of_a_cell_does_not_wait_for_another_cell_that_hangs(
    installation: Installation, wallet: Wallet
) -> None:
    frozen, credit = wallet.fund(player_of(0), "1000"), credit_of(wallet)
    ledger = ledger_of(installation, credit, cell=1)
    credit.call(ledger_pb2.GetLedgerAccountRequest(ledger_id=ledger, account_code="A"))
    for _ in range(20):  # a lane that has yet to prepare its statements hangs before it has its clock
        wallet.applied(frozen.bet("1"))
        with installation.connect() as connection:
            connection.execute("LOCK TABLE cell_0.accounts, cell_0.ledger_transactions IN ACCESS EXCLUSIVE MODE")
            stuck = threading.Thread(target=lambda: wallet.games.batch([frozen.bet("1")]))
            stuck.start()
            wait_until(lambda: installation.rows(WAITING) != [], what="a lane of cell 0 hangs")
            has_clock = installation.rows(HANGING_WITH_ITS_CLOCK) != []
            answered = has_clock and answered_meanwhile(installation, credit, ledger)
            connection.rollback()
        stuck.join()
        if answered:
            return
    pytest.fail("no lane hung with its clock, or each answer waited for it")


def answered_meanwhile(installation: Installation, credit: CreditCaller, ledger: str) -> bool:
    """Ask about this moment; tell whether a transaction that hung with its clock before hangs on after the answer."""
    hang = set(installation.rows(HANGING_WITH_ITS_CLOCK))
    at = Timestamp()
    at.GetCurrentTime()
    told = credit.call(ledger_pb2.GetLedgerAccountRequest(ledger_id=ledger, account_code="A", at=at), timeout_s=20)
    assert told.balance_minor == "0"
    return bool(hang & set(installation.rows(HANGING_WITH_ITS_CLOCK)))


def ledger_of(installation: Installation, credit: CreditCaller, cell: int) -> str:
    """Create ledgers until one is in this cell."""
    while True:
        ledger = credit.ledger()
        ((owner_id,),) = installation.rows("SELECT owner_id FROM ledgers WHERE ledger_id = %s", ledger)
        if cell_of_owner(owner_id, CELLS) == cell:
            return ledger


def test_cells_are_listed_with_what_is_in_them(own: tuple[Installation, Wallet]) -> None:
    installation, wallet = own
    for cell in (0, 0, 2):
        wallet.fund(player_of(cell), "100")
    rows = json.loads(installation.command("cells", "list", "--json"))
    assert [(row["cell"], row["node"], row["owners"], row["outbox_waiting"]) for row in rows] == [
        (0, "", 2, 2),
        (1, "", 0, 0),
        (2, "", 1, 1),
    ]
    assert all(row["size_bytes"] > 0 for row in rows)
    assert [row["transactions_per_s"] > 0 for row in rows] == [True, False, True]


def test_the_outbox_of_all_cells_is_listed_by_age_and_settled_cell_by_cell(own: tuple[Installation, Wallet]) -> None:
    installation, wallet = own
    players = [str(wallet.fund(player_of(cell), "100").player_id) for cell in (2, 0, 1, 0)]
    listed = json.loads(installation.command("outbox", "list", "--json"))
    assert [(row["player_id"], row["cell"]) for row in listed] == list(zip(players, (2, 0, 1, 0), strict=True))
    some = json.loads(installation.command("outbox", "list", "--cell", "0", "--limit", "1", "--json"))
    assert [row["player_id"] for row in some] == [players[1]]
    with installation.connect() as connection:
        for cell in range(CELLS):
            connection.execute(f"UPDATE cell_{cell}.outbox_events SET parked_at = now(), failure = 'none'")  # type: ignore[arg-type]
    named = str(listed[0]["outbox_id"])
    assert "--cell" in installation.run("outbox", "discard", named).stderr
    assert json.loads(installation.command("outbox", "discard", named, "--cell", "2", "--json"))["failed"] == []
    assert (
        len(json.loads(installation.command("outbox", "replay", "--parked", "--json"))["replayed"]) == len(players) - 1
    )
    assert json.loads(installation.command("outbox", "list", "--parked", "--json")) == []


def test_what_a_source_played_is_exported_and_compared_over_all_cells(
    own: tuple[Installation, Wallet], tmp_path: Path
) -> None:
    installation, wallet = own
    bets = [wallet.fund(player_of(cell), "100").bet("1", round_id="r") for cell in range(CELLS)]
    for bet in bets:
        wallet.applied(bet)
    period = ("reconcile", "--source", "games", "--from", "2020-01-01", "--to", "2100-01-01")
    exported = installation.command(*period, "--format", "csv").splitlines()
    assert exported[0].startswith("session_token,transaction_id")
    assert len(exported) == 1 + CELLS
    assert len(json.loads(installation.command(*period, "--rounds", "--format", "json"))) == CELLS
    theirs = tmp_path / "theirs.csv"
    theirs.write_text("\n".join(["transaction_id", "never", *[bet.transaction_id for bet in bets[1:]]]) + "\n")
    told = installation.run(*period, "--format", "json", "--against", str(theirs))
    assert {(row["finding"], row["transaction_id"]) for row in json.loads(told.stdout)} == {
        ("missing", "never"),
        ("extra", bets[0].transaction_id),
    }


def test_a_process_that_serves_some_cells_names_the_others(installation: Installation) -> None:
    with WalletServer(installation, WALLET_CELLS="0,2") as server:
        wallet = server.wallet()
        wallet.fund(player_of(0), "100")
        (outcome,) = wallet.payments.batch([player_of(1).deposit("100")])
        check_refusal(outcome, "SERVED_ELSEWHERE")
    refused = installation.run("serve", WALLET_CELLS="3")
    assert "there is no cell 3" in refused.stderr
