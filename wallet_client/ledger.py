"""Game sessions in a studio's words, as the TypeScript SDK and `/v1/ledger/*` have them: `wallet.ledger`.

    opened = await wallet.ledger.open_session(user_id=42, game_code="momentum", currency="USDC", lock_amount=50_000_000)
    await wallet.ledger.bet(session_token=opened.session_token, transaction_id="r1", round="1", amount=1_000_000)
    settled = await wallet.ledger.settle_session(opened.session_token)

Amounts are ints of minor units. What is sent again is sent again as everywhere in this client: with the same id, where
the table of errors allows it, until the deadline. A `WalletError` names its field in these words.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from wallet.v1 import session_pb2, wallet_pb2

from .errors import WalletError
from .game_session import SessionCalls
from .operations import SessionRequest, new_id

WinKindName = Literal["REGULAR", "FREE_ROUND", "JACKPOT", "PROMO"]

_WIN_KINDS: dict[str, wallet_pb2.WinKind] = {
    "REGULAR": wallet_pb2.WIN_KIND_REGULAR,
    "FREE_ROUND": wallet_pb2.WIN_KIND_FREE_ROUND,
    "JACKPOT": wallet_pb2.WIN_KIND_JACKPOT,
    "PROMO": wallet_pb2.WIN_KIND_PROMO,
}
_KNOWN_FOR_S = 60.0
"""How long currency networks are known: none changes, but another one may make a currency ambiguous."""
_STUDIO_WORDS = {
    "player_id": "user_id",
    "currency_network_id": "currency",
    "lock_amount_minor": "lock_amount",
    "amount_minor": "amount",
    "round_id": "round",
}
"""The names of fields here, by what the protos call them; the others are called alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session as it stands."""

    session_token: str
    user_id: int
    game_code: str
    locked_balance: int
    balance: int
    """What can be bet now; once settled, the payout."""
    status: str
    """OPEN, EXPIRED or SETTLED."""
    opened_at: datetime
    expires_at: datetime
    """From when on it takes no bets, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(SessionView):
    """A session that was opened, now or before."""

    transaction_id: str
    replayed: bool
    """Whether an earlier opening with this id had locked the stake: nothing moved now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedInSession:
    """A bet, win or rollback that is recorded."""

    transaction_id: str
    status: str
    """APPLIED, VOIDED or ALREADY_ROLLED_BACK."""
    balance: int
    """What can be bet now; of what came after the settlement, what the player has in MAIN."""
    balance_after: int
    """The balance right after it, also when it is told again."""
    replayed: bool
    late: bool
    """Whether it came after the settlement, and moved MAIN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettlement:
    """What a session came to."""

    session_token: str
    payout: int
    net: int
    """What the player won; negative for a loss."""
    open_rounds: int
    tx_id: str
    replayed: bool


class _Client(SessionCalls, Protocol):
    def deadline(self) -> float: ...

    async def currency_networks(self, *, deadline: float | None = None) -> list[wallet_pb2.CurrencyNetwork]: ...


