"""A currency network that was added while servers run: what is stored in it goes on in those that never heard of it."""

from collections.abc import Callable, Iterator

import pytest
from support.credit import ENTRY_NOT_POSTED, Purse, credit_of
from support.database import Installation
from support.ledger import posted, verify
from support.refusals import Refusal
from support.requests import Player, fail, fresh_id, settle
from support.server import WalletServer
from support.sessions import Play, sessions_of
from support.waiting import wait_until

from wallet.v1 import ledger_pb2

New = Callable[..., Installation]
NEW_NETWORK = 77


def add_network(installation: Installation) -> None:
    installation.command("currencies", "add", "EURC", "BASE", "--decimals", "6", "--id", str(NEW_NETWORK))


@pytest.fixture
def servers(new_installation: New) -> Iterator[tuple[WalletServer, WalletServer]]:
    """Two servers of one installation, which have not been asked about a network since it was added."""
    installation = new_installation()
    hasty = {"WALLET_POSTING_INTERVAL_MS": "100", "WALLET_SESSION_EXPIRY_POLL_MS": "3600000"}
    with WalletServer(installation, **hasty) as knows, WalletServer(installation, **hasty) as other:
        add_network(installation)
        first = Player(currency_network_id=NEW_NETWORK).deposit("1")
        wait_until(lambda: not isinstance(knows.wallet().attempt(first), Refusal), what="one of them knows it")
        yield knows, other
        verify(installation)


def test_a_withdrawal_ends_where_its_network_was_never_heard_of(servers: tuple[WalletServer, WalletServer]) -> None:
    knows, other = (server.wallet() for server in servers)
    player = knows.player("100", currency_network_id=NEW_NETWORK)
    settled, failed = player.reserve("40"), player.reserve("30")
    for reservation in (settled, failed):
        knows.applied(reservation)
    other.applied(settle(settled, "1"))
    other.applied(fail(failed))
    assert posted(servers[0].installation, player) == {"MAIN": 60, "HOUSE": -61, "HOUSE:FEES": 1}


def test_an_entry_is_posted_in_a_ledger_that_a_command_created(servers: tuple[WalletServer, WalletServer]) -> None:
    installation = servers[0].installation
    ledger_id = installation.command(
        "ledgers", "create", "points", "--source", "credit", "--currency-network", str(NEW_NETWORK)
    ).split()[-1]
    credit = credit_of(servers[1].wallet())
    entry = ledger_pb2.PostJournalEntryRequest(
        ledger_id=ledger_id,
        transaction_id=fresh_id("entry"),
        postings=[
            ledger_pb2.JournalPosting(account_code="fees", amount_minor="5"),
            ledger_pb2.JournalPosting(account_code="income", amount_minor="-5"),
        ],
    )
    assert credit.call(entry).tx_id
    credit.call(Purse(ledger_id).credit("5"))
    wait_until(lambda: installation.rows(ENTRY_NOT_POSTED) == [(0,)], what="the wallet is posted")


def test_a_session_goes_on_where_its_network_was_never_heard_of(servers: tuple[WalletServer, WalletServer]) -> None:
    knows, other = (server.wallet() for server in servers)
    player = knows.player("100", currency_network_id=NEW_NETWORK)
    play = sessions_of(knows).open(player, "50")
    sessions = sessions_of(other)
    bet = play.bet("10")
    sessions.applied(bet)
    sessions.applied(play.win("20", of=bet))
    assert sessions.call(play.settle()).payout_minor == "60"
    sessions.applied(play.win("5", of=bet), late=True)
    assert knows.main(player) == "115"


def test_a_session_of_no_network_is_not_found(servers: tuple[WalletServer, WalletServer]) -> None:
    sessions = sessions_of(servers[0].wallet())
    sessions.refused(Play("ses_1_999_" + "0" * 32).bet(), "SESSION_NOT_FOUND")
