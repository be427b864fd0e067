"""`wallet copy` from one cell of a plain PostgreSQL to the cells of a Citus cluster: callers go on where they were."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.approvals import approve, approved_adjustment, proposal
from support.backoffice import backoffice_of
from support.copying import SETTINGS, copy_to, new_target
from support.credit import Purse, credit_of, wait_until_posted
from support.database import Cluster, Installation
from support.ledger import verify
from support.requests import settle
from support.server import WalletServer
from support.sessions import sessions_of

from wallet.v1 import backoffice_pb2

_CELLS = 3
_PLAYERS = 12


@pytest.mark.timeout(600)
def test_an_installation_goes_on_in_the_cells_of_a_cluster(
    citus: Cluster, new_installation: Callable[..., Installation]
) -> None:
    source = new_installation(cells=1)
    with WalletServer(source, **SETTINGS) as server:
        wallet = server.wallet()
        players = [wallet.player("1000") for _ in range(_PLAYERS)]  # of every cell, hardly ever of fewer
        bets = [player.bet("10") for player in players for _ in range(3)]
        answers = [wallet.applied(bet) for bet in bets]
        waiting = [player.reserve("7") for player in players]
        for reservation in waiting:
            wallet.applied(reservation)
        games = sessions_of(wallet)
        plays = [games.open(player, "100") for player in players]
        for play in plays:
            games.applied(play.bet("5"))
        adjusted = [approved_adjustment(wallet, player) for player in players]
        office = backoffice_of(wallet)
        proposed = [office.call(proposal(player)) for player in players]
        listing = backoffice_pb2.ListTransactionsRequest(page_size=4)
        token = office.call(listing).next_page_token
        rest = [row.tx_id for page in office.pages(_from(token)) for row in page]
        credit = credit_of(wallet)
        ledger = credit.ledger()
        purses = [Purse(ledger) for _ in range(_PLAYERS)]
        for purse in purses:
            credit.call(purse.credit("100"))
        wait_until_posted(source)
    with new_target(source, _CELLS, cluster=citus) as target:
        assert copy_to(source, target)["is_ready"] is False
        assert copy_to(source, target, "--finish")["is_ready"]
        assert copy_to(source, target, "--compare")["differences"] == []
        verify(target)
        with WalletServer(target, **SETTINGS) as server:
            wallet = server.wallet()
            office = backoffice_of(wallet)
            assert [row.tx_id for page in office.pages(_from(token)) for row in page][: len(rest)] == rest
            assert [office.call(backoffice_pb2.GetProposalRequest(proposal_id=made.proposal_id)) for made in adjusted]
            for bet, answer in zip(bets, answers, strict=True):
                wallet.replayed(bet, answer)
            games = sessions_of(wallet)
            for reservation, play in zip(waiting, plays, strict=True):
                wallet.applied(settle(reservation, "1"))
                games.applied(play.bet("5"))
                games.call(play.settle())
            for made in proposed:
                decided = backoffice_of(wallet, "operator").call(approve(made))
                assert decided.state == backoffice_pb2.PROPOSAL_STATE_APPLIED
            for purse, player in zip(purses, players, strict=True):
                credit_of(wallet).call(purse.credit("1"))
                wallet.applied(player.deposit("1"))
            for _ in range(_PLAYERS):  # their accounts' ids are none of those that were copied
                wallet.player("1")
            wait_until_posted(target)
        verify(target)


def _from(token: str) -> backoffice_pb2.ListTransactionsRequest:
    return backoffice_pb2.ListTransactionsRequest(page_size=4, page_token=token)
