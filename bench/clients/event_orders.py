"""What the benchmark says to its event clients, and what they answer: lines of JSON on standard streams."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class Job(StrEnum):
    """What an event client does."""

    PUBLISH = "publish"
    """The bare publisher: the messages of a file, persistent, mandatory and confirmed, so many in flight."""
    CONSUME = "consume"
    """The bare consumer: acknowledges each delivery, and does nothing else."""
    SUBSCRIBE = "subscribe"
    """A subscriber of the wallet's events, who notes how old each is when it is delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventOrder:
    """One job."""

    job: Job
    amqp_url: str
    place: str
    """The exchange that is published to, or the queue that is consumed."""
    in_flight: int
    """Messages that are published and not confirmed, or delivered and not acknowledged."""
    messages: int = 0
    """How many there are to consume; a subscriber is told when it is known, by a `Total`."""
    file: str = ""
    """Where the messages to publish are: see `event_files`."""
    warm_up_s: float = 0
    """A subscriber's window begins so long after the first event was made."""
    window_s: float = 0

    def to_line(self) -> str:
        """Render the order for the client's standard input."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read an order back."""
        given: dict[str, Any] = json.loads(line)
        return cls(**{**given, "job": Job(given["job"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Told to a subscriber: how many events there are in all."""

    events: int

    def to_line(self) -> str:
        """Render it for the client's standard input."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read it back."""
        return cls(**json.loads(line))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The client is connected and begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The client's job is done; the rest is a subscriber's alone."""

    messages: int
    """How many were confirmed, acknowledged, or received."""
    distinct: int = 0
    """How many events those were, by their ids."""
    in_window: int = 0
    p50_ms: float = 0
    p99_ms: float = 0
    max_ms: float = 0


def to_line(answer: Ready | Done) -> str:
    """Render an answer for the client's standard output."""
    return json.dumps({"is": type(answer).__name__, **asdict(answer)}) + "\n"


def from_line(line: str) -> Ready | Done:
    """Read an answer back."""
    given: dict[str, Any] = json.loads(line)
    match given.pop("is"):
        case "Ready":
            return Ready()
        case "Done":
            return Done(**given)
        case other:
            raise ValueError(f"the event client said {other}")
