"""What the machine can drive: a wallet that answers requests, and in the end tells all that it holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from model.wallet import Model


class Driven(ABC):
    """A wallet under test."""

    name: str
    cells: int = 1
    sources: Sequence[str]
    short_ttl_s: int
    """After which a history may wait for sessions and reservations to be over."""

    @abstractmethod
    def begin(self) -> None:
        """Make ready for another history."""

    @abstractmethod
    def now(self) -> datetime:
        """The time by the wallet's clock."""

    @abstractmethod
    def may_wait(self, seconds: int) -> bool:
        """Whether so much time may pass."""

    @abstractmethod
    def wait(self, seconds: int) -> None:
        """Let so much time pass, or more where it passes by itself."""

    @abstractmethod
    def send(self, batches: Sequence[tuple[str, list[Message]]], way: str) -> list[list[Any]]:
        """Send batches of sources, each as a call of its own, all at once; give answers and refusals."""

    @abstractmethod
    def check(self, model: Model) -> None:
        """Assert that what is held of a history is the model's: balances, journals, events."""
