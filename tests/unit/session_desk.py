"""Short names for session commands, and a desk with one session of 100 open: player 1, lock 100, MAIN 100 left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from unit.desk import ANN, GAMES, TRON, Desk, deposit

from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.sessions.commands import OpenSession, SessionBet, SessionRollback, SessionWin, SettleSession
from wallet_grpc.domain.sessions.outcomes import SessionFacts
from wallet_grpc.domain.sessions.state import Rail, Session, SessionId, session_address
from wallet_grpc.domain.transactions import OutcomeStatus, WinKind

TTL_S = 1_000


def opening(transaction_id: str = "open", lock: int = 100, **fields: Any) -> OpenSession:
    named: dict[str, Any] = {
        "source": GAMES,
        "player_id": ANN,
        "currency_network_id": TRON,
        "game_code": "g1",
        "lock_amount_minor": lock,
        "ttl_s": TTL_S,
        "transaction_id": transaction_id,
    }
    return OpenSession(**named | fields)


class SessionDesk(Desk):
    """A desk, and commands about the session that it opened last."""

    __slots__ = ("session_id",)

    @classmethod
    def opened(cls, lock: int = 100, *, funds: int = 200) -> SessionDesk:
        desk = cls()
        desk.book.sessions.rails[GAMES, TRON] = Rail.LEDGER
        desk.send(deposit("d", funds))
        facts = desk.send(opening("open", lock))
        assert isinstance(facts, SessionFacts), facts
        address = session_address(facts.session_token)
        assert address is not None
        desk.session_id = address.session_id
        return desk

    @property
    def session(self) -> Session:
        return self.book.sessions.by_id[self.session_id]

    def bet(self, transaction_id: str, amount: int = 10, *, round_id: str = "r1", closes: bool = False) -> SessionBet:
        return SessionBet(**self._whose(transaction_id), amount_minor=amount, round_id=round_id, round_closed=closes)

    def win(
        self,
        transaction_id: str,
        amount: int = 20,
        *,
        of: str = "",
        round_id: str = "r1",
        closes: bool = False,
        kind: WinKind = WinKind.REGULAR,
    ) -> SessionWin:
        return SessionWin(
            **self._whose(transaction_id),
            amount_minor=amount,
            win_kind=kind,
            round_id=round_id,
            round_closed=closes,
            reference_transaction_id=of,
        )

    def rollback(self, transaction_id: str, of: str, *, closes: bool = False) -> SessionRollback:
        return SessionRollback(**self._whose(transaction_id), reference_transaction_id=of, round_closed=closes)

    def settlement(self, *, closed_rounds: bool = False) -> SettleSession:
        return SettleSession(
            source=GAMES,
            session_id=self.session_id,
            player_id=ANN,
            currency_network_id=TRON,
            require_closed_rounds=closed_rounds,
        )

    def all(self, commands: Iterable[Command]) -> SessionDesk:
        """Execute commands that must be accepted."""
        for command in commands:
            outcome = self.send(command)
            assert not isinstance(outcome, Refusal), f"{command}: {outcome}"
        return self

    def expire(self) -> SessionDesk:
        self.seconds += TTL_S
        return self

    def _whose(self, transaction_id: str) -> dict[str, Any]:
        return {
            "source": GAMES,
            "session_id": self.session_id,
            "player_id": ANN,
            "currency_network_id": TRON,
            "transaction_id": transaction_id,
        }


def told(outcome: Outcome) -> Reason | OutcomeStatus | str:
    """Give the one word that an outcome comes down to."""
    if isinstance(outcome, Refusal):
        return outcome.reason
    return getattr(outcome, "status", type(outcome).__name__)


NOWHERE = SessionId("00000000-0000-7000-8000-00000000dead")
