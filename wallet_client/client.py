"""The client: a connection with a key, the calls of a game's backend, and how they are sent again."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from datetime import UTC
from types import TracebackType
from typing import Any, Self

import grpc

from wallet.v1 import session_pb2, wallet_pb2

from .errors import WalletError, error_of_call, no_answer
from .game_session import GameSession
from .ledger import StudioLedger
from .lines import Lines
from .operations import SESSION_CALLS, SessionAnswer, SessionRequest, answer_of, id_of, new_id, operation
from .results import Played, played_of
from .stream import SessionStream
from .waits import FIRST_PATIENCE_S, FIRST_WAIT_S, wait_before_sending_again

BATCH_OPERATIONS_MAX = 1_000


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
        self._lines = Lines(address, credentials)
        self._metadata = (("authorization", f"Bearer {key}"),)
        self._deadline_s = deadline_s
        self.ledger = StudioLedger(self)
        """Game sessions in a studio's words."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        await self._lines.close()

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
        return played_of(await self._call("wallet", "Bet", request))

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
        return played_of(await self._call("wallet", "Win", request))

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
        return played_of(await self._call("wallet", "Rollback", request))

    async def available_minor(self, *, player_id: int, currency_network_id: int) -> int:
        """Read what a player has in MAIN."""
        request = wallet_pb2.GetBalanceRequest(player_id=player_id, currency_network_id=currency_network_id)
        return int((await self._call("wallet", "GetBalance", request)).available_minor)

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
        opened = await self._call("sessions", "OpenSession", request)
        return GameSession(self, opened.session_token, opened.expires_at.ToDatetime(UTC))

    def session(self, session_token: str) -> GameSession:
        """Take up a session by its token, without asking for it."""
        return GameSession(self, session_token, None)

    def deadline(self) -> float:
        """Give until when a call may take that begins now, as `time.monotonic` tells it: for what takes several."""
        return time.monotonic() + self._deadline_s

    async def currency_networks(self, *, deadline: float | None = None) -> list[wallet_pb2.CurrencyNetwork]:
        """Read which currency networks there are; of its own deadline, or by the one of a greater whole."""
        asked = wallet_pb2.ListCurrencyNetworksRequest()
        listed = await self._call("wallet", "ListCurrencyNetworks", asked, deadline=deadline)
        return list(listed.currency_networks)

    async def play(self, request: SessionRequest, *, deadline: float | None = None) -> Any:
        """Send one session request as it is; of its own deadline, or by the one of a greater whole.

        Raises:
            WalletError: It was refused, or no answer came before the deadline.
        """
        return await self._call("sessions", SESSION_CALLS[type(request)], request, deadline=deadline)

    async def read(self, request: session_pb2.GetSessionRequest) -> session_pb2.Session:
        """Read a session."""
        found: session_pb2.Session = await self._call("sessions", "GetSession", request)
        return found

    async def batch(self, requests: Sequence[SessionRequest]) -> list[SessionAnswer]:
        """Send any number of session requests; each has its own answer in its place, a WalletError where it has none.

        Requests of one player take effect in their order. Where one must be sent again, that player's later ones have
        been decided without it: requests that depend on each other are safer in one batch than in several.
        """
        operations = [operation(request) for request in requests]  # so what is none is told before anything is sent
        answers: dict[int, SessionAnswer] = {}
        deadline = self.deadline()
        waiting = list(range(len(operations)))
        wait_s = FIRST_WAIT_S
        while waiting:
            for start in range(0, len(waiting), BATCH_OPERATIONS_MAX):
                places = waiting[start : start + BATCH_OPERATIONS_MAX]
                batch = session_pb2.ExecuteSessionBatchRequest(operations=[operations[place] for place in places])
                outcomes, failed = [], no_answer("the answer lacks this operation")
                patience_s = (deadline - time.monotonic()) / 2
                try:
                    response = await self._call(
                        "sessions", "ExecuteBatch", batch, deadline=deadline, patience_s=patience_s
                    )
                    outcomes = response.outcomes
                except WalletError as error:
                    failed = error
                for place, outcome in itertools.zip_longest(places, outcomes[: len(places)]):
                    request = requests[place]
                    answers[place] = (
                        failed.with_transaction_id(id_of(request)) if outcome is None else answer_of(request, outcome)
                    )
            left_s = deadline - time.monotonic()
            asked_s = {
                place: answer.retry_after_s
                for place, answer in answers.items()
                if isinstance(answer, WalletError) and answer.retryable
            }
            waiting = [place for place, at_least_s in asked_s.items() if wait_s + at_least_s <= left_s]
            if waiting:
                wait_s = await wait_before_sending_again(wait_s, at_least_s=max(asked_s[place] for place in waiting))
        return [answers[place] for place in range(len(operations))]

    def stream(self, requests: Iterable[SessionRequest]) -> AsyncGenerator[tuple[SessionRequest, SessionAnswer], None]:
        """Send session requests as fast as the wallet reads them; yields each with its answer, in their order.

        A stream that breaks, or whose answers stay away, is opened again with what has no answer yet. What the requests
        themselves raise ends it: it is raised here, after the answers to those before.

        Raises:
            WalletError: No answer came until the deadline, counted from the last one, or from when the caller came
                back from it.
        """
        return SessionStream(self._lines, self._metadata, requests, deadline_s=self._deadline_s).answers()

    async def _call(
        self,
        service: str,
        name: str,
        request: Any,
        *,
        deadline: float | None = None,
        patience_s: float = FIRST_PATIENCE_S,
    ) -> Any:
        """Make a call; send it again, with the same ids, while that is safe and there is time.

        The first attempt waits this long for its answer; each further one twice as long as one that had none.

        Raises:
            WalletError: It was refused, or no answer came before the deadline.
        """
        deadline = self.deadline() if deadline is None else deadline
        if time.monotonic() >= deadline:
            error = no_answer("there was no time left to send it", grpc.StatusCode.DEADLINE_EXCEEDED)
            raise error.with_transaction_id(id_of(request))
        wait_s = FIRST_WAIT_S
        cause: grpc.aio.AioRpcError | None
        while True:
            self._lines.check_open()
            line = self._lines.current
            attempt_s = max(0.001, min(patience_s, deadline - time.monotonic()))
            try:
                return await getattr(getattr(line, service), name)(request, metadata=self._metadata, timeout=attempt_s)
            except grpc.aio.AioRpcError as failed:
                error, cause = error_of_call(failed), failed
                if error.reason == grpc.StatusCode.DEADLINE_EXCEEDED.name:  # without a word of the wallet's
                    self._lines.doubt(line)
                    patience_s *= 2
            except asyncio.CancelledError:
                if not self._lines.has_ended(line):
                    raise
                error, cause = no_answer("the connection was given up"), None
            is_late = time.monotonic() + wait_s + error.retry_after_s > deadline
            if not error.retryable or is_late or self._lines.is_closed:
                raise error.with_transaction_id(id_of(request)) from cause
            wait_s = await wait_before_sending_again(wait_s, at_least_s=error.retry_after_s)
