"""What a batch has loaded, by key: what is not there is told from what no need declared, which is a bug.

Rules read the book through these. A rule that reads what its command's needs left out would otherwise take it for
absent: a balance of 0, a transaction that never was.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Rows(dict[K, V]):
    """Rows that were found, and the keys that were asked for."""

    asked: AbstractSet[K] = frozenset()
    """Shared by the journals of all sessions, or of all wallets, of a batch."""

    def ask(self, keys: Iterable[K]) -> None:
        """Note what is asked for."""
        self.asked = {*self.asked, *keys}

    def find(self, key: K) -> V | None:
        """Give a row, None where there is none; it must have been asked for."""
        if key in self:
            return self[key]
        assert key in self.asked, f"read without a need that declares it: {key!r}"
        return None


class Counts(dict[K, int]):
    """Counts of what was asked for, from 0. Of anything else none is kept: it would lack what was not loaded."""

    __slots__ = ()

    def ask(self, keys: Iterable[K]) -> None:
        """Begin to count what is not counted yet."""
        for key in keys:
            self.setdefault(key, 0)

    def add(self, key: K, number: int) -> None:
        """Count on, or back, where it is counted at all."""
        if key in self:
            self[key] += number

    def of(self, key: K) -> int:
        """Give a count; it must have been asked for."""
        count = self.get(key)
        assert count is not None, f"read without a need that declares it: {key!r}"
        return count
