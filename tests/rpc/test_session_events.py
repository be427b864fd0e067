"""What sessions tell the platform: their opening, their end, and what came late. Play inside is not told."""

from support.database import Installation
from support.outbox import told
from support.requests import Player
from support.sessions import sessions_of
from support.wallet import Wallet


def test_sessions_tell_their_opening_their_end_and_what_came_late(
    wallet: Wallet, installation: Installation, player: Player
) -> None:
    games = sessions_of(wallet)
    play = games.open(player, "50")
    bet = play.bet("10", round_id="7")
    games.applied(bet)
    inside = play.win("5", of=bet)
    games.applied(inside)
    games.applied(play.rollback(inside))
    settled = games.call(play.settle())
    win = play.win("20", of=bet)
    games.applied(win, late=True)
    games.applied(play.rollback(win), late=True)
    games.applied(play.rollback(bet), late=True)

    events = told(installation, player.player_id)
    assert [(event.event_type, event.sequence) for event in events] == [
        ("wallet.deposit.applied", 1),
        ("wallet.session.opened", 2),
        ("wallet.session.settled", 3),
        ("wallet.win.credited", 4),
        ("wallet.transaction.rolled_back", 5),
        ("wallet.transaction.rolled_back", 6),
    ]
    _, opened, ended, credited, rolled_back, stake_back = (event.data for event in events)
    assert {
        name: opened[name] for name in ("sessionToken", "lockMinor", "amountMinor", "balanceAfterMinor", "rail")
    } == {
        "sessionToken": play.token,
        "lockMinor": "50",
        "amountMinor": "50",
        "balanceAfterMinor": "50",
        "rail": "ledger",
    }
    assert opened["gameCode"] == ended["gameCode"] == credited["gameCode"]
    assert (ended["txId"], ended["sessionToken"]) == (settled.tx_id, play.token)
    assert (ended["lockMinor"], ended["payoutMinor"], ended["netMinor"]) == ("50", "40", "-10")
    assert (ended["amountMinor"], ended["balanceAfterMinor"]) == ("40", "90")
    assert (credited["late"], credited["sessionToken"], credited["roundId"]) == (True, play.token, "7")
    assert credited["transactionId"] == win.transaction_id
    assert rolled_back["reversesTxId"] == credited["txId"]
    assert "reversesTxId" not in stake_back, "a stake that was played in the session has no tx_id"
    assert stake_back["late"] is True
