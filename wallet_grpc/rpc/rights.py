"""Rights to read: what a key sees (docs/rules.md, Callers and environments; the table is in docs/calling.md).

A key sees what any of its roles sees. What it does not see is not there for it, and is refused in the very words of
what is not there, so that nobody learns of another source's transactions by asking. Only balances have no such words:
a player never seen has zeroes, and a zero that is not true would be worse than CALL_NOT_ALLOWED.
"""

from __future__ import annotations

from typing import assert_never

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.domain.transactions import Kind
from wallet_grpc.store.reads.keys import Caller, Role
from wallet_grpc.store.reads.players import TransactionHead

_SEE_EVERYTHING = frozenset({Role.BACKOFFICE, Role.AUDITOR})

BALANCE_READERS = (Role.GAME, Role.PAYMENTS, Role.BACKOFFICE, Role.AUDITOR)


def sees_everything(caller: Caller) -> bool:
    """Tell whether a key reads whatever there is, of any source."""
    return not _SEE_EVERYTHING.isdisjoint(caller.roles)


def sees_play(caller: Caller, source: Source) -> bool:
    """Tell whether a key reads the transactions, rounds and sessions that a source has played."""
    return sees_everything(caller) or (Role.GAME in caller.roles and source == caller.source)


def sees_ledgers(caller: Caller, source: Source) -> bool:
    """Tell whether a key reads the ledgers of a source, and the wallets in them."""
    return sees_everything(caller) or (Role.CREDIT in caller.roles and source == caller.source)


def sees_transaction(caller: Caller, found: TransactionHead) -> bool:
    """Tell whether a key reads a transaction: play of its own source, payments of any, what its own ledgers hold."""
    if sees_everything(caller):
        return True
    match found.kind:
        case (
            Kind.BET
            | Kind.WIN
            | Kind.BET_AND_WIN
            | Kind.ROLLBACK
            | Kind.TOMBSTONE
            | Kind.SESSION_OPENING
            | Kind.SESSION_SETTLEMENT
        ):
            return sees_play(caller, found.source)
        case Kind.DEPOSIT | Kind.WITHDRAWAL_RESERVATION | Kind.WITHDRAWAL_SETTLEMENT | Kind.WITHDRAWAL_FAILURE:
            return Role.PAYMENTS in caller.roles
        case Kind.LEDGER_CREATION | Kind.JOURNAL_ENTRY | Kind.WALLET_POSTING:
            return found.ledger_source is not None and sees_ledgers(caller, found.ledger_source)
        case Kind.ADJUSTMENT | Kind.PLAYER_STATE:
            return False
        case _:
            assert_never(found.kind)
