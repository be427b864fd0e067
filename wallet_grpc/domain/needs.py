"""Needs: what the store must load so that a batch of commands can be decided.

A capability's own are in its `needs.py`. What a rule reads and no need declares is an AssertionError, see `loaded.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, assert_never

from msgspec import Struct

from wallet_grpc.domain.credit.commands import Commit, Credit, Debit, Release, Reserve
from wallet_grpc.domain.credit.needs import CreditNeeds, add_credit_needs
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.needs import LedgerNeeds, add_ledger_needs
from wallet_grpc.domain.players.commands import (
    Adjust,
    ApplyDeposit,
    Bet,
    BetAndWin,
    FailWithdrawal,
    ReserveWithdrawal,
    Rollback,
    SetPlayerState,
    SettleWithdrawal,
    Win,
)
from wallet_grpc.domain.players.needs import PlayerNeeds, add_player_needs
from wallet_grpc.domain.sessions.commands import OpenSession, SessionBet, SessionRollback, SessionWin, SettleSession
from wallet_grpc.domain.sessions.needs import SessionNeeds, add_session_needs

from .commands import Command
from .identifiers import Key, OwnerId
from .shared_needs import Purse, SharedNeeds

T = TypeVar("T")


class Needs(Struct, frozen=True, kw_only=True):
    """Everything that the rules may read for a batch; each list without repeats."""

    owner_ids: list[OwnerId]
    """Sorted: the order in which their locks are taken."""
    known_owner_ids: list[OwnerId]
    """Those whose version is needed: the others are only locked, since what is written of them is kept apart by a
    session's journal or a credit wallet's version."""
    balances: list[Purse]
    gaining: set[Purse]
    """Those of the balances that a command may add to: what is at play in their sessions counts as well."""
    whole_owner_ids: list[OwnerId]
    """Owners of whom every account is needed: a player to be closed must have nothing anywhere."""
    keys: list[Key]
    receipt_keys: list[Key]
    """The received events that some of the commands come from."""
    players: PlayerNeeds
    sessions: SessionNeeds | None = None
    """None for a batch without sessions."""
    credit: CreditNeeds | None = None
    """None for a batch without credit wallets."""
    ledgers: LedgerNeeds | None = None
    """None for a batch without ledgers."""


def needs_of(commands: Iterable[Command], receipt_keys: Iterable[Key] = ()) -> Needs:
    """Collect what the commands are, name and touch."""
    shared, players, sessions = SharedNeeds(), PlayerNeeds(), SessionNeeds()
    credit, ledgers = CreditNeeds(), LedgerNeeds()
    for command in commands:
        match command:
            case Bet() | Win():  # the most frequent first: each case that is not it costs some time
                add_player_needs(command, shared, players)
            case SessionBet():
                add_session_needs(command, shared, sessions)
            case Credit() | Debit() | Reserve() | Commit() | Release():
                add_credit_needs(command, shared, credit)
            case BetAndWin() | Rollback() | ReserveWithdrawal() | SettleWithdrawal() | FailWithdrawal():
                add_player_needs(command, shared, players)
            case ApplyDeposit() | Adjust() | SetPlayerState():
                add_player_needs(command, shared, players)
            case SessionWin() | SessionRollback() | OpenSession() | SettleSession():
                add_session_needs(command, shared, sessions)
            case CreateLedger() | PostJournalEntry():
                add_ledger_needs(command, shared, ledgers)
            case _:
                assert_never(command)
    known_owner_ids = set(shared.owner_ids)
    return Needs(
        owner_ids=sorted(known_owner_ids.union(shared.locked_owner_ids)),
        known_owner_ids=sorted(known_owner_ids),
        balances=_once(shared.balances),
        gaining=shared.gaining,
        whole_owner_ids=_once(shared.whole_owner_ids),
        keys=_once(shared.keys),
        receipt_keys=_once(receipt_keys),
        players=PlayerNeeds(
            round_keys=_once(players.round_keys),
            output_keys=_once(players.output_keys),
            claimed_keys=_once(players.claimed_keys),
            proposal_ids=_once(players.proposal_ids),
        ),
        sessions=_of_sessions(sessions),
        credit=_of_credit(credit),
        ledgers=_of_ledgers(ledgers),
    )


def _of_sessions(found: SessionNeeds) -> SessionNeeds | None:
    if not (found.session_ids or found.opening_keys):
        return None
    return SessionNeeds(
        session_ids=_once(found.session_ids),
        opening_keys=_once(found.opening_keys),
        entry_keys=_once(found.entry_keys),
        round_keys=_once(found.round_keys),
        rails=_once(found.rails),
        rollbacks=found.rollbacks,
    )


def _of_credit(found: CreditNeeds) -> CreditNeeds | None:
    if not found.wallets:
        return None
    return CreditNeeds(
        wallets=found.wallets,
        entry_keys=_once(found.entry_keys),
        reservation_keys=_once(found.reservation_keys),
    )


def _of_ledgers(found: LedgerNeeds) -> LedgerNeeds | None:
    if not (found.creation_keys or found.entry_keys):
        return None
    return LedgerNeeds(
        creation_keys=_once(found.creation_keys),
        entry_keys=_once(found.entry_keys),
        accounts=_once(found.accounts),
    )


def _once(found: Iterable[T]) -> list[T]:
    """Leave out repeats."""
    return list(dict.fromkeys(found))
