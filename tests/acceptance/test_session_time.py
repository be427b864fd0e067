"""docs/acceptance.md, Sessions: cases 34 and 35 where they need time, several processes, or a LIVE installation."""

import json
from collections.abc import Callable, Iterator

import pytest
from support.database import CURRENCY_NETWORKS, Installation, let_service_log_in
from support.ledger import verify
from support.outbox import told
from support.refusals import check_refusal
from support.requests import Player
from support.server import WalletServer
from support.sessions import SessionCaller, open_session, sessions_of
from support.waiting import wait_until
from support.wallet import Wallet

from wallet.v1 import session_pb2 as pb
from wallet_grpc.store.operator.keys import create_key
from wallet_grpc.store.operator.migrate import migrate
from wallet_grpc.store.operator.networks import add_network
from wallet_grpc.store.reads.keys import Role

NEVER_MS = "3600000"
SOON_MS = "50"
LONG_ENOUGH_FOR_A_BET_S = 8


@pytest.fixture(scope="module")
def patient(module_installation: Installation) -> Iterator[tuple[WalletServer, Wallet, SessionCaller]]:
    """A server that leaves expired sessions alone."""
    with WalletServer(module_installation, WALLET_SESSION_EXPIRY_GRACE_MS=NEVER_MS) as server:
        wallet = server.wallet()
        yield server, wallet, sessions_of(wallet)


def settled(games: SessionCaller, play: object) -> bool:
    return bool(games.call(play.read()).status == pb.SESSION_STATUS_SETTLED)


def test_case_34_after_expiry_wins_reach_the_session_and_bets_do_not(
    patient: tuple[WalletServer, Wallet, SessionCaller],
) -> None:
    server, wallet, games = patient
    player = wallet.player("100")
    play = games.open(player, "50", ttl_seconds=LONG_ENOUGH_FOR_A_BET_S)
    bet = play.bet("10")
    placed = games.applied(bet)
    wait_until(lambda: games.call(play.read()).status == pb.SESSION_STATUS_EXPIRED, what="the session expires")
    games.refused(play.bet("1"), "SESSION_CLOSED")
    games.replayed(bet, placed)
    win = play.win("30", of=bet)
    assert games.applied(win).balance_after_minor == "70"
    assert games.applied(play.rollback(win)).balance_after_minor == "40"
    again = play.win("25", of=bet)
    assert games.applied(again).balance_after_minor == "65"
    assert wallet.main(player) == "50"

    with WalletServer(server.installation, "--workers", "2", **HASTY):  # workers that settle it, beside this server
        wait_until(lambda: settled(games, play), what="a worker settles it")
    assert wallet.main(player) == "115"
    answer = games.call(play.settle())
    assert (answer.payout_minor, answer.replayed) == ("65", True)
    assert games.applied(play.rollback(again), late=True).balance_after_minor == "90"


HASTY = {"WALLET_SESSION_EXPIRY_GRACE_MS": "0", "WALLET_SESSION_EXPIRY_POLL_MS": SOON_MS}


def test_case_34_many_workers_settle_each_session_once(new_installation: Callable[[], Installation]) -> None:
    installation = new_installation()
    with WalletServer(installation, WALLET_SESSION_EXPIRY_GRACE_MS=NEVER_MS) as server:
        wallet = server.wallet()
        games = sessions_of(wallet)
        players = [wallet.player("100") for _ in range(60)]
        opened = games.batch([open_session(player, "40", ttl_seconds=1) for player in players for _ in range(2)])
        with WalletServer(installation, "--workers", "3", **HASTY), WalletServer(installation, **HASTY):
            wait_until(
                lambda: installation.rows("SELECT count(*) FROM sessions WHERE state = 'OPEN'") == [(0,)],
                what="all sessions are settled",
            )
        assert all(session.locked_balance_minor == "40" for session in opened)
        assert {wallet.main(player) for player in players} == {"100"}
        ((settlements,),) = installation.rows(
            "SELECT count(*) FROM ledger_transactions WHERE kind = 'SESSION_SETTLEMENT'"
        )
        assert settlements == 120
    verify(installation)


def test_ttl(patient: tuple[WalletServer, Wallet, SessionCaller]) -> None:
    _, wallet, games = patient
    player = wallet.player("100")
    session = games.call(open_session(player, "1"))
    assert session.expires_at.seconds - session.opened_at.seconds == 86_400
    for ttl_seconds in (-1, 2_592_001):
        games.refused(open_session(player, "1", ttl_seconds=ttl_seconds), "INVALID_FIELD", field="ttl_seconds")


def test_case_35_live_sessions_need_a_rail(
    new_empty_installation: Callable[..., Installation], template: Installation
) -> None:
    installation = new_empty_installation(environment="live")
    migrate(installation.admin_dsn, "LIVE")
    let_service_log_in(installation.cluster)
    with installation.connect() as connection:
        for number, (currency, network, decimals) in CURRENCY_NETWORKS.items():
            add_network(connection, currency=currency, network=network, decimals=decimals, network_id=number)
        for name, role in {"games": Role.GAME, "payments": Role.PAYMENTS}.items():
            made = create_key(connection, prefix="sk_live_", source=name, roles=[role])
            installation.keys[name] = made.key
    with WalletServer(installation) as server:
        wallet = server.wallet()
        games = sessions_of(wallet)
        player = wallet.player("100")
        request = open_session(player, "50")
        games.refused(request, "SETTLEMENT_RAIL_NOT_CONFIGURED")
        for refused in games.batch([request]):
            check_refusal(refused, "SETTLEMENT_RAIL_NOT_CONFIGURED")
        assert wallet.main(player) == "100"

        set_rail = ("rails", "set", "--source", "games", "--rail", "payments", "--currency-network")
        assert installation.run(*set_rail, "99").returncode != 0
        installation.command(*set_rail, "2")
        games.refused(request, "SETTLEMENT_RAIL_NOT_CONFIGURED")
        installation.command(*set_rail, "1")
        (listed, other) = json.loads(installation.command("rails", "list", "--json"))
        assert (listed["source"], listed["currency_network_id"], listed["rail"]) == ("games", 1, "payments")
        assert other["currency_network_id"] == 2
        session = games.call(request)
        events = told(installation, player.player_id)
        (opened,) = [event for event in events if event.event_type == "wallet.session.opened"]
        assert opened.data["rail"] == "payments"
        assert opened.data["sessionToken"] == session.session_token

        test_key = wallet.caller(template.keys["games"])
        SessionCaller(test_key, wallet.channel()).refused(open_session(Player(), "1"), "ENVIRONMENT_MISMATCH")
    verify(installation)
