"""A frozen installation: nothing is written, by nobody, and all is read; what was acknowledged before is there."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from support.database import Installation, own_installation
from support.ledger import transactions_stored, verify
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Refusal, Wallet

_CALLERS = 6


@pytest.fixture
def installation(template_of_cells: Installation) -> Iterator[Installation]:
    with own_installation(template_of_cells) as made:
        yield made


@pytest.fixture
def server(installation: Installation) -> Iterator[WalletServer]:
    with WalletServer(installation) as running:
        yield running


def test_nothing_is_stored_after_the_freeze_and_all_that_was_acknowledged_is(
    installation: Installation, server: WalletServer
) -> None:
    wallet = server.wallet()
    bettors = [wallet.player("1000000") for _ in range(_CALLERS)]
    accepted: list[str] = []
    refused: list[Refusal] = []

    def play(bettor: Player) -> None:
        while len(refused) < 2 * _CALLERS:
            bet = bettor.bet("1")
            answer = wallet.attempt(bet)
            if isinstance(answer, Refusal):
                refused.append(answer)
            else:
                accepted.append(bet.transaction_id)

    threads = [threading.Thread(target=play, args=[bettor]) for bettor in bettors]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(accepted) > 20 * _CALLERS, what="bets are taken")
    installation.command("freeze", "--reason", "we move")
    (stored,) = installation.rows("SELECT count(*) FROM ledger_transactions WHERE source = 'games'")[0]
    for thread in threads:
        thread.join()

    assert {(it.reason, it.metadata["retry"]) for it in refused} == {("DATABASE_UNAVAILABLE", "SAME_REQUEST")}
    assert transactions_stored(installation, "games", *accepted) == len(accepted) == stored
    assert wallet.main(bettors[0]).isdecimal(), "reads go on"
    verify(installation)

    assert _frozen(installation) == [True]
    again = bettors[0].bet("1")
    assert isinstance(wallet.attempt(again), Refusal)
    installation.command("freeze", "--lift", "--reason", "we stay")
    wait_until(lambda: not isinstance(wallet.attempt(again), Refusal), what="bets are taken again")
    assert _frozen(installation) == [True, False]
    verify(installation)


def test_operators_write_nothing_either(installation: Installation, server: WalletServer) -> None:
    wallet: Wallet = server.wallet()
    player = wallet.player("5")
    installation.command("freeze")
    assert "it was frozen" in installation.command("freeze")
    for command in (
        ["keys", "create", "--source", "new", "--role", "game"],
        ["currencies", "add", "EUR", "SEPA", "--decimals", "2"],
        ["ledgers", "create", "tokens", "--source", "credit", "--currency-network", "1"],
    ):
        done = installation.run(*command)
        assert done.returncode == 1, command
        assert "the installation is frozen" in done.stderr
    assert isinstance(wallet.attempt(player.adjust("1", reason="no", actor="ana")), Refusal)
    assert wallet.main(player) == "5"


def _frozen(installation: Installation) -> list[bool]:
    rows = installation.rows("SELECT facts_after FROM operator_actions WHERE kind = 'FREEZE' ORDER BY action_id")
    return [facts["frozen"] for (facts,) in rows]
