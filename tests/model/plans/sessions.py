"""Plans read as requests about game sessions: openings, bets, wins, rollbacks, settlements, and what comes late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from model.core import SESSION_HOLD, own_id_of
from model.plans.plan import GAMES, NETWORKS, RECENT, ROUNDS, Notes, Plan, again, pick
from model.sessions import Session

from wallet.v1 import session_pb2 as pb
from wallet.v1 import wallet_pb2

CALLS = (
    *["open"] * 3, *["bet"] * 9, *["win"] * 8, *["rollback"] * 8, *["settle"] * 3, *["again"] * 3,
)  # fmt: skip
SESSIONS_MAX = 4
"""Of a source, those that are not settled; then those that there are are played."""
NOWHERE = "ses_4242_1_0189abcd000070008000000000000001"


@dataclass(slots=True)
class SessionScribe:
    """Turns the plans of one history into requests about sessions."""

    notes: Notes
    ttl_s: int = 0
    """Of openings; 0 is the installation's default."""

    def request(self, source: str, plan: Plan) -> Message:
        """Build the request of a plan."""
        call = CALLS[plan.call % len(CALLS)]
        sessions = self._sessions(source)
        if not sessions or (call == "open" and sum(one.settlement is None for one in sessions) < SESSIONS_MAX):
            made = self._open(source, plan)
        elif call in {"again", "open"}:
            made = self._again(source, plan)
        else:
            session = pick(sessions, plan.place)
            made = getattr(self, f"_{call}")(self._token(session, plan), session, plan)
        self.notes.of(source).append(made)
        return made

    def _sessions(self, source: str) -> list[Session]:
        return [one for one in self.notes.model.sessions.by_token.values() if one.opening.source == source]

    def _token(self, session: Session, plan: Plan) -> str:
        """Name a session; now and then any other source's, or one that is not there."""
        tokens = self.notes.model.sessions.by_token
        if plan.network == len(NETWORKS) - 1 and plan.own_id == 9:
            return pick([NOWHERE, *tokens], plan.reference)
        return next(token for token, one in tokens.items() if one is session)

    def _open(self, source: str, plan: Plan) -> Message:
        main = self.notes.main(plan)
        lock = self.notes.amount(plan, main) if plan.other >= 6 else min(50, main)  # mostly what there is
        return pb.OpenSessionRequest(
            transaction_id=self.notes.own_id(source, plan),
            game_code=GAMES[plan.place % len(GAMES)],
            lock_amount_minor=str(lock or 50),
            ttl_seconds=self.ttl_s,
            **self.notes.whose(plan),
        )

    def _bet(self, token: str, session: Session, plan: Plan) -> Message:
        return pb.SessionBetRequest(
            session_token=token,
            transaction_id=self._own_id(session, plan),
            amount_minor=str(self._amount(plan, session.balance)),
            round_id=ROUNDS[plan.place // len(GAMES)],
            round_closed=plan.closes,
        )

    def _win(self, token: str, session: Session, plan: Plan) -> Message:
        bets = [row for row in session.rows.values() if isinstance(row.request, pb.SessionBetRequest)]
        fields: dict[str, Any] = {
            "session_token": token,
            "transaction_id": self._own_id(session, plan),
            "amount_minor": str(self._amount(plan, self._main(session))),
            "round_id": ROUNDS[plan.place // len(GAMES)],
            "round_closed": plan.closes,
            "win_kind": wallet_pb2.WIN_KIND_REGULAR,
            "reference_transaction_id": self._named(session, plan),
        }
        if plan.other >= 8:  # a kind that needs no bet; what it names is stored as it comes
            fields["win_kind"] = (wallet_pb2.WIN_KIND_PROMO, wallet_pb2.WIN_KIND_JACKPOT)[plan.other - 8]
            if plan.reference % 2:
                del fields["round_id"], fields["reference_transaction_id"]
        elif bets and plan.reference < 9:
            standing = [row for row in bets if row.stands]
            undone = [row for row in bets if not row.stands]
            candidates = standing[-1:] if plan.reference < 5 else undone if plan.reference >= 7 else []
            bet = pick((candidates or bets)[-RECENT:], plan.amount)
            fields["reference_transaction_id"] = bet.own_id
            if plan.other < 6:
                fields["round_id"] = bet.round_id
        return pb.SessionWinRequest(**fields)

    def _rollback(self, token: str, session: Session, plan: Plan) -> Message:
        return pb.SessionRollbackRequest(
            session_token=token,
            transaction_id="" if plan.own_id < 4 else self._own_id(session, plan),
            reference_transaction_id=self._named(session, plan),
            round_closed=plan.closes or plan.amount == 9,  # a round whose bet is undone, and that is closed
        )

    def _settle(self, token: str, session: Session, plan: Plan) -> Message:
        del session
        return pb.SettleSessionRequest(session_token=token, require_closed_rounds=plan.other % 3 > 0)

    def _again(self, source: str, plan: Plan) -> Message:
        """Send a recent request again, as it was or with one field changed."""
        values = {
            "player_id": self.notes.first_player_id + plan.player,
            "currency_network_id": NETWORKS[plan.network],
            "lock_amount_minor": str(1 + plan.other),
            "game_code": GAMES[plan.place % len(GAMES)],
            "ttl_seconds": 77,
            "amount_minor": str(plan.other),
            "round_id": ROUNDS[plan.place // len(GAMES)],
            "round_closed": plan.closes,
            "reference_transaction_id": self.notes.new_id("t"),
            "metadata": {"note": "another"},
            "win_kind": (wallet_pb2.WIN_KIND_PROMO, wallet_pb2.WIN_KIND_JACKPOT)[plan.other % 2],
            "require_closed_rounds": plan.closes,
        }
        return again([one for one in self.notes.of(source) if one.DESCRIPTOR.file is pb.DESCRIPTOR], plan, values)

    # ------------------------------------------------------------------------------------------------------------ ids

    def _amount(self, plan: Plan, has: int) -> int:
        """Choose a small amount, mostly: a session is to be played for a while."""
        return (5, 2, 1)[plan.amount % 3] if plan.other < 6 else self.notes.amount(plan, has)

    def _main(self, session: Session) -> int:
        books = self.notes.model.books
        return books.main(session.whose) + books.balances[SESSION_HOLD, *session.whose]

    def _own_id(self, session: Session, plan: Plan) -> str:
        names = [name for name in session.rows if not name.startswith("rollback:")]
        return pick(names[-RECENT:], plan.reference) if names and plan.own_id >= 8 else self.notes.new_id("s")

    def _named(self, session: Session, plan: Plan) -> str:
        """Choose what to refer to: what stands, mostly; anything of the journal; what nobody has seen yet."""
        rows = list(session.rows.values())
        if plan.reference >= 9 or not rows:
            return self.notes.new_id("s")
        standing = [row for row in rows if row.stands]
        played = [row for row in standing if not isinstance(row.request, pb.SessionRollbackRequest)]
        candidates = (played, played, played, standing, rows)[plan.other % 5] or rows
        return own_id_of(row.request) if (row := pick(candidates[-RECENT:], plan.reference)).request else row.own_id
