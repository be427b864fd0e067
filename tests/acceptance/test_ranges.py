"""docs/acceptance.md, At the edges: cases 51 to 53. What was accepted is posted and paid exactly, of any sum."""

import json
from collections.abc import Callable

import psycopg
from support.credit import ACCEPTED, Purse, credit_of, wait_until_posted
from support.database import Installation, look_into_cell
from support.ledger import check_invariants
from support.outbox import told
from support.requests import Player, fail
from support.server import WalletServer
from support.sessions import sessions_of
from support.wallet import Wallet

from wallet.v1 import ledger_pb2
from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.cells import Cell, cell_of_owner

AMOUNT_MAX = 10**38 - 1
BALANCE_MAX = 10**60 - 1
NEXT_AMOUNT = str(10**37)
JACKPOT = {"win_kind": pb.WIN_KIND_JACKPOT}

HOUSE_WALLETS = """
    SELECT coalesce(sum(amount_minor), 0) FROM ledger_entries JOIN accounts USING (account_id)
     WHERE account_type = 'HOUSE:WALLETS' AND player_id IS NULL AND accounts.ledger_id IS NULL
"""


def posted(installation: Installation, ledger_id: str) -> int:
    """Return what was posted to all wallets of a ledger."""
    ((total,),) = installation.rows(
        "SELECT coalesce(sum(amount_minor), 0) FROM ledger_entries JOIN accounts USING (account_id)"
        " WHERE wallet_id IS NOT NULL AND ledger_id = %s",
        ledger_id,
    )
    return int(total)


def test_case_51_two_credits_that_sum_to_more_than_an_amount_has(wallet: Wallet, installation: Installation) -> None:
    credit = credit_of(wallet)
    wait_until_posted(installation)
    ((before,),) = installation.rows(HOUSE_WALLETS)
    ledger_id = credit.ledger()
    writes = [Purse(ledger_id).credit("5" + "0" * 37) for _ in range(2)]
    assert [outcome.status for outcome in credit.batch(writes)] == [ACCEPTED, ACCEPTED]
    assert wallet.main(wallet.player("100")) == "100"
    wait_until_posted(installation)
    ((after,),) = installation.rows(HOUSE_WALLETS)
    assert before - after == 10**38
    assert posted(installation, ledger_id) == 10**38
    assert wallet.main(wallet.player("100")) == "100"


def test_case_52_what_one_wallet_gains_is_posted_exactly(wallet: Wallet, installation: Installation) -> None:
    credit = credit_of(wallet)
    for amounts in ([10**37] * 10, [AMOUNT_MAX] * 3 + [1]):
        purse = Purse(credit.ledger())
        credit.batch([purse.credit(str(amount)) for amount in amounts])
        wait_until_posted(installation)
        postings = credit.call(purse.postings()).postings
        assert sum(int(posting.amount_minor) for posting in postings) == sum(amounts)
        assert posted(installation, purse.ledger_id) == sum(amounts)
        for amount in amounts[:-1]:
            credit.call(purse.debit(str(amount)))
        wait_until_posted(installation)
        assert posted(installation, purse.ledger_id) == amounts[-1]


def test_case_53_a_session_whose_balance_has_more_digits_than_an_amount(
    wallet: Wallet, installation: Installation
) -> None:
    games = sessions_of(wallet)
    player = wallet.player(NEXT_AMOUNT)
    play = games.open(player, NEXT_AMOUNT)
    for outcome in games.batch([play.win(NEXT_AMOUNT, **JACKPOT) for _ in range(10)]):
        assert outcome.status == pb.OPERATION_STATUS_APPLIED
    settled = games.call(play.settle())
    payout, net = str(11 * 10**37), str(10**38)
    assert (settled.payout_minor, settled.net_minor) == (payout, net)
    assert wallet.main(player) == payout
    (ended,) = [event for event in told(installation, player.player_id) if event.event_type == "wallet.session.settled"]
    assert (ended.data["amountMinor"], ended.data["payoutMinor"], ended.data["netMinor"]) == (payout, payout, net)
    made = wallet.games.call(pb.GetTransactionRequest(tx_id=settled.tx_id))
    assert {posting.account: posting.amount_minor for posting in made.postings} == {
        "SESSION_HOLD": f"-{NEXT_AMOUNT}",
        "MAIN": payout,
        "HOUSE:WAGER": f"-{net}",
    }
    assert games.call(play.settle()).payout_minor == payout


def change_as_if_it_were_copied(connection: psycopg.Connection, cell: Cell) -> None:
    """Have a transaction fire no trigger: what is append-only may be changed, in one cell, on whichever node it is."""
    look_into_cell(connection, cell)
    connection.execute("SET citus.propagate_set_commands = 'local'")  # where there is Citus; else it means nothing
    connection.execute("SET LOCAL session_replication_role = replica")


