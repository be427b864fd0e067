"""A client of the wallet for backends: `WalletClient`, on asyncio, and `BlockingWalletClient`.

    async with WalletClient("wallet:50051", key="sk_test_...") as wallet:
        session = await wallet.open_session(
            player_id=42, currency_network_id=1, game_code="crash", lock_amount_minor=50_000_000
        )
        bet = await session.bet(amount_minor=1_000_000, round_id="1")
        await session.win(amount_minor=1_800_000, round_id="1", of=bet.transaction_id, round_closed=True)
        settlement = await session.settle()

Amounts are ints of minor units here; on the wire they are strings. Every mutation has a transaction_id, the caller's
own id: given, or made here. What fails in a way that the error table calls safe is sent again with the same id, until
the deadline: a mutation moves money once, however often it is sent. Everything else raises `WalletError`.
"""

from .blocking import BlockingWalletClient
from .client import WalletClient
from .errors import WalletError
from .game_session import GameSession
from .ledger import Opened, PlayedInSession, SessionSettlement, SessionView, StudioLedger
from .results import Played, Settlement

__all__ = [
    "BlockingWalletClient",
    "GameSession",
    "Opened",
    "Played",
    "PlayedInSession",
    "SessionSettlement",
    "SessionView",
    "Settlement",
    "StudioLedger",
    "WalletClient",
    "WalletError",
]
