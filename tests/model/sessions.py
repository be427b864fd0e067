"""The sessions' rules of the reference model: a locked stake, its journal, its one settlement, and what comes late.

Long because rules which read each other are read in one place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from model.core import (
    ALREADY_ROLLED_BACK,
    APPLIED,
    MAIN,
    SESSION_HOLD,
    VOIDED,
    WAGER,
    Answer,
    Books,
    RefusedError,
    Stored,
    Unknown,
    Whose,
    own_id_of,
    refuse_difference,
    whose_of,
)
from model.players import Players

from wallet.v1 import session_pb2 as pb
from wallet.v1 import wallet_pb2

TTL_DEFAULT_S = 3_600
_OPENING = ("player_id", "currency_network_id", "lock_amount_minor", "game_code", "ttl_seconds")
_COMPARED = {
    pb.SessionBetRequest: ("amount_minor", "round_id"),
    pb.SessionWinRequest: ("amount_minor", "round_id", "reference_transaction_id", "win_kind"),
    pb.SessionRollbackRequest: ("reference_transaction_id",),
}
_KINDS = {
    pb.SessionBetRequest: wallet_pb2.TRANSACTION_KIND_BET,
    pb.SessionWinRequest: wallet_pb2.TRANSACTION_KIND_WIN,
    pb.SessionRollbackRequest: wallet_pb2.TRANSACTION_KIND_ROLLBACK,
}


@dataclass(slots=True, kw_only=True, eq=False)
class Row:
    """A row of a session's journal; one without a request is a tombstone."""

    own_id: str
    request: Any = None
    status: int = APPLIED
    amount: int = 0
    change: int = 0
    after: int | None = None
    target: Row | None = None
    rolled_back_by: Row | None = None
    left_by: str = ""
    """Of a tombstone: the rollback that left it."""
    is_after: bool = False
    """Whether it came after the settlement: its balances are MAIN's."""
    late: Stored | None = None
    """The ledger's transaction, if it moved MAIN."""

    @property
    def stands(self) -> bool:
        """Whether it was applied and not rolled back."""
        return self.request is not None and self.status == APPLIED and self.rolled_back_by is None

    @property
    def is_of_a_bet(self) -> bool:
        """Whether it is a bet or the win of one: what may close a round."""
        return isinstance(self.request, pb.SessionBetRequest) or (
            isinstance(self.request, pb.SessionWinRequest) and self.request.win_kind == wallet_pb2.WIN_KIND_REGULAR
        )

    @property
    def round_id(self) -> str:
        """Its round: a rollback's is that of what it rolled back."""
        played = (self.target or self).request
        return getattr(played, "round_id", "")


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """A session: its opening, its journal, its settlement once it has one."""

    opening: Stored
    expires_at: datetime
    rows: dict[str, Row] = field(default_factory=dict)
    """By id; in the order in which they were written."""
    settlement: Stored | None = None
    open_rounds_then: int = 0

    @property
    def lock(self) -> int:
        """What was locked."""
        return int(self.opening.request.lock_amount_minor)

    @property
    def balance(self) -> int:
        """Lock - bets + wins + reversals; what came late has changed MAIN instead."""
        return self.lock + sum(row.change for row in self.rows.values() if row.late is None)

    @property
    def whose(self) -> Whose:
        """Whose it is."""
        return whose_of(self.opening.request)

    def is_closed(self, round_id: str) -> bool:
        """Tell whether something that stands closed the round."""
        return any(
            row.stands and row.request.round_closed and (row.target or row).is_of_a_bet
            for row in self.rows.values()
            if row.round_id == round_id
        )

    def open_rounds(self) -> int:
        """Count the rounds that have a bet which was not rolled back, and that nothing closes."""
        bet_in = {row.round_id for row in self.rows.values() if row.stands and _is_bet(row)}
        return sum(not self.is_closed(round_id) for round_id in bet_in)


def _is_bet(row: Row) -> bool:
    return isinstance(row.request, pb.SessionBetRequest)


