"""`wallet.ledger` of the Python client: a studio's words, with asyncio and without; one class of errors."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.requests import USDT_ETHEREUM, Player, fresh_id
from support.sessions import Play
from support.wallet import Wallet

from wallet.v1 import session_pb2 as pb
from wallet_client import BlockingWalletClient, WalletClient, WalletError
from wallet_client.ledger import StudioLedger

GROUP_COMMIT = pytest.mark.parametrize("shared", ["group-commit"], indirect=True)


@pytest.fixture
def blocking(wallet: Wallet) -> Iterator[BlockingWalletClient]:
    with BlockingWalletClient(wallet.target, key=wallet.keys["games"]) as client:
        yield client


def opening(player: Player, **fields: Any) -> dict[str, Any]:
    named = {"user_id": player.player_id, "game_code": "momentum", "currency": "USDT", "network": "TRON"}
    return {**named, "lock_amount": 50, "transaction_id": fresh_id("open"), **fields}


@GROUP_COMMIT
async def test_a_session_in_a_studios_words(wallet: Wallet, player: Player) -> None:
    async with WalletClient(wallet.target, key=wallet.keys["games"]) as client:
        ledger = client.ledger
        request = opening(player)
        opened = await ledger.open_session(**request)
        assert (opened.locked_balance, opened.balance, opened.status, opened.replayed) == (50, 50, "OPEN", False)
        assert (opened.user_id, opened.transaction_id) == (player.player_id, request["transaction_id"])
        again = await ledger.open_session(**request)
        assert (again.session_token, again.replayed) == (opened.session_token, True)
        token = opened.session_token
        bet = await ledger.bet(session_token=token, transaction_id="r1", round="1", amount=10)
        assert (bet.status, bet.balance, bet.balance_after, bet.replayed, bet.late) == ("APPLIED", 40, 40, False, False)
        win = await ledger.win(
            session_token=token, transaction_id="r1-w", reference_transaction_id="r1", round="1", amount=18,
            round_closed=True,
        )  # fmt: skip
        assert win.balance == 58
        voided = await ledger.rollback(session_token=token, reference_transaction_id="never")
        assert (voided.status, voided.transaction_id) == ("VOIDED", "rollback:never")
        jackpot = await ledger.win(session_token=token, transaction_id="j", amount=1, win_kind="JACKPOT")
        assert jackpot.balance == 59
        assert (await ledger.balance(session_token=token)).balance == 59
        settled = await ledger.settle_session(token, require_closed_rounds=True)
        assert (settled.payout, settled.net, settled.open_rounds, settled.replayed) == (59, 9, 0, False)
        assert (await ledger.settle_session(token)).replayed


@GROUP_COMMIT
async def test_what_is_refused_names_its_field_in_these_words(wallet: Wallet, player: Player) -> None:
    async with WalletClient(wallet.target, key=wallet.keys["games"]) as client:

        async def refused(asked: Any) -> tuple[str, str | None, str]:
            with pytest.raises(WalletError) as error:
                await asked
            return error.value.reason, error.value.field, error.value.retry

        ledger: StudioLedger = client.ledger
        opened = await ledger.open_session(**opening(player))
        token = opened.session_token
        bet = {"session_token": token, "transaction_id": "r1", "round": "1", "amount": 10}
        await ledger.bet(**bet)
        assert await refused(ledger.bet(**bet | {"amount": 11})) == ("IDEMPOTENCY_KEY_REUSED", "amount", "NEVER")
        assert await refused(ledger.bet(**bet | {"round": ""})) == ("MISSING_FIELD", "round", "NEVER")
        for amount in (1.5, True, -1, "1"):
            assert await refused(ledger.bet(**bet | {"amount": amount})) == ("INVALID_AMOUNT", "amount", "NEVER")
        too_much = await refused(ledger.open_session(**opening(player, lock_amount=51)))
        assert too_much == ("INSUFFICIENT_FUNDS", None, "AFTER_CHANGE")
        assert await refused(ledger.open_session(**opening(player, lock_amount=0))) == (
            "INVALID_AMOUNT", "lock_amount", "NEVER",
        )  # fmt: skip
        several = await refused(ledger.open_session(**opening(player, network="")))
        assert several == ("MISSING_FIELD", "network", "NEVER")
        unknown = await refused(ledger.open_session(**opening(player, currency="DOGE")))
        assert unknown == ("UNKNOWN_CURRENCY_NETWORK", "currency", "AFTER_CHANGE")
        lost = await refused(ledger.win(session_token=token, transaction_id="w", reference_transaction_id="never",
                                        round="1", amount=1))  # fmt: skip
        assert lost == ("BET_NOT_FOUND", None, "AFTER_CHANGE")


@GROUP_COMMIT
def test_without_asyncio(blocking: BlockingWalletClient, wallet: Wallet) -> None:
    player = wallet.player("100", currency_network_id=USDT_ETHEREUM)
    opened = blocking.ledger.open_session(**opening(player, network="ETHEREUM"))
    bet = blocking.ledger.bet(session_token=opened.session_token, transaction_id="r1", round="1", amount=10)
    assert bet.balance == 40
    with pytest.raises(WalletError) as refused:
        blocking.ledger.bet(session_token=opened.session_token, transaction_id="r2", round="1", amount=41)
    assert (refused.value.reason, refused.value.metadata["balance_minor"]) == ("INSUFFICIENT_FUNDS", "40")
    play = Play(opened.session_token)
    answers = blocking.batch([play.bet("1"), play.bet("100")])
    assert [type(answer) for answer in answers] == [pb.SessionResult, WalletError]
    bets = [play.bet("0") for _ in range(600)]
    streamed = [answer for _, answer in blocking.stream(bets)]
    assert [answer.transaction_id for answer in streamed] == [bet.transaction_id for bet in bets]  # type: ignore[union-attr]
    assert blocking.ledger.settle_session(opened.session_token).payout == 39
    whose = {"player_id": player.player_id, "currency_network_id": player.currency_network_id}
    assert blocking.available_minor(**whose) == 89


@GROUP_COMMIT
def test_many_threads_share_one(blocking: BlockingWalletClient, player: Player) -> None:
    token = blocking.ledger.open_session(**opening(player)).session_token
    bet: Callable[..., Any] = blocking.ledger.bet
    threads = [
        threading.Thread(
            target=lambda place=place: bet(session_token=token, transaction_id=f"t{place}", round="1", amount=1)
        )
        for place in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert blocking.ledger.balance(session_token=token).balance == 30


def test_a_client_that_is_closed_leaves_no_thread() -> None:
    client = BlockingWalletClient("127.0.0.1:1", key="sk_test_x", deadline_s=0.2)
    with pytest.raises(WalletError) as failed:
        client.ledger.balance(session_token="s")
    assert failed.value.retry == "SAME_REQUEST"
    client.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "wallet-client"]
