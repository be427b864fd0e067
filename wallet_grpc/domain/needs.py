"""Needs: what the store must load so that a batch of commands can be decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from wallet_grpc.domain.credit.commands import Credit, CreditCommand, Reserve
from wallet_grpc.domain.credit.state import WalletAddress, WalletId
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.state import JournalAccountName
from wallet_grpc.domain.players.commands import (
    Adjust,
    ApplyDeposit,
    Bet,
    BetAndWin,
    FailWithdrawal,
    Rollback,
    SetPlayerState,
    SettleWithdrawal,
    Win,
)
from wallet_grpc.domain.sessions.commands import (
    OpenSession,
    SessionBet,
    SessionPlay,
    SessionRollback,
    SessionWin,
    SettleSession,
)
from wallet_grpc.domain.sessions.state import SessionId

from .accounts import PlayerState
from .commands import Command, Keyed, owner_of
from .identifiers import CurrencyNetworkId, Key, OwnerId, Source
from .values import value

_GAINS = (BetAndWin, Win, Rollback, ApplyDeposit, Adjust)
"""Commands after which a player may have more than before."""


@value
class SessionNeeds:
    """What the rules may read of sessions; each list without repeats."""

    session_ids: list[SessionId]
    opening_keys: list[Key]
    """Of sessions that may have been opened before: they are found by their opening."""
    entry_keys: list[Key]
    """Of the journals."""
    round_keys: list[Key]
    """Rounds that are bet in; of an entry the round is loaded with it."""
    rails: list[tuple[Source, CurrencyNetworkId]]
    rollbacks: int
    """How many of the commands are rollbacks: no more of a round's bets can cease to stand."""


@value
class CreditNeeds:
    """What the rules may read of credit wallets; each list without repeats."""

    wallets: dict[WalletId, WalletAddress]
    entry_keys: list[Key]
    """Of the journals."""
    reservation_keys: list[Key]


@value
class LedgerNeeds:
    """What the rules may read of ledgers; each list without repeats."""

    creation_keys: list[Key]
    entry_keys: list[Key]
    """Of entries that may have been posted before."""
    accounts: list[tuple[JournalAccountName, CurrencyNetworkId]]


@value
class Needs:
    """Everything that the rules may read for a batch; each list without repeats."""

    owner_ids: list[OwnerId]
    """Sorted: the order in which their locks are taken."""
    known_owner_ids: list[OwnerId]
    """Those of whom a rule reads more than credit wallets, which have no version but their own."""
    balances: list[tuple[OwnerId, CurrencyNetworkId]]
    gaining: set[tuple[OwnerId, CurrencyNetworkId]]
    """Those of the balances that a command may add to: what is at play in their sessions counts as well."""
    whole_owner_ids: list[OwnerId]
    """Owners of whom every account is needed: a player to be closed must have nothing anywhere."""
    keys: list[Key]
    round_keys: list[Key]
    output_keys: list[Key]
    receipt_keys: list[Key]
    """The received events that some of the commands come from."""
    sessions: SessionNeeds | None = None
    """None for a batch without sessions."""
    credit: CreditNeeds | None
    """None for a batch without credit wallets."""
    ledgers: LedgerNeeds | None
    """None for a batch without ledgers."""


@dataclass(slots=True)
class _Collected:
    owner_ids: set[OwnerId] = field(default_factory=set)
    balances: set[tuple[OwnerId, CurrencyNetworkId]] = field(default_factory=set)
    gaining: set[tuple[OwnerId, CurrencyNetworkId]] = field(default_factory=set)
    whole_owner_ids: set[OwnerId] = field(default_factory=set)
    keys: set[Key] = field(default_factory=set)
    round_keys: set[Key] = field(default_factory=set)
    output_keys: set[Key] = field(default_factory=set)
    session_ids: set[SessionId] = field(default_factory=set)
    session_rollbacks: int = 0
    opening_keys: set[Key] = field(default_factory=set)
    entry_keys: set[Key] = field(default_factory=set)
    session_round_keys: set[Key] = field(default_factory=set)
    rails: set[tuple[Source, CurrencyNetworkId]] = field(default_factory=set)
    wallet_owner_ids: set[OwnerId] = field(default_factory=set)
    wallets: dict[WalletId, WalletAddress] = field(default_factory=dict)
    wallet_entry_keys: set[Key] = field(default_factory=set)
    reservation_keys: set[Key] = field(default_factory=set)
    creation_keys: set[Key] = field(default_factory=set)
    journal_keys: set[Key] = field(default_factory=set)
    journal_accounts: dict[JournalAccountName, CurrencyNetworkId] = field(default_factory=dict)


