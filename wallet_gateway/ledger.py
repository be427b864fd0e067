"""`/v1/ledger/*`: game sessions in a studio's own words, each an operation of LedgerSessionService.

Users, games and currencies are named as studios name them, amounts are strings of digits, and nothing is guessed: a
field that is not known is refused, and so is a mutation without the id that makes its retry safe. Only a rollback may
leave its id out, since the wallet derives one from what it rolls back.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import Receive, Send

from wallet.v1 import session_pb2, wallet_pb2

from .answers import JSON, send_whole
from .answers import head as answer_head
from .bodies import SHORT_BYTES, Bodies
from .currencies import Currencies
from .heads import Head
from .json_requests import read_object
from .methods import METHODS
from .refusals import RefusedError, invalid, with_fields
from .upstream import Metadata, Upstream

PREFIX = "/v1/ledger/"
_SESSIONS = "/wallet.v1.LedgerSessionService/"
_WIN_KINDS = {
    "REGULAR": wallet_pb2.WIN_KIND_REGULAR,
    "FREE_ROUND": wallet_pb2.WIN_KIND_FREE_ROUND,
    "JACKPOT": wallet_pb2.WIN_KIND_JACKPOT,
    "PROMO": wallet_pb2.WIN_KIND_PROMO,
}
_STUDIO_WORDS = {
    "player_id": "userId",
    "currency_network_id": "currency",
    "game_code": "gameCode",
    "lock_amount_minor": "lock.amount",
    "ttl_seconds": "ttlSeconds",
    "session_token": "sessionToken",
    "transaction_id": "transactionId",
    "reference_transaction_id": "referenceTransactionId",
    "amount_minor": "amount",
    "round_id": "round",
    "round_closed": "roundClosed",
    "win_kind": "winKind",
}
"""What a refusal's field is called here, by what the wallet calls it."""
_INT64_MAX = 2**63 - 1
_INT64_DIGITS = 19
_INT32_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A call under way: its caller, and until when it may take, by the monotonic clock."""

    metadata: Metadata
    ends_at: float

    @property
    def left_s(self) -> float:
        """How long it may still take."""
        return self.ends_at - time.monotonic()


class _Fields:
    """The fields of a request; each is taken once, and none may be left over."""

    def __init__(self, given: dict[str, Any], within: str = "") -> None:
        self._given = given
        self._within = within

    def text(self, name: str, *, required: bool = True) -> str:
        """Take a text.

        Raises:
            RefusedError: It is no text, or it is missing.
        """
        value = self._given.pop(name, None)
        if value is None or value == "":
            if required:
                raise invalid(self._within + name, "is required", reason="MISSING_FIELD")
            return ""
        if not isinstance(value, str):
            raise invalid(self._within + name, "is not a string")
        return value

    def amount(self, name: str) -> str:
        """Take an amount: the wallet checks its digits, this that it was no number, which may have been rounded.

        Raises:
            RefusedError: It is no string.
        """
        value = self._given.pop(name, None)
        if not isinstance(value, str):
            raise invalid(self._within + name, "is not a string of digits", reason="INVALID_AMOUNT")
        return value

    def number(self, name: str, *, largest: int, required: bool = True) -> int:
        """Take a whole number above zero, as a number or as digits.

        Raises:
            RefusedError: It is none, or it is missing.
        """
        value = self._given.pop(name, None)
        if value is None:
            if required:
                raise invalid(self._within + name, "is required", reason="MISSING_FIELD")
            return 0
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _INT64_DIGITS:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= largest:
            raise invalid(self._within + name, f"is not a whole number from 1 to {largest}")
        return value

    def flag(self, name: str) -> bool:
        """Take true or false; false if it is not given.

        Raises:
            RefusedError: It is neither.
        """
        value = self._given.pop(name, None)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise invalid(self._within + name, "is neither true nor false")
        return value

    def texts(self, name: str) -> dict[str, str]:
        """Take texts by name; none if it is not given.

        Raises:
            RefusedError: It is no object of strings.
        """
        value = self._given.pop(name, None)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise invalid(self._within + name, "is not an object of strings")
        return value

    def fields(self, name: str) -> _Fields:
        """Take an object.

        Raises:
            RefusedError: It is none, or it is missing.
        """
        value = self._given.pop(name, None)
        if value is None:
            raise invalid(self._within + name, "is required", reason="MISSING_FIELD")
        if not isinstance(value, dict):
            raise invalid(self._within + name, "is not an object")
        return _Fields(value, f"{self._within}{name}.")

    def end(self) -> None:
        """Refuse what is left over.

        Raises:
            RefusedError: Something is.
        """
        for name in self._given:
            raise invalid(self._within + name[:64], "is no field of this call")


class LedgerCalls:
    """Answers the calls."""

    def __init__(self, upstream: Upstream, currencies: Currencies, bodies: Bodies, *, timeout_s: float) -> None:
        self._upstream = upstream
        self._currencies = currencies
        self._bodies = bodies
        self._timeout_s = timeout_s
        self.calls: dict[str, Callable[[_Fields, _Call], Awaitable[dict[str, Any]]]] = {
            PREFIX + "openSession": self._open_session,
            PREFIX + "bet": self._bet,
            PREFIX + "win": self._win,
            PREFIX + "rollback": self._rollback,
            PREFIX + "balance": self._balance,
            PREFIX + "settleSession": self._settle_session,
        }

    async def answer(self, head: Head, receive: Receive, send: Send) -> None:
        """Answer one call.

        Raises:
            RefusedError: It was refused, or has no answer.
            CallerGoneError: Its caller hung up before it was sent whole.
        """
        metadata, timeout_s = head.metadata(), head.timeout_within(self._timeout_s)
        with self._bodies.room() as room:
            body = await self._bodies.read(receive, room, length=head.content_length, bytes_max=SHORT_BYTES)
        call = _Call(metadata=metadata, ends_at=time.monotonic() + timeout_s)
        answer = await self.calls[head.path](_Fields(read_object(body)), call)
        await send_whole(send, 200, answer_head(JSON, head.request_id), msgspec.json.encode(answer))

    # ------------------------------------------------------------------------------------------------------- calls

    async def _open_session(self, given: _Fields, call: _Call) -> dict[str, Any]:
        transaction_id = given.text("transactionId")
        player_id = given.number("userId", largest=_INT64_MAX)
        currency, network = given.text("currency"), given.text("network", required=False)
        game_code = given.text("gameCode")
        lock = given.fields("lock")
        amount = lock.amount("amount")
        lock.end()
        ttl_seconds = given.number("ttlSeconds", largest=_INT32_MAX, required=False)
        given.end()
        request = session_pb2.OpenSessionRequest(
            transaction_id=transaction_id,
            player_id=player_id,
            currency_network_id=await self._currencies.number_of(currency, network, call.metadata, call.left_s),
            game_code=game_code,
            lock_amount_minor=amount,
            ttl_seconds=ttl_seconds,
        )
        opened = session_pb2.Session.FromString(await self._send("OpenSession", request, call))
        return {"transactionId": transaction_id, **_session(opened), "replayed": opened.replayed}

    async def _bet(self, given: _Fields, call: _Call) -> dict[str, Any]:
        request = session_pb2.SessionBetRequest(
            session_token=given.text("sessionToken"),
            transaction_id=given.text("transactionId"),
            amount_minor=given.amount("amount"),
            round_id=given.text("round"),
            round_closed=given.flag("roundClosed"),
            metadata=given.texts("metadata"),
        )
        given.end()
        return await self._play("Bet", request, call)

    async def _win(self, given: _Fields, call: _Call) -> dict[str, Any]:
        request = session_pb2.SessionWinRequest(
            session_token=given.text("sessionToken"),
            transaction_id=given.text("transactionId"),
            reference_transaction_id=given.text("referenceTransactionId", required=False),
            amount_minor=given.amount("amount"),
            round_id=given.text("round", required=False),
            round_closed=given.flag("roundClosed"),
            win_kind=_win_kind(given.text("winKind", required=False) or "REGULAR"),
            metadata=given.texts("metadata"),
        )
        given.end()
        return await self._play("Win", request, call)

    async def _rollback(self, given: _Fields, call: _Call) -> dict[str, Any]:
        request = session_pb2.SessionRollbackRequest(
            session_token=given.text("sessionToken"),
            transaction_id=given.text("transactionId", required=False),
            reference_transaction_id=given.text("referenceTransactionId"),
            round_closed=given.flag("roundClosed"),
            metadata=given.texts("metadata"),
        )
        given.end()
        return await self._play("Rollback", request, call)

    async def _balance(self, given: _Fields, call: _Call) -> dict[str, Any]:
        request = session_pb2.GetSessionRequest(session_token=given.text("sessionToken"))
        given.end()
        return _session(session_pb2.Session.FromString(await self._send("GetSession", request, call)))

    async def _settle_session(self, given: _Fields, call: _Call) -> dict[str, Any]:
        request = session_pb2.SettleSessionRequest(
            session_token=given.text("sessionToken"), require_closed_rounds=given.flag("requireClosedRounds")
        )
        given.end()
        settled = session_pb2.SettleSessionResponse.FromString(await self._send("SettleSession", request, call))
        return {
            "sessionToken": request.session_token,
            "payout": settled.payout_minor,
            "net": settled.net_minor,
            "openRounds": settled.open_rounds,
            "txId": settled.tx_id,
            "replayed": settled.replayed,
        }

    async def _play(self, name: str, request: Any, call: _Call) -> dict[str, Any]:
        result = session_pb2.SessionResult.FromString(await self._send(name, request, call))
        return {
            "transactionId": result.transaction_id,
            "status": wallet_pb2.OperationStatus.Name(result.status).removeprefix("OPERATION_STATUS_"),
            "balance": result.current_balance_minor,
            "balanceAfter": result.balance_after_minor,
            "replayed": result.replayed,
            "late": result.late,
        }

    async def _send(self, name: str, request: Any, call: _Call) -> bytes:
        method = METHODS[_SESSIONS + name]
        try:
            return await self._upstream.unary(method, request.SerializeToString(), call.metadata, call.left_s)
        except RefusedError as error:
            raise RefusedError(with_fields(error.status, _STUDIO_WORDS)) from None


def _win_kind(name: str) -> wallet_pb2.WinKind:
    kind = _WIN_KINDS.get(name)
    if kind is None:
        raise invalid("winKind", f"is none of {', '.join(_WIN_KINDS)}")
    return kind


def _session(session: session_pb2.Session) -> dict[str, Any]:
    return {
        "sessionToken": session.session_token,
        "userId": str(session.player_id),
        "gameCode": session.game_code,
        "lockedBalance": session.locked_balance_minor,
        "balance": session.balance_minor,
        "status": session_pb2.SessionStatus.Name(session.status).removeprefix("SESSION_STATUS_"),
        "openedAt": session.opened_at.ToJsonString(),
        "expiresAt": session.expires_at.ToJsonString(),
    }