@dataclass(slots=True)
class Sessions:
    """All sessions, and what the calls about them must be answered."""

    books: Books
    players: Players
    all: list[Session] = field(default_factory=list)
    by_token: dict[str, Session] = field(default_factory=dict)
    """Once the wallet has told their tokens."""

    def send(self, source: str, request: Any) -> Answer:
        """Execute a request."""
        if isinstance(request, pb.OpenSessionRequest):
            return self._open(source, request)
        if (
            isinstance(request, pb.SessionRollbackRequest)
            and request.transaction_id == request.reference_transaction_id
        ):
            raise RefusedError("INVALID_FIELD", field="transaction_id")
        session = self._of(source, request.session_token)
        if isinstance(request, pb.SettleSessionRequest):
            return self._settle(session, request)
        known = session.rows.get(own_id_of(request))
        if known is not None:
            return self._again(session, request, known)
        match request:
            case pb.SessionBetRequest():
                return self._bet(session, request)
            case pb.SessionWinRequest():
                return self._win(session, request)
            case pb.SessionRollbackRequest():
                return self._rollback(session, request)
        raise AssertionError(type(request))

    def _of(self, source: str, token: str) -> Session:
        session = self.by_token.get(token)
        if session is None or session.opening.source != source:
            raise RefusedError("SESSION_NOT_FOUND")
        return session

    # ---------------------------------------------------------------------------------------------------------- calls

    def _open(self, source: str, request: Any) -> Answer:
        name = self.books.name(source, request.player_id, request.transaction_id)
        known = self.books.known(name)
        if known is not None:
            refuse_difference(request, known.request, _OPENING)
            session = next(one for one in self.all if one.opening is known)
            return self.session(session, replayed=True)
        self.players.refuse_blocked(request.player_id)
        whose, lock = whose_of(request), int(request.lock_amount_minor)
        self.books.take(whose, lock)
        opening = Stored(source=source, own_id=request.transaction_id, request=request, whose=whose)
        self.books.own[name] = opening
        self.books.transactions[whose[0]] += 1
        self.books.post(opening, (MAIN, -lock), (SESSION_HOLD, lock))
        expires_at = self.books.now + timedelta(seconds=request.ttl_seconds or TTL_DEFAULT_S)
        session = Session(opening=opening, expires_at=expires_at)
        self.all.append(session)
        self.books.tell("wallet.session.opened", opening, lock, **self._facts(session))
        return self.session(session, replayed=False)

    def _bet(self, session: Session, request: Any) -> Answer:
        if session.settlement is not None or self.books.now >= session.expires_at:
            raise RefusedError("SESSION_CLOSED")
        if session.is_closed(request.round_id):
            raise RefusedError("ROUND_CLOSED")
        self.players.refuse_blocked(session.whose[0])
        amount = int(request.amount_minor)
        return self._write(session, Row(own_id=request.transaction_id, request=request, amount=amount, change=-amount))

    def _win(self, session: Session, request: Any) -> Answer:
        if request.win_kind == wallet_pb2.WIN_KIND_REGULAR:
            self._refuse_bet(session, request)
        amount = int(request.amount_minor)
        return self._write(session, Row(own_id=request.transaction_id, request=request, amount=amount, change=amount))

    def _refuse_bet(self, session: Session, request: Any) -> None:
        bet = session.rows.get(request.reference_transaction_id)
        if bet is not None and bet.request is None:
            raise RefusedError("TRANSACTION_ROLLED_BACK")
        if bet is None or not _is_bet(bet):
            raise RefusedError("BET_NOT_FOUND")
        if bet.round_id != request.round_id:
            raise RefusedError("ROUND_MISMATCH")
        if not bet.stands:
            raise RefusedError("TRANSACTION_ROLLED_BACK")
        if session.is_closed(request.round_id):
            raise RefusedError("ROUND_CLOSED")

    def _rollback(self, session: Session, request: Any) -> Answer:
        own_id, reference = own_id_of(request), request.reference_transaction_id
        target = session.rows.get(reference)
        if target is None or target.request is None:
            row = Row(own_id=own_id, request=request, status=VOIDED, after=self._now(session))
            row.is_after = session.settlement is not None
            if target is None:
                session.rows[own_id] = row
                session.rows[reference] = Row(own_id=reference, status=VOIDED, left_by=own_id)
            return self._answer(session, row)
        if isinstance(target.request, pb.SessionRollbackRequest):
            raise RefusedError("NOT_REVERSIBLE")
        if target.rolled_back_by is not None:
            return self._answer(session, target.rolled_back_by, own_id=own_id, status=ALREADY_ROLLED_BACK)
        if any(
            row.stands and row.is_of_a_bet and getattr(row.request, "reference_transaction_id", "") == reference
            for row in session.rows.values()
        ):
            raise RefusedError("BET_ALREADY_SETTLED")
        row = Row(own_id=own_id, request=request, amount=target.amount, change=-target.change, target=target)
        answer = self._write(session, row)
        target.rolled_back_by = row
        return answer

    def _settle(self, session: Session, request: Any) -> Answer:
        if session.settlement is not None:
            return self._settled(session, replayed=True)
        if request.require_closed_rounds and session.open_rounds():
            raise RefusedError("OPEN_ROUNDS", open_rounds=session.open_rounds())
        source, payout, lock = session.opening.source, session.balance, session.lock
        settlement = Stored(source=source, own_id=request.session_token, request=request, whose=session.whose)
        session.open_rounds_then = session.open_rounds()
        self.books.transactions[session.whose[0]] += 1
        self.books.post(settlement, (SESSION_HOLD, -lock), (MAIN, payout), (WAGER, lock - payout))
        session.settlement = settlement
        self.books.tell(
            "wallet.session.settled",
            settlement,
            payout,
            payoutMinor=str(payout),
            netMinor=str(payout - lock),
            openingTxId=session.opening.tx_id,
            **self._facts(session),
        )
        return self._settled(session, replayed=False)

    # -------------------------------------------------------------------------------------------------------- effects

    def _now(self, session: Session) -> int:
        """The balance that answers tell: the session's, and MAIN once it is settled."""
        return session.balance if session.settlement is None else self.books.main(session.whose)

    def _write(self, session: Session, row: Row) -> Answer:
        """Add to the journal; after the settlement what moves money moves MAIN."""
        if self._now(session) + row.change < 0:
            raise RefusedError("INSUFFICIENT_FUNDS", balance_minor=self._now(session))
        row.is_after = session.settlement is not None
        if row.is_after and row.change:
            self._move_main(session, row)
        session.rows[row.own_id] = row
        row.after = self._now(session)
        return self._answer(session, row)

    def _move_main(self, session: Session, row: Row) -> None:
        row.late = late = Stored(
            source=session.opening.source, own_id=row.own_id, request=row.request, whose=session.whose
        )
        self.books.transactions[session.whose[0]] += 1
        self.books.post(late, (WAGER, -row.change), (MAIN, row.change))
        is_win = row.target is None
        kind = wallet_pb2.WinKind.Name(row.request.win_kind).removeprefix("WIN_KIND_") if is_win else ""
        self.books.tell(
            "wallet.win.credited" if is_win else "wallet.transaction.rolled_back",
            late,
            row.amount,
            gameCode=session.opening.request.game_code,
            roundId=row.round_id,
            referenceTransactionId=row.request.reference_transaction_id,
            winKind=kind,
            reversesTxId=row.target.late.tx_id if row.target and row.target.late else "",
            sessionToken=Unknown("session_token", session),
            late=True,
        )

    def _facts(self, session: Session) -> dict[str, object]:
        return {
            "gameCode": session.opening.request.game_code,
            "lockMinor": str(session.lock),
            "sessionToken": Unknown("session_token", session),
            "rail": "ledger",
        }

    # -------------------------------------------------------------------------------------------------------- answers

    def _again(self, session: Session, request: Any, known: Row) -> Answer:
        if known.request is None:
            raise RefusedError("TRANSACTION_VOIDED")
        refuse_difference(request, known.request, _COMPARED[type(request)])
        return self._answer(session, known, replayed=True)

    def _answer(
        self, session: Session, row: Row, *, own_id: str = "", status: int | None = None, replayed: bool = False
    ) -> Answer:
        return Answer(
            pb.SessionResult,
            {
                "transaction_id": own_id or row.own_id,
                "status": row.status if status is None else status,
                "replayed": replayed,
                "balance_after_minor": str(row.after),
                "current_balance_minor": str(self.books.main(session.whose) if row.is_after else session.balance),
                "late": row.late is not None,
            },
        )

    def _settled(self, session: Session, *, replayed: bool) -> Answer:
        assert session.settlement is not None
        return Answer(
            pb.SettleSessionResponse,
            {
                "payout_minor": str(session.balance),
                "net_minor": str(session.balance - session.lock),
                "open_rounds": session.open_rounds_then,
                "tx_id": session.settlement.tx_id,
                "replayed": replayed,
            },
        )

    # ---------------------------------------------------------------------------------------------------------- reads

    def session(self, session: Session, *, replayed: bool = False) -> Answer:
        """Tell what GetSession and OpenSession must answer."""
        request, status = session.opening.request, pb.SESSION_STATUS_OPEN
        if session.settlement is not None:
            status = pb.SESSION_STATUS_SETTLED
        elif self.books.now >= session.expires_at:
            status = pb.SESSION_STATUS_EXPIRED
        return Answer(
            pb.Session,
            {
                "session_token": Unknown("session_token", session),
                "player_id": request.player_id,
                "currency_network_id": request.currency_network_id,
                "game_code": request.game_code,
                "locked_balance_minor": str(session.lock),
                "balance_minor": str(session.balance),
                "status": status,
                "opened_at": session.opening.created_at,
                "expires_at": Unknown("expires_at", session),
                "replayed": replayed,
            },
        )

    def round(self, session: Session, round_id: str) -> Answer:
        """Tell what GetRound must answer of a session's round."""
        rows = [row for row in session.rows.values() if row.round_id == round_id and row.request is not None]
        bets = [row for row in rows if _is_bet(row)]
        wins = [row for row in rows if isinstance(row.request, pb.SessionWinRequest)]
        return Answer(
            wallet_pb2.GetRoundResponse,
            {
                "closed": session.is_closed(round_id),
                "bets_minor": str(sum(row.amount for row in bets)),
                "wins_minor": str(sum(row.amount for row in wins)),
                "rolled_back_bets_minor": str(sum(row.amount for row in bets if row.rolled_back_by)),
                "rolled_back_wins_minor": str(sum(row.amount for row in wins if row.rolled_back_by)),
                "transactions": len(rows),
            },
        )

    def journal(self, session: Session) -> list[dict[str, Any]]:
        """Tell what ListSessionTransactions must list."""
        return [self._listed(row) for row in session.rows.values()]

    def _listed(self, row: Row) -> dict[str, Any]:
        request = row.request
        is_void = request is None
        return {
            "transaction_id": row.own_id,
            "kind": wallet_pb2.TRANSACTION_KIND_TOMBSTONE if is_void else _KINDS[type(request)],
            "status": row.status,
            "amount_minor": str(row.amount),
            "change_minor": str(row.change),
            "balance_after_minor": "" if is_void else str(row.after),
            "round_id": row.round_id,
            "round_closed": row.status == APPLIED and request.round_closed and (row.target or row).is_of_a_bet,
            "reference_transaction_id": getattr(request, "reference_transaction_id", row.left_by),
            "reversed_by_transaction_id": row.rolled_back_by.own_id if row.rolled_back_by else "",
            "win_kind": getattr(request, "win_kind", 0),
            "late": row.late is not None,
            "tx_id": row.late.tx_id if row.late else "",
            "metadata": dict(getattr(request, "metadata", {})),
            "created_at": Unknown("created_at", row),
        }
