"""Search: one box for everything that a text can name, over all cells; up to 50 hits."""

import secrets
from collections.abc import Callable

import pytest
from support.backoffice import BackofficeCaller, backoffice_of
from support.credit import CreditCaller, credit_of
from support.database import Installation
from support.requests import Player, fresh_id, settle
from support.server import WalletServer
from support.sessions import sessions_of
from support.wallet import Wallet

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import wallet_pb2

KIND = pb.SearchHitKind


@pytest.fixture
def backoffice(wallet: Wallet) -> BackofficeCaller:
    return backoffice_of(wallet)


@pytest.fixture
def credit(wallet: Wallet) -> CreditCaller:
    return credit_of(wallet)


def kinds(hits: list[pb.SearchHit]) -> list[str]:
    return [KIND.Name(hit.kind).removeprefix("SEARCH_HIT_KIND_") for hit in hits]


def test_a_player_is_found_once_there_is_anything_of_the_player(wallet: Wallet, backoffice: BackofficeCaller) -> None:
    nobody = Player()
    assert backoffice.find(str(nobody.player_id)) == []
    assert not backoffice.call(pb.GetPlayerRequest(player_id=nobody.player_id)).seen
    wallet.applied(nobody.deposit("1"))
    (hit,) = backoffice.find(f"  {nobody.player_id} ")
    assert (hit.kind, hit.player_id) == (KIND.SEARCH_HIT_KIND_PLAYER, nobody.player_id)


def test_a_transaction_by_both_its_ids_whoever_sent_it(wallet: Wallet, backoffice: BackofficeCaller) -> None:
    player = wallet.player("100")
    bet = player.bet("10")
    applied = wallet.applied(bet, by=wallet.other_games)
    for named in (bet.transaction_id, applied.tx_id, applied.tx_id.upper(), applied.tx_id.replace("-", "")):
        hits = [hit for hit in backoffice.find(named) if hit.kind == KIND.SEARCH_HIT_KIND_TRANSACTION]
        assert [(hit.tx_id, hit.source, hit.transaction_id) for hit in hits] == [
            (applied.tx_id, "other-games", bet.transaction_id)
        ], named
        assert (hits[0].amount_minor, hits[0].player_id) == ("10", player.player_id)
        assert hits[0].transaction_kind == wallet_pb2.TRANSACTION_KIND_BET


def test_the_same_id_of_two_sources_is_two_hits(wallet: Wallet, backoffice: BackofficeCaller) -> None:
    shared = fresh_id("shared")
    for caller in (wallet.games, wallet.other_games):
        wallet.applied(wallet.player("100").bet("10", transaction_id=shared), by=caller)
    assert {hit.source for hit in backoffice.find(shared)} == {"games", "other-games"}


def test_a_deposit_by_its_id_and_by_its_output(wallet: Wallet, backoffice: BackofficeCaller) -> None:
    digits = secrets.token_hex(32)
    deposit = Player().deposit("9", tx_hash=f"0x{digits.upper()}", output_index=3)
    tx_id = wallet.applied(deposit).tx_id
    (hit,) = backoffice.find(deposit.deposit_id)
    assert (hit.kind, hit.tx_id) == (KIND.SEARCH_HIT_KIND_DEPOSIT, tx_id)
    for named in (digits, f"0x{digits}", digits.upper(), f"{digits}:3"):
        (hit,) = backoffice.find(named)
        assert (hit.kind, hit.tx_id, hit.amount_minor) == (KIND.SEARCH_HIT_KIND_OUTPUT, tx_id, "9"), named
    assert backoffice.find(f"{digits}:4") == []


def test_a_withdrawal_by_its_id_and_its_payout_by_its_hash(wallet: Wallet, backoffice: BackofficeCaller) -> None:
    reservation = wallet.player("100").reserve("10")
    tx_id = wallet.applied(reservation).tx_id
    payout = settle(reservation, tx_hash=fresh_id("hash"))
    ended = wallet.applied(payout).tx_id
    (hit,) = backoffice.find(reservation.withdrawal_id)
    assert (hit.kind, hit.tx_id) == (KIND.SEARCH_HIT_KIND_WITHDRAWAL, tx_id)
    (paid,) = backoffice.find(payout.tx_hash)
    assert (paid.kind, paid.tx_id) == (KIND.SEARCH_HIT_KIND_TRANSACTION, ended)


