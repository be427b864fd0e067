"""`wallet copy`: an installation of other cells has all that the one before had, and goes on where it was.

One story goes from one cell to three, from there to two and back to one: players in every state, rounds, sessions,
withdrawals, credit wallets that are posted and that wait, parked events, approvals. At each stop callers send again
what they sent before, and go on with what had begun.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.copying import SETTINGS, copy_to, new_target
from support.credit import Purse, credit_of, wait_until_posted
from support.database import Installation
from support.ledger import verify
from support.server import WalletServer
from support.sessions import sessions_of
from support.story import tell

from wallet.v1 import wallet_pb2 as pb

_IN_SEVERAL_CELLS = "SELECT tx_id FROM ledger_transactions GROUP BY tx_id HAVING COUNT(*) > 1"


@pytest.mark.timeout(600)
def test_a_story_goes_on_in_other_cells(new_installation: Callable[..., Installation]) -> None:
    source = new_installation(cells=1)
    with WalletServer(source, **SETTINGS) as server:
        wallet = server.wallet()
        told = [tell(wallet, source) for _ in range(3)]
        games = sessions_of(wallet)
        player = wallet.player("1000")
        bet, waiting = player.bet("10"), player.reserve("7")
        first_bet, first_reservation = wallet.applied(bet), wallet.applied(waiting)
        session = games.open(player, "100")
        games.applied(session.bet("5"))
        credit = credit_of(wallet, "credit")
        ledger = credit.ledger()
        purses = [Purse(ledger) for _ in range(40)]  # so many that their posting is split by each copy
        for purse in purses:
            credit.call(purse.credit("100"))
        wait_until_posted(source)
    with (
        new_target(source, 3) as three,
        new_target(source, 2) as two,
        new_target(source, 1) as one,
    ):
        for before, after in ((source, three), (three, two), (two, one)):
            with after.connect(autocommit=True) as owner:
                owner.execute("SELECT pg_advisory_lock(%s)", [0x57414C43])  # some player's, not who fills it
                assert copy_to(before, after)["is_ready"] is False
            finished = copy_to(before, after, "--finish")
            assert finished["is_ready"]
            assert finished["rows"]["ledger_transactions"] > 0
            compared = copy_to(before, after, "--compare")
            assert compared["differences"] == []
            assert after.rows(_IN_SEVERAL_CELLS) == []
            verify(after)
            with WalletServer(after, **SETTINGS) as server:
                wallet = server.wallet()
                wallet.replayed(bet, first_bet)
                wallet.replayed(waiting, first_reservation)
                games = sessions_of(wallet)
                games.applied(session.bet("5"))
                for request in (pb.GetTransactionRequest(tx_id=story.tx_id) for story in told):
                    assert wallet.games.call(request).tx_id == request.tx_id
                wallet.applied(player.bet("1"))
                for purse in purses:
                    credit_of(wallet, "credit").call(purse.credit("1"))
                wait_until_posted(after)
            verify(after)
