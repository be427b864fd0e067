"""What a refused command may have been applied by without its load having seen it: an earlier try of the same.

Who was told OUTCOME_UNKNOWN sends again, and the first try may be stored after the second was loaded. Nothing that is
stored would meet it, since a refusal stores nothing: so its key is looked for once more before the refusal is told.
"""

from __future__ import annotations

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.credit.commands import Commit, Credit, Debit, Release, Reserve
from wallet_grpc.domain.credit.state import ENDED_STATES
from wallet_grpc.domain.sessions.commands import SessionBet, SessionRollback, SessionWin, SettleSession
from wallet_grpc.domain.sessions.state import SessionState, session_token, settlement_key

from .commands import Command
from .identifiers import Key


def key_of(command: Command) -> Key:
    """Give the key under which a command is stored: of a transaction, or of an entry of a journal."""
    if isinstance(command, SettleSession):
        return settlement_key(session_token(command.session_id, command.player_id, command.currency_network_id))
    return command.key


def unseen_key(book: Book, command: Command) -> Key | None:
    """Give the key of a command, unless the book knew what is stored under it when the command was decided."""
    match command:
        case SettleSession():
            session = book.sessions.by_id.get(command.session_id)
            is_known = session is not None and session.state is SessionState.SETTLED
        case SessionBet() | SessionWin() | SessionRollback():
            session = book.sessions.by_id.get(command.session_id)
            is_known = session is not None and command.key in session.entries
        case Credit() | Debit() | Reserve():
            is_known = command.key in book.credit.known
        case Commit() | Release():  # the entry is not loaded: the reservation tells that it has ended
            reservation = book.credit.reservations.get(command.reservation_key)
            is_known = reservation is not None and reservation.state in ENDED_STATES
        case _:
            is_known = command.key in book.transactions
    return None if is_known else key_of(command)