def needs_of(commands: Iterable[Command], receipt_keys: Iterable[Key] = ()) -> Needs:
    """Collect what the commands are, name and touch."""
    found = _Collected()
    for command in commands:
        if isinstance(command, CreditCommand):
            _add_write(found, command)
            continue
        owner_id = owner_of(command)
        found.owner_ids.add(owner_id)
        match command:
            case SessionBet() | SessionWin() | SessionRollback():
                _add_play(found, command)
            case SettleSession():
                found.session_ids.add(command.session_id)
                found.balances.add((owner_id, command.currency_network_id))
            case CreateLedger():
                found.keys.add(command.key)
                found.creation_keys.add(command.key)
            case PostJournalEntry():
                found.keys.add(command.key)
                found.journal_keys.add(command.key)
                for leg in command.legs:
                    found.journal_accounts[command.ledger_id, leg.account_code] = command.currency_network_id
            case _:
                _add_keyed(found, command, owner_id)
    sessions = None
    if found.session_ids or found.opening_keys:
        sessions = SessionNeeds(
            session_ids=list(found.session_ids),
            opening_keys=list(found.opening_keys),
            entry_keys=list(found.entry_keys),
            round_keys=list(found.session_round_keys),
            rails=list(found.rails),
            rollbacks=found.session_rollbacks,
        )
    return Needs(
        owner_ids=sorted(found.owner_ids | found.wallet_owner_ids),
        known_owner_ids=sorted(found.owner_ids),
        balances=list(found.balances),
        gaining=found.gaining,
        whole_owner_ids=list(found.whole_owner_ids),
        keys=list(found.keys),
        round_keys=list(found.round_keys),
        output_keys=list(found.output_keys),
        receipt_keys=list(set(receipt_keys)),
        sessions=sessions,
        credit=_credit_needs(found),
        ledgers=_ledger_needs(found),
    )


def _credit_needs(found: _Collected) -> CreditNeeds | None:
    if not found.wallets:
        return None
    return CreditNeeds(
        wallets=found.wallets,
        entry_keys=list(found.wallet_entry_keys),
        reservation_keys=list(found.reservation_keys),
    )


def _ledger_needs(found: _Collected) -> LedgerNeeds | None:
    if not (found.creation_keys or found.journal_keys):
        return None
    return LedgerNeeds(
        creation_keys=list(found.creation_keys),
        entry_keys=list(found.journal_keys),
        accounts=list(found.journal_accounts.items()),
    )


def _add_write(found: _Collected, command: CreditCommand) -> None:
    wallet = command.wallet
    found.wallet_owner_ids.add(wallet.owner_id)
    found.wallets[wallet.wallet_id] = wallet
    if isinstance(command, Credit):
        found.wallet_entry_keys.add(command.key)
        if isinstance(command, Reserve):
            found.reservation_keys.add(command.key)
    else:
        found.reservation_keys.add(command.reservation_key)


def _add_keyed(found: _Collected, command: Keyed, owner_id: OwnerId) -> None:
    found.keys.add(command.key)
    if isinstance(command, SetPlayerState):
        if command.state is PlayerState.CLOSED:
            found.whole_owner_ids.add(owner_id)
        return
    purse = (owner_id, command.currency_network_id)
    found.balances.add(purse)
    if isinstance(command, _GAINS):
        found.gaining.add(purse)
    match command:
        case Bet():
            found.round_keys.add(command.round_key)
        case Win():
            if command.reference_key is not None and command.round_key is not None:
                found.keys.add(command.reference_key)
                found.round_keys.add(command.round_key)
        case Rollback():
            found.keys.add(command.reference_key)
            found.keys.update(command.foreign_keys)
        case SettleWithdrawal() | FailWithdrawal():
            found.keys.add(command.reservation_key)
        case ApplyDeposit():
            if command.output_key is not None:
                found.output_keys.add(command.output_key)
        case OpenSession():
            found.opening_keys.add(command.key)
            found.rails.add((command.source, command.currency_network_id))
        case _:
            pass


def _add_play(found: _Collected, command: SessionPlay) -> None:
    found.session_ids.add(command.session_id)
    found.entry_keys.add(command.key)
    found.session_rollbacks += isinstance(command, SessionRollback)
    if isinstance(command, SessionBet):
        found.session_round_keys.add(command.round_key)
        return
    purse = (owner_of(command), command.currency_network_id)
    found.balances.add(purse)
    found.gaining.add(purse)
    if command.reference_key is not None:
        found.entry_keys.add(command.reference_key)
