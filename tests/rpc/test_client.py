"""The backends' client against a real server: results as values, refusals raised, and safe sending again."""

import asyncio
from collections.abc import Callable

import pytest
from support.database import Installation
from support.requests import Player, fresh_id
from support.server import WalletServer
from support.sessions import Play
from support.wallet import Wallet

from wallet.v1 import session_pb2 as pb
from wallet_client import WalletClient, WalletError


async def test_a_game_on_main_and_in_a_session(wallet: Wallet, player: Player) -> None:
    whose = {"player_id": player.player_id, "currency_network_id": player.currency_network_id}
    async with WalletClient(wallet.target, key=wallet.keys["games"]) as client:
        bet = await client.bet(**whose, amount_minor=10, game_code="g", round_id="1")
        won = await client.win(**whose, amount_minor=20, game_code="g", round_id="1", of=bet.transaction_id)
        assert (bet.balance_after_minor, won.balance_after_minor, won.status) == (90, 110, "APPLIED")
        assert bet.tx_id
        back = await client.rollback(**whose, of=won.transaction_id)
        assert (back.transaction_id, back.balance_after_minor) == (f"rollback:{won.transaction_id}", 90)

        session = await client.open_session(**whose, game_code="g", lock_amount_minor=50)
        stake = await session.bet(amount_minor=50, round_id="1", transaction_id="mine")
        again = await session.bet(amount_minor=50, round_id="1", transaction_id="mine")
        assert (stake.replayed, again.replayed, again.balance_after_minor) == (False, True, 0)
        with pytest.raises(WalletError) as refused:
            await session.bet(amount_minor=1, round_id="2")
        assert (refused.value.reason, refused.value.metadata["balance_minor"]) == ("INSUFFICIENT_FUNDS", "0")
        assert not refused.value.retryable
        await session.win(amount_minor=70, round_id="1", of="mine", round_closed=True)
        assert await session.balance_minor() == 70
        settled = await client.session(session.token).settle(require_closed_rounds=True)
        assert (settled.payout_minor, settled.net_minor, settled.replayed) == (70, 20, False)
        assert (await session.rollback(of="never")).status == "VOIDED"
        assert await client.available_minor(**whose) == 110


async def test_batches_and_streams_of_any_length(wallet: Wallet, player: Player) -> None:
    async with WalletClient(wallet.target, key=wallet.keys["games"], deadline_s=60) as client:
        session = await client.open_session(
            player_id=player.player_id, currency_network_id=player.currency_network_id, game_code="g",
            lock_amount_minor=100,
        )  # fmt: skip
        play = Play(session.token)
        answers = await client.batch([play.bet("0") for _ in range(1_500)] + [play.bet("101")])
        assert [type(answer) for answer in answers] == [pb.SessionResult] * 1_500 + [WalletError]
        bets = [play.bet("0") for _ in range(2_000)]
        told = [(request, answer) async for request, answer in client.stream(iter(bets))]
        assert [request for request, _ in told] == bets
        assert [answer.transaction_id for _, answer in told] == [bet.transaction_id for bet in bets]  # type: ignore[union-attr]


async def test_what_is_safe_is_sent_again(new_installation: Callable[[], Installation]) -> None:
    """The server goes away in the middle of everything, and comes back: each bet is there once."""
    installation = new_installation()
    with WalletServer(installation) as server:
        wallet = server.wallet()
        player = wallet.player("1000000")
        async with WalletClient(server.target, key=wallet.keys["games"], deadline_s=30) as client:
            session = await client.open_session(
                player_id=player.player_id, currency_network_id=player.currency_network_id, game_code="g",
                lock_amount_minor=1_000_000,
            )  # fmt: skip
            play = Play(session.token)
            bets = [play.bet("1", transaction_id=fresh_id("streamed")) for _ in range(3_000)]

            async def one_by_one() -> int:
                for number in range(150):
                    await session.bet(amount_minor=1, round_id="1", transaction_id=f"one-{number}")
                return 150

            async def streamed() -> int:
                return len([request async for request, _ in client.stream(bets)])

            async def restarted() -> int:
                for _ in range(2):
                    await asyncio.sleep(0.3)
                    server.kill()
                    await asyncio.to_thread(server.start)
                return 0

            sent = sum(await asyncio.gather(one_by_one(), streamed(), restarted()))
            assert sent == 3_150
            assert await session.balance_minor() == 1_000_000 - sent


async def test_what_does_not_come_back_is_raised(wallet: Wallet) -> None:
    async with WalletClient("127.0.0.1:9", key=wallet.keys["games"], deadline_s=0.3) as client:
        with pytest.raises(WalletError) as failed:
            await client.available_minor(player_id=1, currency_network_id=1)
    assert failed.value.retryable
    async with WalletClient(wallet.target, key="sk_test_wrong") as client:
        with pytest.raises(WalletError) as refused:
            await client.available_minor(player_id=1, currency_network_id=1)
    assert refused.value.reason == "CALLER_UNKNOWN"
