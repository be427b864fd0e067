"""Plans: small bundles of numbers that Hypothesis draws (and shrinks), read as requests that keep meeting each other.

A plan says "a win of the second last bet, by the third player, for the first amount"; what that is depends on what was
sent before. So a few numbers are enough to build requests that hit ids, rounds and balances which exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeVar

from google.protobuf.message import Message
from hypothesis import strategies as st
from model.core import own_id_of
from model.wallet import Model
from support.requests import USDT_ETHEREUM, USDT_TRON, changed

T = TypeVar("T")

PLAYERS = 3
GAMES = ("slots", "slots", "slots", "poker")
ROUNDS = ("r1", "r1", "r2", "r3")
NETWORKS = (USDT_TRON, USDT_TRON, USDT_TRON, USDT_TRON, USDT_ETHEREUM)
AMOUNTS = (10, 20, 0, 1, 5, 80, 10**30)
ALL = (0, -1, 1)
"""Beside the amounts: all that there is, one less, one more."""
RECENT = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, as numbers. Zero is the plain choice of each, so that plans shrink to plain requests."""

    call: int
    """Which of the calls of a service."""
    player: int
    network: int
    place: int
    """Game and round; which session, wallet or ledger."""
    amount: int
    other: int
    """A second amount, a kind, a direction, a state, an output."""
    own_id: int
    """Below 8 a new id; otherwise one that was used."""
    reference: int
    """Which of the recent ones it names; the highest name one that is yet to come."""
    closes: bool


_WHAT = (100, PLAYERS, len(NETWORKS), len(GAMES) * len(ROUNDS), len(AMOUNTS) + len(ALL), 10)
_WHICH = (10, 10, 8)
_SPREAD = 1_000_003
"""Prime to both: Hypothesis draws small numbers often, which would be plain plans; 0 stays the plainest."""


def _read(what: int, which: int) -> Plan:
    call, player, network, place, amount, other = _digits(what * _SPREAD % prod(_WHAT), _WHAT)
    own_id, reference, closes = _digits(which * _SPREAD % prod(_WHICH), _WHICH)
    return Plan(call, player, network, place, amount, other, own_id, reference, closes == _WHICH[-1] - 1)


def _digits(number: int, bases: Sequence[int]) -> list[int]:
    found = []
    for base in bases:
        number, digit = divmod(number, base)
        found.append(digit)
    return found


plans = st.builds(_read, st.integers(0, prod(_WHAT) - 1), st.integers(0, prod(_WHICH) - 1))
"""Two numbers make a plan: each is drawn in one piece."""


def pick(options: Sequence[T], number: int) -> T:
    """Choose from the end: 0 is the last."""
    return options[-1 - number % len(options)]


@dataclass(slots=True)
class Notes:
    """What was sent in a history, and the names that it may use."""

    prefix: str
    first_player_id: int
    model: Model
    sent: dict[str, list[Any]] = field(default_factory=dict)
    """By source, whatever the service."""
    _count: int = 0

    def of(self, source: str) -> list[Any]:
        """What a source has sent."""
        return self.sent.setdefault(source, [])

    def new_id(self, word: str) -> str:
        """Make an id that was not used."""
        self._count += 1
        return f"{self.prefix}-{word}{self._count}"

    def own_id(self, source: str, plan: Plan) -> str:
        """Choose a transaction_id of a source: mostly a new one, else one of any call, sent, stored or named."""
        if plan.own_id < 8:
            return self.new_id("t")
        names = [own_id_of(one) for one in self.of(source) if _has_own_id(one)]
        if plan.own_id == 9:  # ids that rollbacks named are among them, used or not
            names += [one.reference_transaction_id for one in self.of(source) if _names_target(one)]
        names = [name for name in names if not name.startswith("rollback:")]
        return pick(names[-RECENT:], plan.reference) if names else self.new_id("t")

    def whose(self, plan: Plan) -> dict[str, Any]:
        """Choose a player and a currency network."""
        return {"player_id": self.first_player_id + plan.player, "currency_network_id": NETWORKS[plan.network]}

    def amount(self, plan: Plan, has: int) -> int:
        """Choose an amount: amounts at the edge of what there is are the ones that matter."""
        if plan.amount < len(AMOUNTS):
            return AMOUNTS[plan.amount]
        return max(0, has + ALL[plan.amount - len(AMOUNTS)])

    def main(self, plan: Plan) -> int:
        """What the plan's player has in MAIN."""
        return self.model.books.main((self.first_player_id + plan.player, NETWORKS[plan.network]))


def again(sent: Sequence[Any], plan: Plan, values: dict[str, Any]) -> Message:
    """Send one of the recent requests again: as it was, or with one of these fields changed."""
    first: Any = pick(sent[-RECENT:], plan.reference)
    if plan.amount % 4:
        return first
    names = [name for name in values if name in first.DESCRIPTOR.fields_by_name]
    name = names[plan.own_id % len(names)]
    return changed(first, **{name: values[name]})


def _has_own_id(request: Any) -> bool:
    return "transaction_id" in request.DESCRIPTOR.fields_by_name


def _names_target(request: Any) -> bool:
    return type(request).__name__ == "RollbackRequest"