def enrich(installation: Installation, player: Player, main_minor: int) -> None:
    """Make what was once deposited to a player this much, wherever it stands, as 10^22 deposits would have."""
    with installation.connect() as connection:
        change_as_if_it_were_copied(connection, cell_of_owner(player.player_id, installation.cells))
        connection.execute(
            """
            WITH raised AS (
                SELECT tx_id, account_id, %(main)s - main_balance_after_minor AS gain
                  FROM ledger_transactions JOIN ledger_entries USING (tx_id)
                 WHERE ledger_transactions.owner_id = %(player)s AND kind = 'DEPOSIT'
            ), transactions AS (
                UPDATE ledger_transactions SET main_balance_after_minor = main_balance_after_minor + gain
                  FROM raised WHERE ledger_transactions.tx_id = raised.tx_id
            ), balances AS (
                UPDATE account_balances AS derived
                   SET balance_minor = balance_minor + gain
                  FROM raised
                 WHERE derived.account_id = raised.account_id AND owner_id IS NOT NULL
            ), house AS (
                INSERT INTO house_postings (account_id, amount_minor)
                SELECT account_id, -gain FROM raised JOIN accounts USING (account_id) WHERE player_id IS NULL
            )
            UPDATE ledger_entries
               SET amount_minor = amount_minor + sign(amount_minor) * gain, balance_after = balance_after + gain
              FROM raised
             WHERE ledger_entries.tx_id = raised.tx_id AND ledger_entries.account_id = raised.account_id
            """,
            {"main": main_minor, "player": player.player_id},
        )


def test_what_would_pass_the_range_is_refused_when_it_is_sent(new_installation: Callable[[], Installation]) -> None:
    installation = new_installation()
    with WalletServer(installation) as server:
        wallet = server.wallet()
        games = sessions_of(wallet)
        rich, richer = wallet.player("100"), wallet.player("100")
        for player in (rich, richer):  # together more than 60 digits, which the house owes
            enrich(installation, player, BALANCE_MAX - 50)
        wallet.refused(rich.deposit("51"), "INVALID_AMOUNT", field="amount_minor")
        wallet.refused(rich.win("51", **JACKPOT), "INVALID_AMOUNT", field="amount_minor")
        wallet.refused(rich.bet_and_win("1", "52"), "INVALID_AMOUNT", field="win_amount_minor")
        wallet.refused(rich.adjust("51"), "INVALID_AMOUNT", field="amount_minor")

        play = games.open(rich, "100")
        games.refused(play.win("51", **JACKPOT), "INVALID_AMOUNT", field="amount_minor")
        games.applied(play.win("40", **JACKPOT))
        wallet.refused(rich.deposit("11"), "INVALID_AMOUNT", field="amount_minor")
        reservation = rich.reserve("30")
        wallet.applied(reservation)
        wallet.applied(rich.deposit("10"))
        games.refused(play.win("1", **JACKPOT), "INVALID_AMOUNT", field="amount_minor")
        wallet.applied(fail(reservation))
        assert games.call(play.settle()).payout_minor == "140"
        assert wallet.main(rich) == str(BALANCE_MAX)
        games.refused(play.win("1", **JACKPOT), "INVALID_AMOUNT", field="amount_minor")
        spent = rich.bet("1")
        wallet.applied(spent)
        wallet.applied(rich.win("1", of=spent))
        assert wallet.main(rich) == str(BALANCE_MAX)
        assert wallet.main(richer) == str(BALANCE_MAX - 50)
    check_invariants(installation)
    # What made them rich is in entries, and in no amount of a deposit: verify says so, and no more.
    findings = json.loads(installation.run("verify", "--json").stdout)["findings"]
    assert [finding["check"] for finding in findings] == ["amounts_equal_their_entries"] * 2, findings


def test_what_wallets_gain_together_may_have_more_digits_than_a_posting(
    new_installation: Callable[[], Installation],
) -> None:
    installation = new_installation()
    with WalletServer(installation) as server:
        credit = credit_of(server.wallet())
        ledger_id = credit.ledger()
        purses = [Purse(ledger_id) for _ in range(3)]
        credit.batch([purse.credit("1") for purse in purses])
        wait_until_posted(installation)
        for cell in range(installation.cells):  # each wallet may be in another one
            with installation.connect() as connection:
                change_as_if_it_were_copied(connection, Cell(cell))
                connection.execute("UPDATE subledger_entries SET balance_after_minor = %s", (BALANCE_MAX - 7,))
        outcomes = credit.batch([purse.credit("7") for purse in purses])  # one posting of more than 60 digits
        assert [outcome.balance_minor for outcome in outcomes] == [str(BALANCE_MAX)] * 3
        credit.refused(purses[0].credit("1"), "INVALID_AMOUNT", field="amount_minor")
        wait_until_posted(installation)
        assert posted(installation, ledger_id) == 3 * BALANCE_MAX
        assert installation.rows(HOUSE_WALLETS) == [(-3 * BALANCE_MAX,)]

        far = "9" * 38
        postings = [
            ledger_pb2.JournalPosting(account_code=code, amount_minor=amount)
            for code, amount in (("a", far), ("a", far), ("b", f"-{far}"), ("b", f"-{far}"))
        ]
        entry = ledger_pb2.PostJournalEntryRequest(ledger_id=ledger_id, transaction_id="far", postings=postings)
        assert [it.balance_minor for it in credit.call(entry).accounts] == [str(2 * AMOUNT_MAX), str(-2 * AMOUNT_MAX)]
