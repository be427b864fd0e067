"""What the capabilities of the reference model share: its books, what it stores, and the words that it answers in.

The model is the wallet in memory, written from docs/rules.md and the protos alone and apart from the service's code, so
that a mistake would have to be made twice. It is slow and simple on purpose: it keeps all that was accepted and looks
through it whenever a rule asks. Requests are well-formed, of currency networks that are there, and by callers who may
make them: shape, networks and rights have tests of their own, and so has the end of the range of balances.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.cells import cell_of_owner

APPLIED, VOIDED = pb.OPERATION_STATUS_APPLIED, pb.OPERATION_STATUS_VOIDED
ALREADY_ROLLED_BACK = pb.OPERATION_STATUS_ALREADY_ROLLED_BACK
MAIN, WITHDRAW_HOLD, SESSION_HOLD = "MAIN", "WITHDRAW_HOLD", "SESSION_HOLD"
HOUSE, WAGER, FEES = "HOUSE", "HOUSE:WAGER", "HOUSE:FEES"
HELD_BY_PLAYERS = (MAIN, WITHDRAW_HOLD, SESSION_HOLD)

Whose = tuple[int, int]
"""A player in a currency network."""
Leg = tuple[str, int]
"""An account, and what it gains."""
Name = tuple[str, int, str]
"""Source, cell of the owner, id: what a source calls its own is known within a cell."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that the wallet chooses: whatever it is, it is always the same of one thing, and of no two."""

    what: str
    of: object

    @property
    def is_name(self) -> bool:
        """Whether no two things may have the same; times may be equal."""
        return self.what in {"tx_id", "session_token", "reservation_id", "ledger_id"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an accepted request must be answered: every field of the message, by its name."""

    message: type[Message]
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class No:
    """What a refused request must be answered, with all that ErrorInfo.metadata says beside `retry`."""

    reason: str
    metadata: dict[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """A rule says no."""

    def __init__(self, reason: str, **metadata: object) -> None:
        super().__init__(reason)
        self.no = No(reason, {name: str(value) for name, value in metadata.items()})


@dataclass(slots=True, kw_only=True, eq=False)
class Stored:
    """A mutation that was accepted, with its first answer."""

    source: str
    own_id: str
    request: Any
    whose: Whose | None
    status: int = APPLIED
    main_after: int | None = None
    postings: list[tuple[str, int, int | None]] = field(default_factory=list)
    """Account, amount, balance after it (of a player's account)."""
    bet: Stored | None = None
    """Of a REGULAR win: its bet."""
    target: Stored | None = None
    """Of an applied rollback: what it rolled back."""
    rolled_back_by: Stored | None = None

    @property
    def tx_id(self) -> Unknown | str:
        """Its id, as answers tell it."""
        has_none = self.status != APPLIED or isinstance(self.request, pb.SetPlayerStateRequest)
        return "" if has_none else Unknown("tx_id", self)

    @property
    def created_at(self) -> Unknown:
        """Its time."""
        return Unknown("created_at", self)

    @property
    def stands(self) -> bool:
        """Whether it was applied and not rolled back."""
        return self.status == APPLIED and self.rolled_back_by is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event that must be told: type, sequence, and all of its data but `occurredAt`."""

    event_type: str
    player_id: int
    sequence: int
    data: dict[str, Any]


@dataclass(slots=True)
class Books:
    """Balances of players, ids that were used, what is told, and the time."""

    now: datetime
    currencies: dict[int, tuple[str, str]]
    """Currency and network, by the id of a currency network."""
    balances: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    """By account, player and currency network."""
    house: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By account and currency network."""
    versions: Counter[Whose] = field(default_factory=Counter)
    """How many postings MAIN has had."""
    transactions: Counter[int] = field(default_factory=Counter)
    """How many transactions of every kind a player has, tombstones too; what is played inside a session is none."""
    own: dict[Name, Stored] = field(default_factory=dict)
    """Bets to states, openings of sessions, ledgers and their entries."""
    tombstones: set[Name] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    cells: int = 1
    """How many the installation has."""

    def main(self, whose: Whose) -> int:
        """What a player has in MAIN."""
        return self.balances[MAIN, *whose]

    def name(self, source: str, owner_id: int, own_id: str) -> Name:
        """Give the name under which an id of this source is known to its owner, and to the others of the cell."""
        return source, cell_of_owner(owner_id, self.cells), own_id

    def known(self, name: Name) -> Stored | None:
        """Find what was stored under an id; a void one is refused (rule 3)."""
        if name in self.tombstones:
            raise RefusedError("TRANSACTION_VOIDED")
        return self.own.get(name)

    def take(self, whose: Whose, amount: int) -> None:
        """Refuse what MAIN does not have (rule 6)."""
        if self.main(whose) < amount:
            raise RefusedError("INSUFFICIENT_FUNDS", balance_minor=self.main(whose))

    def post(self, stored: Stored, *legs: Leg) -> None:
        """Move money: each leg that is not 0 is a posting."""
        assert sum(amount for _, amount in legs) == 0
        assert stored.whose is not None
        player_id, network = stored.whose
        for account, amount in legs:
            if amount == 0:
                continue
            if account not in HELD_BY_PLAYERS:
                self.house[account, network] += amount
                stored.postings.append((account, amount, None))
                continue
            self.balances[account, player_id, network] += amount
            assert self.balances[account, player_id, network] >= 0
            self.versions[stored.whose] += account == MAIN
            stored.postings.append((account, amount, self.balances[account, player_id, network]))
        stored.main_after = self.main(stored.whose)

    def tell(self, event_type: str, stored: Stored, amount: int, **data: object) -> None:
        """Tell an event of a player's money, right after the postings that it tells; what is empty is left out."""
        assert stored.whose is not None
        player_id, network = stored.whose
        currency, network_name = self.currencies[network]
        given = {name: value for name, value in data.items() if value not in {"", None}}
        self.events.append(
            Event(
                event_type=event_type,
                player_id=player_id,
                sequence=self.versions[stored.whose],
                data={
                    "transactionId": stored.own_id,
                    "source": stored.source,
                    "playerId": player_id,
                    "txId": stored.tx_id,
                    "currencyNetworkId": network,
                    "currency": currency,
                    "network": network_name,
                    "amountMinor": str(amount),
                    "balanceAfterMinor": str(self.main(stored.whose)),
                }
                | given,
            )
        )


def refuse_difference(request: Any, known: Any, compared: tuple[str, ...]) -> None:
    """Refuse an id that was used otherwise, naming the first of the compared fields that differs (rule 1)."""
    if type(request) is not type(known):
        raise RefusedError("IDEMPOTENCY_KEY_REUSED", field="call")
    for name in compared:
        if getattr(request, name) != getattr(known, name):
            raise RefusedError("IDEMPOTENCY_KEY_REUSED", field=name)


def whose_of(request: Any) -> Whose:
    """Tell the player and the currency network that a request names."""
    return request.player_id, request.currency_network_id


def own_id_of(request: Any) -> str:
    """Give the id that a request is known by, the derived one of a rollback included."""
    for name in ("transaction_id", "withdrawal_id", "deposit_id"):
        if getattr(request, name, ""):
            return str(getattr(request, name))
    return f"rollback:{request.reference_transaction_id}"
