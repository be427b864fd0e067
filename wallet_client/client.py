"""The client: a connection with a key, the calls of a game's backend, and how they are sent again."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from wallet.v1 import session_pb2, session_pb2_grpc, wallet_pb2, wallet_pb2_grpc

from .errors import WalletError, error_of_call
from .operations import SESSION_CALLS, SessionAnswer, SessionRequest, answer_of, new_id, operation, write
from .results import Played, Settlement, played_of, settlement_of
from .waits import FIRST_WAIT_S, wait_before_sending_again

Answer = TypeVar("Answer")
BATCH_OPERATIONS_MAX = 1_000
_STREAM_UNANSWERED_MAX = 500


class WalletClient:
    """A connection to the wallet under one key. Belongs to one event loop; use it as a context."""

    def __init__(
        self,
        address: str,
        *,
        key: str,
        deadline_s: float = 10.0,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Connect at the first call.

        Args:
            address: The wallet's `host:port`.
            key: The caller's secret, `sk_test_...` or `sk_live_...`.
            deadline_s: How long a call may take in all, what is sent again included.
            credentials: TLS, mutual or not; without, plain text.
        """
        options = [("grpc.enable_http_proxy", 0)]
        self._channel = (
            grpc.aio.insecure_channel(address, options=options)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials, options=options)
        )
        self._metadata = (("authorization", f"Bearer {key}"),)
        self._deadline_s = deadline_s
        self._wallet: Any = wallet_pb2_grpc.WalletServiceStub(self._channel)
        self._sessions: Any = session_pb2_grpc.LedgerSessionServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()

    # ---- play on MAIN

    async def bet(
        self,
        *,
        player_id: int,
        currency_network_id: int,
        amount_minor: int,
        game_code: str,
        round_id: str,
        round_closed: bool = False,
        transaction_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Played:
        """Take a stake from MAIN; 0 is a free spin."""
        request = wallet_pb2.BetRequest(
            transaction_id=transaction_id or new_id(),
            player_id=player_id,
            currency_network_id=currency_network_id,
            amount_minor=str(amount_minor),
            game_code=game_code,
            round_id=round_id,
            round_closed=round_closed,
            metadata=metadata,
        )
        return played_of(await self._call(self._wallet.Bet, request))

    async def win(
        self,
        *,
        player_id: int,
        currency_network_id: int,
        amount_minor: int,
        game_code: str = "",
        round_id: str = "",
        of: str = "",
        win_kind: wallet_pb2.WinKind = wallet_pb2.WIN_KIND_REGULAR,
        round_closed: bool = False,
        transaction_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Played:
        """Pay a win to MAIN; a REGULAR one names its bet's transaction_id in `of`."""
        request = wallet_pb2.WinRequest(
            transaction_id=transaction_id or new_id(),
            player_id=player_id,
            currency_network_id=currency_network_id,
            amount_minor=str(amount_minor),
            game_code=game_code,
            round_id=round_id,
            reference_transaction_id=of,
            win_kind=win_kind,
            round_closed=round_closed,
            metadata=metadata,
        )
        return played_of(await self._call(self._wallet.Win, request))

    async def rollback(
        self,
        *,
        player_id: int,
        currency_network_id: int,
        of: str,
        round_closed: bool = False,
        transaction_id: str = "",
    ) -> Played:
        """Reverse a bet or a win, or void an id that was not seen yet. Without an id it is `rollback:` + `of`."""
        request = wallet_pb2.RollbackRequest(
            transaction_id=transaction_id,
            player_id=player_id,
            currency_network_id=currency_network_id,
            reference_transaction_id=of,
            round_closed=round_closed,
        )
        return played_of(await self._call(self._wallet.Rollback, request))

    async def available_minor(self, *, player_id: int, currency_network_id: int) -> int:
        """Read what a player has in MAIN."""
        request = wallet_pb2.GetBalanceRequest(player_id=player_id, currency_network_id=currency_network_id)
        return int((await self._call(self._wallet.GetBalance, request)).available_minor)

    # ---- sessions

    async def open_session(
        self,
        *,
        player_id: int,
        currency_network_id: int,
        game_code: str,
        lock_amount_minor: int,
        ttl_seconds: int = 0,
        transaction_id: str | None = None,
    ) -> GameSession:
        """Lock a stake; sent again with the same id, it is the same session."""
        request = session_pb2.OpenSessionRequest(
            transaction_id=transaction_id or new_id(),
            player_id=player_id,
            currency_network_id=currency_network_id,
            game_code=game_code,
            lock_amount_minor=str(lock_amount_minor),
            ttl_seconds=ttl_seconds,
        )
        opened = await self._call(self._sessions.OpenSession, request)
        return GameSession(self, opened.session_token, opened.expires_at.ToDatetime())

    def session(self, session_token: str) -> GameSession:
        """Take up a session by its token, without asking for it."""
        return GameSession(self, session_token, None)

    async def play(self, request: SessionRequest) -> Any:
        """Send one session request as it is.

        Raises:
            WalletError: It was refused, or no answer came before the deadline.
        """
        return await self._call(getattr(self._sessions, SESSION_CALLS[type(request)]), request)

    async def read(self, request: session_pb2.GetSessionRequest) -> session_pb2.Session:
        """Read a session."""
        found: session_pb2.Session = await self._call(self._sessions.GetSession, request)
        return found

    async def batch(self, requests: Sequence[SessionRequest]) -> list[SessionAnswer]:
        """Send any number of session requests; each has its own answer in its place, a WalletError where it has none.

        Requests of one player take effect in their order. Where one must be sent again, that player's later ones have
        been decided without it: requests that depend on each other are safer in one batch than in several.
        """
        answers: dict[int, SessionAnswer] = {}
        deadline = time.monotonic() + self._deadline_s
        waiting = list(range(len(requests)))
        wait_s = FIRST_WAIT_S
        while waiting:
            for start in range(0, len(waiting), BATCH_OPERATIONS_MAX):
                places = waiting[start : start + BATCH_OPERATIONS_MAX]
                batch = session_pb2.ExecuteSessionBatchRequest(
                    operations=[operation(requests[place]) for place in places]
                )
                try:
                    response = await self._call(self._sessions.ExecuteBatch, batch)
                except WalletError as error:
                    answers.update(dict.fromkeys(places, error))
                else:
                    answers.update(zip(places, map(answer_of, response.outcomes), strict=True))
            left_s = deadline - time.monotonic()
            asked_s = {
                place: answer.retry_after_s
                for place, answer in answers.items()
                if isinstance(answer, WalletError) and answer.retryable
            }
            waiting = [place for place, at_least_s in asked_s.items() if max(wait_s, at_least_s) <= left_s]
            if waiting:
                wait_s = await wait_before_sending_again(wait_s, at_least_s=max(asked_s[place] for place in waiting))
        return [answers[place] for place in range(len(requests))]

    async def stream(self, requests: Iterable[SessionRequest]) -> AsyncIterator[tuple[SessionRequest, SessionAnswer]]:
        """Send session requests as fast as the wallet reads them; yields each with its answer, in their order.

        A stream that breaks is opened again with what has no answer yet.

        Raises:
            WalletError: It stayed broken until the deadline since its last answer.
        """
        source = iter(requests)
        unanswered: deque[SessionRequest] = deque()
        room = asyncio.Semaphore(_STREAM_UNANSWERED_MAX)
        deadline = time.monotonic() + self._deadline_s
        wait_s = FIRST_WAIT_S
        while True:
            call = self._sessions.Execute(metadata=self._metadata)
            writing = asyncio.create_task(write(call, source, unanswered, room))
            try:
                async for outcome in call:
                    deadline, wait_s = time.monotonic() + self._deadline_s, FIRST_WAIT_S
                    room.release()
                    yield unanswered.popleft(), answer_of(outcome)
                await writing
            except grpc.aio.AioRpcError as failed:
                error = error_of_call(failed)
                if not error.retryable or time.monotonic() + max(wait_s, error.retry_after_s) > deadline:
                    raise error from failed
                wait_s = await wait_before_sending_again(wait_s, at_least_s=error.retry_after_s)
            else:
                return
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    async def _call(self, method: Callable[..., Awaitable[Answer]], request: Any) -> Answer:
        """Make a call; send it again, with the same ids, while that is safe and there is time.

        Raises:
            WalletError: It was refused, or no answer came before the deadline.
        """
        deadline = time.monotonic() + self._deadline_s
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return await method(request, metadata=self._metadata, timeout=max(0.001, deadline - time.monotonic()))
            except grpc.aio.AioRpcError as failed:
                error = error_of_call(failed)
                if not error.retryable or time.monotonic() + max(wait_s, error.retry_after_s) > deadline:
                    raise error from failed
            wait_s = await wait_before_sending_again(wait_s, at_least_s=error.retry_after_s)


class GameSession:
    """A game session: its token, and what can be done with it."""

    def __init__(self, client: WalletClient, token: str, expires_at: datetime | None) -> None:
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
