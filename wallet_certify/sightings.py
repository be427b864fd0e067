"""Sightings: every operation that a caller sent, how often, what it was told, and what the wallet had really done."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .operations import Operation
from .script import Mishap


class Told(Enum):
    """What a caller was told of one sending."""

    DONE = "done"
    REFUSED = "refused"
    """For a reason of which the same request is not to be sent again."""
    BUSY = "busy"
    """It is to be sent again, later."""
    UNKNOWN = "unknown"
    """Nothing: it may or may not have been done."""


@dataclass(slots=True, kw_only=True)
class Sending:
    """One sending of an operation."""

    operation: Operation
    sent_at: float
    has_deadline: bool
    told: Told = Told.UNKNOWN
    reason: str = ""
    told_at: float = 0.0
    come_again_after_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Sighting:
    """An operation, by its id."""

    first: Operation
    mishap: Mishap
    sendings: list[Sending] = field(default_factory=list)
    is_applied: bool = False
    """Whether the wallet has done it, whoever knows."""

    @property
    def is_known(self) -> bool:
        """Whether its caller was told how it came out."""
        return any(sending.told in {Told.DONE, Told.REFUSED} for sending in self.sendings)

    @property
    def done_at(self) -> float | None:
        """When its caller was first told that it is done."""
        return min((sending.told_at for sending in self.sendings if sending.told is Told.DONE), default=None)


SIGHTINGS_MAX = 100_000


class Sightings:
    """All of a run, in their order."""

    def __init__(self) -> None:
        self.by_key: dict[tuple[str, str], Sighting] = {}

    def __len__(self) -> int:
        return len(self.by_key)
