"""Sessions: a player's locked stake, the journal of what was played with it, and the state that both come down to.

A session is known by the `tx_id` of the transaction that opened it. Its token carries that, its player and its currency
network, so that a call finds its owner's lane without a look-up; whether the token is right is seen when it is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import NewType

from msgspec import Struct, field

from wallet_grpc.domain.identifiers import (
    NETWORK_ID_MAX,
    PLAYER_ID_MAX,
    CurrencyNetworkId,
    Key,
    OwnerId,
    PlayerId,
    Source,
    TxId,
    hash_key,
    journal_key,
)
from wallet_grpc.domain.loaded import Rows
from wallet_grpc.domain.transactions import Kind, TransactionStatus, WinKind
from wallet_grpc.domain.values import Name

SessionId = NewType("SessionId", str)
"""The tx_id of the transaction that opened it: a UUID in its canonical text form."""

SESSION_NAMESPACE = "session"
SESSION_SETTLEMENT_NAMESPACE = "session-settlement"

_ADDRESSES_KEPT = 50_000
_parse_token = re.compile(
    r"ses_([1-9][0-9]{0,18})_([1-9][0-9]{0,9})_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})",
    re.ASCII,
).fullmatch


class Rail(Name):
    """Where a session is settled: in the ledger alone, or also on chain, by the payments side.

    Rules: docs/rules.md, Callers and environments.
    """

    LEDGER = "ledger"
    PAYMENTS = "payments"


class SessionState(Name):
    """Where a session stands. That its time is over is not stored: the clock says so."""

    OPEN = "OPEN"
    SETTLED = "SETTLED"


class SessionAddress(Struct, frozen=True, kw_only=True, gc=False):
    """What a token says of its session."""

    session_id: SessionId
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId


def session_token(session_id: str, owner_id: int, currency_network_id: int) -> str:
    """Make the token that callers know a session by."""
    return f"ses_{owner_id}_{currency_network_id}_{session_id.replace('-', '')}"


@lru_cache(maxsize=_ADDRESSES_KEPT)
def session_address(token: str) -> SessionAddress | None:
    """Read a token; None if it is none of ours."""
    parts = _parse_token(token)
    if parts is None:
        return None
    player_id, network_id = int(parts[1]), int(parts[2])
    if player_id > PLAYER_ID_MAX or network_id > NETWORK_ID_MAX:
        return None
    return SessionAddress(
        session_id=SessionId("-".join(parts.groups()[2:])),
        player_id=PlayerId(player_id),
        currency_network_id=CurrencyNetworkId(network_id),
    )


def settlement_key(token: str) -> Key:
    """The key of a session's settlement: it is settled once."""
    return hash_key(SESSION_SETTLEMENT_NAMESPACE, token)


def late_key(session_id: SessionId, transaction_id: str) -> Key:
    """The key of a late transaction in the ledger: ids are known per session."""
    return hash_key(SESSION_NAMESPACE, session_id, transaction_id)


def entry_key(session_id: SessionId, transaction_id: str) -> Key:
    """The key of a transaction of a session. It begins with the session's time, so that its keys stay together."""
    return journal_key(session_id, "entry", transaction_id)


def settlement_entry_key(session_id: SessionId, token: str) -> Key:
    """The key of the settlement in the journal, which no id of a caller has: not even one that names it."""
    return journal_key(session_id, "settlement", token)


def session_round_key(session_id: SessionId, round_id: str) -> Key:
    """The key of a round of a session."""
    return journal_key(session_id, "round", round_id)


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """A row of the journal. It never changes."""

    session_id: SessionId
    entry_no: int
    owner_id: OwnerId
    kind: Kind
    """BET, WIN, ROLLBACK, TOMBSTONE or SESSION_SETTLEMENT."""
    status: TransactionStatus
    transaction_id: str
    key: Key
    amount_minor: int
    change_minor: int
    """What the session's balance gained; of one that moved MAIN: what MAIN gained."""
    balance_after_minor: int
    """The session's balance right after; of a late entry MAIN's."""
    round_id: str | None = None
    round_key: Key | None = None
    closes_round: bool = False
    reference_transaction_id: str | None = None
    reference_key: Key | None = None
    """The bet that a win is of."""
    reverses_key: Key | None = None
    win_kind: WinKind | None = None
    late: bool = False
    """It came after the settlement: it leaves the session's balance and its count of open rounds as they are."""
    tx_id: TxId | None = None
    """The ledger's transaction that moved MAIN: of a late entry that moves money, and of the settlement."""
    metadata: Mapping[str, str]
    created_at: datetime

    @property
    def moved_main(self) -> bool:
        """What callers are told as `late`: whether it came after the settlement and moved MAIN."""
        return self.tx_id is not None

    @property
    def is_of_a_bet(self) -> bool:
        """Whether it is a bet or the win of one: what stands in a round, and may close it (rules 2 and 4)."""
        return self.kind is Kind.BET or self.win_kind is WinKind.REGULAR


