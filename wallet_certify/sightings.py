"""Sightings: every operation that a caller sent, how often, what it was told, and what the wallet had really done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from .operations import Kind, Operation
from .script import UNREACHABLE_TRIES, Mishap


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
    group: int
    """Which batch or stream it came in; 0 in a call of its own."""
    told: Told = Told.UNKNOWN
    reason: str = ""
    told_at: float = 0.0
    come_again_after_s: float = 0.0

    def tell(self, told: Told, reason: str = "", *, come_again_after_s: float = 0.0) -> None:
        """Note what its caller is told now."""
        self.told, self.reason, self.told_at = told, reason, time.monotonic()
        self.come_again_after_s = come_again_after_s


@dataclass(slots=True, kw_only=True)
class Sighting:
    """An operation, by its id."""

    first: Operation
    mishap: Mishap
    sendings: list[Sending] = field(default_factory=list)
    is_applied: bool = False
    """Whether the wallet has done it, whoever knows."""

    @property
    def meets(self) -> Mishap:
        """What its last sending meets: the first one what the script says; the next ones too while unreachable."""
        tries = len(self.sendings)
        if self.mishap is Mishap.UNREACHABLE:
            return Mishap.UNREACHABLE if tries <= UNREACHABLE_TRIES else Mishap.NONE
        return self.mishap if tries == 1 else Mishap.NONE

    @property
    def is_known(self) -> bool:
        """Whether its caller was told how it came out."""
        return any(sending.told in {Told.DONE, Told.REFUSED} for sending in self.sendings)

    @property
    def done_at(self) -> float | None:
        """When its caller was first told that it is done."""
        return min((sending.told_at for sending in self.sendings if sending.told is Told.DONE), default=None)


SIGHTINGS_MAX = 100_000


class TooManySightingsError(Exception):
    """A run has seen as many operations as it may."""


class Sightings:
    """All of a run, in their order."""

    def __init__(self) -> None:
        self.by_key: dict[tuple[str, str], Sighting] = {}
        self._groups = 0

    def __len__(self) -> int:
        return len(self.by_key)

    def new_group(self) -> int:
        """Give the number of a batch or stream that comes in."""
        self._groups += 1
        return self._groups

    def see(
        self,
        operation: Operation,
        deal: Callable[[Kind], Mishap],
        *,
        sent_at: float,
        has_deadline: bool,
        group: int = 0,
    ) -> tuple[Sighting, Sending]:
        """Note a sending; a mishap is dealt to an operation that is new.

        Raises:
            TooManySightingsError: It is one too many.
        """
        sighting = self.by_key.get(operation.key)
        if sighting is None:
            if len(self) >= SIGHTINGS_MAX:
                raise TooManySightingsError
            sighting = Sighting(first=operation, mishap=deal(operation.kind))
            self.by_key[operation.key] = sighting
        sending = Sending(operation=operation, sent_at=sent_at, has_deadline=has_deadline, group=group)
        sighting.sendings.append(sending)
        return sighting, sending
