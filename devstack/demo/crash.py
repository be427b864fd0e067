"""A crash game, played through the backend's client: many players, one round, the pot to those who left in time.

Each player locks a stake in a session of their own. The stakes of a round are the pot; a multiplier climbs until it
crashes, and who cashed out before shares the pot, weighted by their multiplier (pari-mutuel: the pool is the game's
business, the wallet only knows bets and wins). Nobody's money appears or vanishes: what the winners gain is what the
losers lose, to the unit.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.text import Text

from devstack.demo.running_wallet import RunningStack
from devstack.stack_settings import StackError
from wallet.v1 import session_pb2, wallet_pb2_grpc
from wallet.v1 import wallet_pb2 as pb
from wallet_client import WalletClient, WalletError

_PLAYERS = 200
_NETWORK_ID = 1
_GAME = "crash-demo"
_FUNDS_MINOR = 100_000_000
_LOCK_MINOR = 50_000_000
_TICK_S = 0.03
_GROWTH = 1.035


class CrashError(StackError):
    """The round did not come out as it must."""


@dataclass(slots=True, kw_only=True)
class _Player:
    player_id: int
    token: str
    stake_minor: int
    leaves_at: float
    left_at: float | None = None
    share_minor: int = 0

    @property
    def bet_id(self) -> str:
        return f"bet-{self.player_id}"


async def play(stack: RunningStack, console: Console) -> None:
    """Play one round, with a live line of how it goes.

    Raises:
        CrashError: Money appeared or vanished.
    """
    tag = secrets.token_hex(4)
    first = secrets.randbelow(2**52) + 1
    async with WalletClient(stack.grpc_address, key=stack.keys["game"]) as wallet:
        with Live(console=console, transient=False, refresh_per_second=20) as live:
            live.update(Text(f"{_PLAYERS} players are funded and open their sessions"))
            await _fund(stack, first, tag)
            players = await _open(wallet, first, tag)
            pot_minor = await _bet(wallet, players)
            await _climb(players, pot_minor, live)
            _share(players, pot_minor)
            await _pay(wallet, players)
            nets = await _settle(wallet, players)
            winners = sum(net > 0 for net in nets)
            live.update(
                Text(
                    f"{winners} of {_PLAYERS} players gained from a pot of {pot_minor / 1_000_000:,.2f} USDT\n"
                    f"{_PLAYERS} sessions settled, nets sum to {sum(nets)}"
                )
            )
    if sum(nets) != 0:
        raise CrashError(f"the round's nets sum to {sum(nets)} minor units, not to 0")


async def _fund(stack: RunningStack, first: int, tag: str) -> None:
    import grpc

    operations = [
        pb.Operation(
            apply_deposit_settlement=pb.DepositSettlementRequest(
                deposit_id=f"crash-{tag}-{number}",
                player_id=first + number,
                currency_network_id=_NETWORK_ID,
                amount_minor=str(_FUNDS_MINOR),
            )
        )
        for number in range(_PLAYERS)
    ]
    async with grpc.aio.insecure_channel(stack.grpc_address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = wallet_pb2_grpc.WalletServiceStub(channel)
        await stub.ExecuteBatch(
            pb.ExecuteBatchRequest(operations=operations),
            metadata=(("authorization", f"Bearer {stack.keys['payments']}"),),
            timeout=30,
        )


async def _open(wallet: WalletClient, first: int, tag: str) -> list[_Player]:
    requests = [
        session_pb2.OpenSessionRequest(
            transaction_id=f"crash-{tag}-{number}",
            player_id=first + number,
            currency_network_id=_NETWORK_ID,
            game_code=_GAME,
            lock_amount_minor=str(_LOCK_MINOR),
        )
        for number in range(_PLAYERS)
    ]
    players = []
    for answer in await wallet.batch(requests):
        assert isinstance(answer, session_pb2.Session), answer
        players.append(
            _Player(
                player_id=answer.player_id,
                token=answer.session_token,
                stake_minor=random.randrange(1_000_000, _LOCK_MINOR, 10_000),  # noqa: S311 - a game, not a secret
                leaves_at=1 + random.expovariate(0.6),
            )
        )
    return players


async def _bet(wallet: WalletClient, players: list[_Player]) -> int:
    """Stake, as a stream; returns the pot."""
    bets = [
        session_pb2.SessionBetRequest(
            session_token=player.token,
            transaction_id=player.bet_id,
            amount_minor=str(player.stake_minor),
            round_id="1",
        )
        for player in players
    ]
    async for _, answer in wallet.stream(bets):
        if isinstance(answer, WalletError):
            raise CrashError(str(answer))
    return sum(player.stake_minor for player in players)


async def _climb(players: list[_Player], pot_minor: int, live: Live) -> None:
    """Let the multiplier climb until it crashes; at least one player is out in time."""
    crash_at = max(1 + random.expovariate(0.5), min(player.leaves_at for player in players) + 0.01)
    multiplier = 1.0
    while multiplier < crash_at:
        out = 0
        for player in players:
            if player.left_at is None and player.leaves_at <= multiplier:
                player.left_at = player.leaves_at
            out += player.left_at is not None
        bar = "█" * min(40, int(multiplier * 4))
        live.update(Text(f"{multiplier:5.2f}x {bar:<40} {out:>3} out, pot {pot_minor / 1_000_000:,.2f} USDT"))
        await asyncio.sleep(_TICK_S)
        multiplier *= _GROWTH
    for player in players:
        if player.leaves_at < crash_at:
            player.left_at = player.leaves_at


def _share(players: list[_Player], pot_minor: int) -> None:
    """Split the pot by stake and multiplier, to the unit: what rounding leaves goes to the first."""
    winners = [player for player in players if player.left_at is not None]
    weights = [int(player.stake_minor * (player.left_at or 0) * 1000) for player in winners]
    for player, weight in zip(winners, weights, strict=True):
        player.share_minor = pot_minor * weight // sum(weights)
    winners[0].share_minor += pot_minor - sum(player.share_minor for player in winners)


async def _pay(wallet: WalletClient, players: list[_Player]) -> None:
    wins = [
        session_pb2.SessionWinRequest(
            session_token=player.token,
            transaction_id=f"win-{player.player_id}",
            reference_transaction_id=player.bet_id,
            amount_minor=str(player.share_minor),
            round_id="1",
            round_closed=True,
            win_kind=pb.WIN_KIND_REGULAR,
        )
        for player in players
    ]
    for answer in await wallet.batch(wins):
        if isinstance(answer, WalletError):
            raise CrashError(str(answer))


async def _settle(wallet: WalletClient, players: list[_Player]) -> list[int]:
    settled = await asyncio.gather(
        *(wallet.session(player.token).settle(require_closed_rounds=True) for player in players)
    )
    return [settlement.net_minor for settlement in settled]