class SessionRound(Struct, kw_only=True, gc=False):
    """What the rules ask of a round of a session."""

    standing_bets: int = 0
    """How many of its bets were not rolled back; never counted beyond what a batch could roll back, and one."""
    closers: int = 0
    """How many standing entries closed it (rule 4)."""

    @property
    def is_open(self) -> bool:
        """Whether it has a bet that stands, and nothing closes it: what a settlement may be asked to wait for."""
        return self.standing_bets > 0 and self.closers == 0


class Session(Struct, kw_only=True, gc=False):
    """A session as it was loaded and as the commands decided so far have left it, with what they name of its journal.

    The facts come first. What it has left is told by the last entry of its journal, and by its row once it is settled.
    """

    session_id: SessionId
    owner_id: OwnerId
    source: Source
    currency_network_id: CurrencyNetworkId
    game_code: str
    lock_amount_minor: int
    rail: Rail
    ttl_asked_s: int
    """What the opening asked for, in seconds; 0 is the default of then."""
    opened_at: datetime
    expires_at: datetime
    state: SessionState = SessionState.OPEN
    balance_minor: int
    last_entry_no: int = 0
    """How many entries its journal has. The next one's number is what keeps two writers apart."""
    open_rounds: int = 0
    settlement_tx_id: TxId | None = None
    is_new: bool = False
    """Whether it comes into being in this batch."""
    added: list[tuple[Entry, int | None]] = field(default_factory=list)
    """What this batch adds to the journal, each entry with the open rounds that it left; a late one tells none."""
    entries: Rows[Key, Entry] = field(default_factory=Rows)
    """Those that the batch's commands are or name."""
    reversals: dict[Key, Entry] = field(default_factory=dict)
    """By what they reverse: the applied rollbacks."""
    standing_wins: dict[Key, int] = field(default_factory=dict)
    """By bet: how many of its wins were not rolled back."""
    rounds: Rows[Key, SessionRound] = field(default_factory=Rows)

    @property
    def token(self) -> str:
        """What callers know it by."""
        return session_token(self.session_id, self.owner_id, self.currency_network_id)

    def expired(self, now: datetime) -> bool:
        """Tell whether its time is over: no more bets."""
        return now >= self.expires_at

    def round_closed(self, round_key: Key) -> bool:
        """Tell whether a standing entry closed the round (rule 4)."""
        known = self.rounds.find(round_key)
        return known is not None and known.closers > 0

    def reversal_of(self, wager: Entry) -> Entry | None:
        """Give the rollback of an entry, None where it stands."""
        return self.reversals.get(wager.key)

    def has_standing_win(self, bet: Entry) -> bool:
        """Tell whether a bet has a win that was not rolled back."""
        return self.standing_wins.get(bet.key, 0) > 0

    def record(self, entry: Entry, reversed_entry: Entry | None) -> None:
        """Fold an entry in: later commands of the batch see it, and the store will write it."""
        assert entry.entry_no == self.last_entry_no + 1, "an entry that does not follow the one before"
        self.last_entry_no = entry.entry_no
        self.entries[entry.key] = entry
        if entry.status is TransactionStatus.APPLIED:
            self._apply(entry, reversed_entry)
        self.added.append((entry, None if entry.late else self.open_rounds))

    def settle(self, settlement: Entry) -> None:
        """End it; what it has left is the payout."""
        assert self.state is SessionState.OPEN
        self.record(settlement, None)
        self.state = SessionState.SETTLED
        self.settlement_tx_id = settlement.tx_id

    def _apply(self, entry: Entry, reversed_entry: Entry | None) -> None:
        if not entry.late:
            self.balance_minor += entry.change_minor
            assert self.balance_minor >= 0, "a session below zero"
            assert self.balance_minor == entry.balance_after_minor, "an entry that does not follow its balance"
        if entry.round_key is not None:
            self._count(entry.round_key, bets=int(entry.kind is Kind.BET), closers=int(entry.closes_round), by=entry)
        if entry.reference_key is not None:
            self.standing_wins[entry.reference_key] = self.standing_wins.get(entry.reference_key, 0) + 1
        if reversed_entry is not None:
            self._reverse(reversed_entry, entry)

    def _count(self, round_key: Key, *, bets: int, closers: int, by: Entry) -> None:
        """Count bets and closers of a round, or less of them. `open_rounds` stays as it was at the settlement."""
        if bets == 0 and closers == 0:
            return
        known = self.rounds.setdefault(round_key, SessionRound())
        was_open = known.is_open
        known.standing_bets += bets
        known.closers += closers
        if not by.late:
            self.open_rounds += known.is_open - was_open

    def _reverse(self, target: Entry, rollback: Entry) -> None:
        """What was rolled back no longer stands in its round, closes it or settles its bet (rules 3 and 4)."""
        self.reversals[target.key] = rollback
        if target.round_key is not None:
            bets, closers = int(target.kind is Kind.BET), int(target.closes_round)
            self._count(target.round_key, bets=-bets, closers=-closers, by=rollback)
        if target.reference_key is not None:
            self.standing_wins[target.reference_key] -= 1
