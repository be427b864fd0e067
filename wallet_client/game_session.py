"""A game session by its token: what a client can do with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from wallet.v1 import session_pb2, wallet_pb2

from .operations import SessionRequest, new_id
from .results import Played, Settlement, played_of, settlement_of


class SessionCalls(Protocol):
    """What sessions need of a client."""

    async def play(self, request: SessionRequest, *, deadline: float | None = None) -> Any:
        """Send one session request as it is, by a deadline if it is given."""

    async def read(self, request: session_pb2.GetSessionRequest) -> session_pb2.Session:
        """Read a session."""


class GameSession:
    """A game session: its token, and what can be done with it."""

    def __init__(self, client: SessionCalls, token: str, expires_at: datetime | None) -> None:
        self._client = client
        self.token = token
        self.expires_at = expires_at
        """From when on it takes no bets, UTC; None for a session that was taken up by its token."""

    async def bet(
        self,
        *,
        amount_minor: int,
        round_id: str,
        round_closed: bool = False,
        transaction_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Played:
        """Take a stake from the session's balance."""
        request = session_pb2.SessionBetRequest(
            session_token=self.token,
            transaction_id=transaction_id or new_id(),
            amount_minor=str(amount_minor),
            round_id=round_id,
            round_closed=round_closed,
            metadata=metadata,
        )
        return played_of(await self._client.play(request))

    async def win(
        self,
        *,
        amount_minor: int,
        round_id: str = "",
        of: str = "",
        win_kind: wallet_pb2.WinKind = wallet_pb2.WIN_KIND_REGULAR,
        round_closed: bool = False,
        transaction_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Played:
        """Pay a win; a REGULAR one names its bet's transaction_id in `of`. After the settlement it goes to MAIN."""
        request = session_pb2.SessionWinRequest(
            session_token=self.token,
            transaction_id=transaction_id or new_id(),
            amount_minor=str(amount_minor),
            round_id=round_id,
            reference_transaction_id=of,
            win_kind=win_kind,
            round_closed=round_closed,
            metadata=metadata,
        )
        return played_of(await self._client.play(request))

    async def rollback(self, *, of: str, round_closed: bool = False, transaction_id: str = "") -> Played:
        """Reverse a bet or a win of this session, or void an id that was not seen in it yet."""
        request = session_pb2.SessionRollbackRequest(
            session_token=self.token,
            transaction_id=transaction_id,
            reference_transaction_id=of,
            round_closed=round_closed,
        )
        return played_of(await self._client.play(request))

    async def balance_minor(self) -> int:
        """Read what can be bet now."""
        return int((await self._client.read(session_pb2.GetSessionRequest(session_token=self.token))).balance_minor)

    async def settle(self, *, require_closed_rounds: bool = False) -> Settlement:
        """End it: the balance goes back to MAIN. Sent again, it tells the same."""
        request = session_pb2.SettleSessionRequest(
            session_token=self.token, require_closed_rounds=require_closed_rounds
        )
        return settlement_of(await self._client.play(request))