def test_a_round_by_its_id_alone(wallet: Wallet, backoffice: BackofficeCaller) -> None:
    round_id = fresh_id("round")
    bets = [wallet.player("100").bet("1", round_id=round_id) for _ in range(3)]
    for bet in bets:
        wallet.applied(bet)
    hits = backoffice.find(round_id)
    assert set(kinds(hits)) == {"ROUND"}
    assert {hit.player_id for hit in hits} == {bet.player_id for bet in bets}
    found = pb.ListTransactionsRequest(
        player_id=hits[0].player_id,
        source=hits[0].source,
        currency_network_id=hits[0].currency_network_id,
        game_code=hits[0].game_code,
        round_id=hits[0].round_id,
    )
    assert len(backoffice.listed(found)) == 1


def test_a_session_by_its_token_and_what_was_played_in_it(wallet: Wallet, backoffice: BackofficeCaller) -> None:
    games = sessions_of(wallet)
    play = games.open(wallet.player("100"), "20")
    bet = play.bet("1")
    games.call(bet)
    (hit,) = [hit for hit in backoffice.find(play.token) if hit.kind == KIND.SEARCH_HIT_KIND_SESSION]
    assert (hit.session_token, hit.source, hit.amount_minor) == (play.token, "games", "20")
    (played,) = backoffice.find(bet.transaction_id)
    assert (played.kind, played.session_token) == (KIND.SEARCH_HIT_KIND_TRANSACTION, play.token)
    (round_,) = backoffice.find(bet.round_id)
    assert (round_.kind, round_.session_token) == (KIND.SEARCH_HIT_KIND_ROUND, play.token)


def test_a_wallet_and_its_ledger(credit: CreditCaller, backoffice: BackofficeCaller) -> None:
    purse = credit.purse("100")
    written = purse.credit("5")
    credit.call(written)
    assert kinds(backoffice.find(purse.key)) == ["WALLET"]
    assert kinds(backoffice.find(purse.ledger_id)) == ["LEDGER", "TRANSACTION"]
    (hit,) = backoffice.find(written.transaction_id)
    assert (hit.kind, hit.wallet_key) == (KIND.SEARCH_HIT_KIND_TRANSACTION, purse.key)


def test_no_more_than_fifty(wallet: Wallet, backoffice: BackofficeCaller) -> None:
    round_id = fresh_id("round")
    players = [Player() for _ in range(60)]
    wallet.games.batch([player.bet("0", round_id=round_id) for player in players])
    answer = backoffice.call(pb.SearchRequest(query=round_id))
    assert (len(answer.hits), answer.truncated) == (50, True)


@pytest.mark.parametrize(
    ("query", "reason"),
    [("", "MISSING_FIELD"), ("  ", "MISSING_FIELD"), ("x" * 257, "INVALID_FIELD"), ("a\nb", "INVALID_FIELD")],
)
@pytest.mark.parametrize("shared", ["group-commit"], indirect=True)
def test_what_cannot_be_looked_for(backoffice: BackofficeCaller, query: str, reason: str) -> None:
    backoffice.refused(pb.SearchRequest(query=query), reason, field="query")


def test_whatever_text_is_just_not_found(new_installation: Callable[[], Installation]) -> None:
    """In an installation of its own: others that are shared have rounds and references of any name."""
    texts = [
        "'; DROP TABLE players; --",
        "%",
        "é",
        "0",
        "-1",
        "9" * 30,
        "99999999999999999999",
        "in-1",
        "out-0-1",
        "a:b:1",
        "x" * 256,
    ]
    with WalletServer(new_installation()) as server:
        backoffice = backoffice_of(server.wallet())
        hits = [hit for text in texts for hit in backoffice.find(text)]
    assert [hit.event_ref for hit in hits] == ["in-1", "out-0-1"], "what may name an event leads to its page"
