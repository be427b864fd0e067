"""What the benchmark says to its client process, and what the client answers: lines of JSON on standard streams."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class Shape(StrEnum):
    """How requests are sent."""

    UNARY = "unary"
    """One call an operation; each slot sends its next when its last is answered (a closed loop)."""
    BATCH = "batch"
    """One ExecuteBatch call for many operations, in a closed loop."""
    STREAM = "stream"
    """A bidirectional Execute for each slot, written as fast as the wallet reads."""
    PACED = "paced"
    """One call an operation at fixed times, however many are unanswered (an open loop)."""


class Content(StrEnum):
    """What is sent."""

    BETS = "bets"
    """Every bet has a new id and a new round, and a player drawn uniformly."""
    MIXED = "mixed"
    """50% new bets; 45% wins and 5% rollbacks of bets that were acknowledged before."""
    SESSION_BETS = "session bets"
    """Every bet has a new id and a new round, and an open session drawn uniformly."""
    WALLET_WRITES = "wallet writes"
    """Credits and debits of credit wallets drawn uniformly, each with a new id; every wallet was funded before."""
    JOURNAL_ENTRIES = "journal entries"
    """Direct entries of two postings, of ledgers drawn uniformly."""
    DEPOSITS = "deposits"
    """One deposit for each player, to fund them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One load."""

    shape: Shape
    content: Content
    address: str
    key: str
    channels: int
    in_flight: int
    """Slots: calls, or streams, that are under way at once."""
    players: int
    prefix: str
    """What the load's ids begin with; different for each load of a database."""
    session_tokens: Sequence[str] = ()
    """Of the sessions that are bet in."""
    ledger_ids: Sequence[str] = ()
    """Whose wallets, or accounts, are written to."""
    funding: bool = False
    """Wallet writes: one large credit for each wallet instead."""
    in_background: bool = False
    """Take only the processor time that nobody else wants: a client that in truth has a machine of its own."""
    batch_operations: int = 1
    per_second: int = 0
    """Of a paced load."""
    warm_up_s: float = 0
    settle_s: float = 0
    window_s: float = 0
    operations: int | None = None
    """Send so many and stop, measuring nothing; None: send until the window ends."""
    operations_s_max: float = 120
    """How long that may take; then no more are sent."""

    def to_line(self) -> str:
        """Render the order for the client's standard input."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read an order back."""
        given: dict[str, Any] = json.loads(line)
        return cls(**{**given, "shape": Shape(given["shape"]), "content": Content(given["content"])})

    @property
    def planned_s(self) -> float:
        """How long a timed load takes, without building its requests."""
        return self.warm_up_s + self.settle_s + self.window_s


class Phase(StrEnum):
    """What the client is doing; announced as it begins."""

    WARM_UP = "warm-up"
    BUILD = "building"
    SETTLE = "settling"
    WINDOW = "measuring"
    DRAIN = "draining"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Told when a phase begins, and a few times a second."""

    phase: Phase
    applied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a load came to."""

    applied_in_window: int
    window_s: float
    acknowledged: Mapping[str, int]
    """Operations that were answered APPLIED, by kind of ledger transaction, the warm-up's included."""
    entries: int
    """The ledger entries that those must have."""
    refused: Mapping[str, int]
    """Everything else, by reason."""
    p50_ms: float
    p99_ms: float
    max_ms: float
    calls_in_window: int

    @property
    def per_s(self) -> float:
        """APPLIED operations a second."""
        return self.applied_in_window / self.window_s


def to_line(message: Progress | Outcome) -> str:
    """Render an answer for the client's standard output."""
    return json.dumps({"is": type(message).__name__, **asdict(message)}) + "\n"


def from_line(line: str) -> Progress | Outcome:
    """Read an answer back."""
    given: dict[str, Any] = json.loads(line)
    match given.pop("is"):
        case "Progress":
            return Progress(phase=Phase(given["phase"]), applied=given["applied"])
        case "Outcome":
            return Outcome(**given)
        case other:
            raise ValueError(f"the client said {other}")