class StudioLedger:
    """The calls of game sessions."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._networks: list[wallet_pb2.CurrencyNetwork] = []
        self._known_until = float("-inf")

    async def open_session(
        self,
        *,
        user_id: int,
        game_code: str,
        currency: str,
        lock_amount: int,
        network: str = "",
        ttl_seconds: int = 0,
        transaction_id: str | None = None,
    ) -> Opened:
        """Lock a stake; with the same transaction_id it is the same session. One is made if it is not given.

        Currencies that are not known yet are asked for first, within the same deadline, and all of them once a minute:
        one that has come to be on a second network needs `network` from then on.

        Raises:
            WalletError: It was refused, or no answer came before the deadline; so for each call here.
        """
        deadline = self._client.deadline()
        request = session_pb2.OpenSessionRequest(
            transaction_id=transaction_id or new_id(),
            player_id=user_id,
            currency_network_id=await self._network_id(currency, network, deadline),
            game_code=game_code,
            lock_amount_minor=_digits(lock_amount, "lock_amount"),
            ttl_seconds=ttl_seconds,
        )
        opened = await self._play(request, deadline=deadline)
        return Opened(transaction_id=request.transaction_id, replayed=opened.replayed, **_view_of(opened))

    async def bet(
        self,
        *,
        session_token: str,
        transaction_id: str,
        round: str,  # noqa: A002 - it is the studio's word
        amount: int,
        round_closed: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> PlayedInSession:
        """Take a stake from the session's balance; 0 is a free spin."""
        request = session_pb2.SessionBetRequest(
            session_token=session_token,
            transaction_id=transaction_id,
            amount_minor=_digits(amount, "amount"),
            round_id=round,
            round_closed=round_closed,
            metadata=metadata,
        )
        return _played_of(await self._play(request))

    async def win(
        self,
        *,
        session_token: str,
        transaction_id: str,
        amount: int,
        reference_transaction_id: str = "",
        round: str = "",  # noqa: A002 - it is the studio's word
        win_kind: WinKindName = "REGULAR",
        round_closed: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> PlayedInSession:
        """Pay a win; a REGULAR one names its bet and its round. After the settlement it goes to MAIN."""
        request = session_pb2.SessionWinRequest(
            session_token=session_token,
            transaction_id=transaction_id,
            reference_transaction_id=reference_transaction_id,
            amount_minor=_digits(amount, "amount"),
            round_id=round,
            win_kind=_win_kind_of(win_kind),
            round_closed=round_closed,
            metadata=metadata,
        )
        return _played_of(await self._play(request))

    async def rollback(
        self,
        *,
        session_token: str,
        reference_transaction_id: str,
        transaction_id: str = "",
        round_closed: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> PlayedInSession:
        """Reverse a bet or a win, or make an id void that was not seen yet. Its id may be left out."""
        request = session_pb2.SessionRollbackRequest(
            session_token=session_token,
            transaction_id=transaction_id,
            reference_transaction_id=reference_transaction_id,
            round_closed=round_closed,
            metadata=metadata,
        )
        return _played_of(await self._play(request))

    async def balance(self, *, session_token: str) -> SessionView:
        """Read what can be bet now, and where the session stands."""
        return SessionView(
            **_view_of(await self._client.read(session_pb2.GetSessionRequest(session_token=session_token)))
        )

    async def settle_session(self, session_token: str, *, require_closed_rounds: bool = False) -> SessionSettlement:
        """End a session: its balance goes back to the player. Asked again, it tells the same."""
        request = session_pb2.SettleSessionRequest(
            session_token=session_token, require_closed_rounds=require_closed_rounds
        )
        settled = await self._play(request)
        return SessionSettlement(
            session_token=session_token,
            payout=int(settled.payout_minor),
            net=int(settled.net_minor),
            open_rounds=settled.open_rounds,
            tx_id=settled.tx_id,
            replayed=settled.replayed,
        )

    async def _play(self, request: SessionRequest, *, deadline: float | None = None) -> Any:
        try:
            return await self._client.play(request, deadline=deadline)
        except WalletError as error:
            if error.field in _STUDIO_WORDS:
                raise error.with_field(_STUDIO_WORDS[error.field]) from error
            raise

    async def _network_id(self, currency: str, network: str, deadline: float) -> int:
        found = self._named(currency, network)
        if not found or time.monotonic() >= self._known_until:
            await self._learn_networks(deadline)
            found = self._named(currency, network)
        if not found:
            raise WalletError(
                reason="UNKNOWN_CURRENCY_NETWORK",
                message=f"the wallet has no {currency}{f' on {network}' if network else ''}",
                metadata={"field": "currency", "retry": "AFTER_CHANGE"},
                retryable=False,
            )
        if len(found) > 1:
            networks = ", ".join(each.network for each in found)
            raise _invalid("network", f"is required: {currency} is on {networks}", "MISSING_FIELD")
        return found[0].currency_network_id

    async def _learn_networks(self, deadline: float) -> None:
        """Ask the wallet; meanwhile others go on with what is known."""
        before, self._known_until = self._known_until, time.monotonic() + _KNOWN_FOR_S
        try:
            self._networks = await self._client.currency_networks(deadline=deadline)
        except BaseException:
            self._known_until = before
            raise

    def _named(self, currency: str, network: str) -> list[wallet_pb2.CurrencyNetwork]:
        return [each for each in self._networks if each.currency == currency and network in {"", each.network}]


def _win_kind_of(name: WinKindName) -> wallet_pb2.WinKind:
    kind = _WIN_KINDS.get(name)
    if kind is None:
        raise _invalid("win_kind", f"is none of {', '.join(_WIN_KINDS)}", "INVALID_FIELD")
    return kind


def _digits(amount: int, field: str) -> str:
    if type(amount) is not int or amount < 0:
        raise _invalid(field, "is no whole number of minor units, 0 or more", "INVALID_AMOUNT")
    return str(amount)


def _invalid(field: str, problem: str, reason: str) -> WalletError:
    return WalletError(
        reason=reason, message=f"{field} {problem}", metadata={"field": field, "retry": "NEVER"}, retryable=False
    )


def _view_of(session: session_pb2.Session) -> dict[str, Any]:
    return {
        "session_token": session.session_token,
        "user_id": session.player_id,
        "game_code": session.game_code,
        "locked_balance": int(session.locked_balance_minor),
        "balance": int(session.balance_minor),
        "status": session_pb2.SessionStatus.Name(session.status).removeprefix("SESSION_STATUS_"),
        "opened_at": session.opened_at.ToDatetime(UTC),
        "expires_at": session.expires_at.ToDatetime(UTC),
    }


def _played_of(result: session_pb2.SessionResult) -> PlayedInSession:
    return PlayedInSession(
        transaction_id=result.transaction_id,
        status=wallet_pb2.OperationStatus.Name(result.status).removeprefix("OPERATION_STATUS_"),
        balance=int(result.current_balance_minor),
        balance_after=int(result.balance_after_minor),
        replayed=result.replayed,
        late=result.late,
    )
