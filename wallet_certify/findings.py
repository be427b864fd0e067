"""Findings: which rules a caller broke, told from what it sent, what it was told, and what it has booked.

A rule that nothing in the run could have broken is UNSEEN: it needs a longer play, or books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from .books import Books
from .operations import Kind
from .sightings import Sending, Sighting, Sightings, Told

BREACHES_SHOWN_MAX = 5
_REFUSED_TRIES_MAX = 3
"""How often a refused request may be sent as it is before that counts as hammering."""
_EARLY_S = 0.05
"""What a clock may be off, and a delay on the way."""
_STAKES = frozenset({Kind.BET, Kind.BET_AND_WIN})
_BOOKED = frozenset({Kind.BET, Kind.WIN, Kind.BET_AND_WIN})


class Verdict(Enum):
    """How a rule came out."""

    KEPT = "kept"
    BROKEN = "broken"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One time that a rule was broken."""

    transaction_id: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule, and how the caller kept it."""

    rule: str
    where: str
    """Where it is told."""
    means: str
    occasions: int
    """How often it could have been broken."""
    breaches: list[Breach]

    @property
    def verdict(self) -> Verdict:
        """How it came out."""
        if self.breaches:
            return Verdict.BROKEN
        return Verdict.KEPT if self.occasions else Verdict.UNSEEN


Judgement = tuple[int, list[Breach]]
"""How often a rule could have been broken, and how often it was."""


def findings_of(sightings: Sightings, books: Books | None) -> list[Finding]:
    """Hold a run against every rule."""
    found = list(sightings.by_key.values())
    judged: list[tuple[str, str, str, Judgement]] = [
        (rule, where, means, judge(found)) for rule, (where, means, judge) in _RULES.items()
    ]
    judged += [
        (
            "own_books",
            "rules.md, rule 1",
            "what the caller has booked is what has moved, and once",
            (0, []) if books is None else _books(found, books),
        )
    ]
    return [
        Finding(rule=rule, where=where, means=means, occasions=occasions, breaches=breaches)
        for rule, where, means, (occasions, breaches) in judged
    ]


# -------------------------------------------------------------------------------------------------------------- rules


def _same_id(found: list[Sighting]) -> Judgement:
    """An operation without an answer is sent again under its own id."""
    unanswered = [sighting for sighting in found if _had_no_answer(sighting)]
    return len(unanswered), [
        _breach(sighting, f"had no answer, and was asked again as {other.first.transaction_id}")
        for sighting in unanswered
        if (other := _asked_anew(sighting, found)) is not None
    ]


def _one_use(found: list[Sighting]) -> Judgement:
    """An id is used for one operation."""
    return len(found), [
        _breach(sighting, "was used for another operation: IDEMPOTENCY_KEY_REUSED")
        for sighting in found
        if any(sending.reason == "IDEMPOTENCY_KEY_REUSED" for sending in sighting.sendings)
    ]


def _win_names_its_bet(found: list[Sighting]) -> Judgement:
    """A win names a bet that its caller knows to stand."""
    by_key = {sighting.first.key: sighting for sighting in found}
    wins = [sighting for sighting in found if sighting.first.needs_bet]
    return len(wins), [_breach(win, problem) for win in wins if (problem := _problem_of_bet(win, by_key)) is not None]


def _problem_of_bet(win: Sighting, by_key: dict[tuple[str, str], Sighting]) -> str | None:
    if not win.first.reference:
        return "names no bet"
    bet = by_key.get(win.first.reference_key)
    if bet is None or bet.first.kind not in _STAKES:
        return f"names {win.first.reference}, which is no bet that was sent"
    sent_at = win.sendings[0].sent_at
    if (bet.done_at is not None and bet.done_at <= sent_at) or _stands_before(bet, win):
        return None
    return f"was sent before {win.first.reference} was answered as done"


def _stands_before(bet: Sighting, win: Sighting) -> bool:
    """Whether a win followed its bet in one batch or stream, where a player's operations take effect in their order."""
    first = win.sendings[0]
    return first.group > 0 and any(
        sending.group == first.group and sending.sent_at <= first.sent_at for sending in bet.sendings
    )


def _until_answered(found: list[Sighting]) -> Judgement:
    """A bet without an answer is repeated, or rolled back until that is answered; anything else is repeated."""
    unanswered = [sighting for sighting in found if _had_no_answer(sighting)]
    rollbacks = _rolled_back(found)
    breaches = []
    for sighting in unanswered:
        if sighting.is_known or _asked_anew(sighting, found) is not None:
            continue
        if sighting.first.kind is Kind.ROLLBACK:
            breaches.append(_breach(sighting, "is a rollback that was not repeated until it was answered"))
        elif sighting.first.kind in _STAKES and sighting.first.key not in rollbacks:
            breaches.append(_breach(sighting, "was given up without an answer, and never rolled back"))
        elif sighting.first.kind not in _STAKES:
            breaches.append(_breach(sighting, "was given up without an answer"))
    return len(unanswered), breaches


def _closed_rounds(found: list[Sighting]) -> Judgement:
    """No bet is sent in a round that the caller was told to be closed, or has closed itself."""
    closed_by: dict[tuple[str, ...], Sending] = {}
    for sighting in found:
        for sending in sighting.sendings:
            closes = sending.told is Told.DONE and sending.operation.round_closed
            if sending.operation.round and (closes or sending.reason == "ROUND_CLOSED"):
                closed_by.setdefault(sending.operation.round, sending)
    return len(closed_by), [
        _breach(sighting, "is a bet in a round that was closed")
        for sighting in found
        if sighting.first.kind in _STAKES
        and (closing := closed_by.get(sighting.first.round)) is not None
        and _knew(closing, sighting.sendings[0])
    ]


def _knew(told: Sending, sent: Sending) -> bool:
    """Whether a caller knew what it was told when it sent this; in a stream an operation and an answer may cross."""
    crosses = told.group > 0 and told.group == sent.group
    return sent.sent_at > told.told_at + (_EARLY_S if crosses else 0.0)


def _comes_later(found: list[Sighting]) -> Judgement:
    """What is too much is sent again when the time has passed that the wallet has told."""
    waited = [
        (sighting, sending, following)
        for sighting in found
        for sending, following in _pairs(sighting)
        if sending.told is Told.BUSY
    ]
    return len(waited), [
        _breach(sighting, f"was sent again {following.sent_at - sending.told_at:.2f} s after QUEUE_FULL")
        for sighting, sending, following in waited
        if following.sent_at - sending.told_at < sending.come_again_after_s - _EARLY_S
    ]


def _takes_no(found: list[Sighting]) -> Judgement:
    """What is refused until something changes is not sent again and again."""
    refused = [
        (sighting, tries)
        for sighting in found
        if (tries := sum(sending.told is Told.REFUSED for sending in sighting.sendings))
    ]
    return len(refused), [
        _breach(sighting, f"was refused {tries} times, and sent again as it was")
        for sighting, tries in refused
        if tries > _REFUSED_TRIES_MAX
    ]


def _has_deadline(found: list[Sighting]) -> Judgement:
    """Every call has a deadline."""
    return len(found), [
        _breach(sighting, "was sent without a deadline")
        for sighting in found
        if not all(sending.has_deadline for sending in sighting.sendings)
    ]


_RULES: dict[str, tuple[str, str, Callable[[list[Sighting]], Judgement]]] = {
    "same_id": ("rules.md, rule 1", "an operation without an answer is sent again under its own id", _same_id),
    "one_use": ("rules.md, rule 1", "an id is used for one operation", _one_use),
    "win_names_its_bet": ("rules.md, rule 2", "a win names a bet that is known to stand", _win_names_its_bet),
    "until_answered": (
        "rules.md, rules 3 and 10",
        "what has no answer is repeated until it has one; a bet that is given up is rolled back",
        _until_answered,
    ),
    "closed_rounds": ("rules.md, rule 4", "no bet is sent in a round that is closed", _closed_rounds),
    "comes_later": ("rules.md, Errors", "what is too much comes again after the time that is told", _comes_later),
    "takes_no": ("rules.md, Errors", "what is refused is not sent again and again", _takes_no),
    "has_deadline": ("calling.md, Deadlines", "every call has a deadline", _has_deadline),
}


# -------------------------------------------------------------------------------------------------------------- books


def _books(found: list[Sighting], books: Books) -> Judgement:
    """What is booked is what moved: nothing twice, nothing that did not happen, nothing left out."""
    moved = {
        sighting.first.key: sighting.first.gain_minor
        for sighting in found
        if sighting.first.kind in _BOOKED and sighting.is_applied
    }
    for sighting in found:
        if sighting.first.kind is Kind.ROLLBACK and sighting.is_applied:
            moved.pop(sighting.first.reference_key, None)
    breaches = [
        Breach(transaction_id=key[1], what=f"is booked {count} times as a {kind}")
        for (key, kind), count in books.rows.items()
        if count > 1
    ]
    twice = {breach.transaction_id for breach in breaches}
    for key in sorted(moved.keys() | books.moves.keys()):
        ours, theirs = moved.get(key, 0), books.moves.get(key, 0)
        if ours != theirs and key[1] not in twice:
            breaches.append(Breach(transaction_id=key[1], what=f"is booked as {theirs}, and moved {ours}"))
    return len(moved), breaches


# ------------------------------------------------------------------------------------------------------------- looking


def _had_no_answer(sighting: Sighting) -> bool:
    return any(sending.told is Told.UNKNOWN for sending in sighting.sendings)


def _asked_anew(sighting: Sighting, found: list[Sighting]) -> Sighting | None:
    """Give the operation that asks the same under another id, after one that was neither answered nor rolled back."""
    if sighting.is_known or sighting.first.key in _rolled_back(found):
        return None
    last = sighting.sendings[-1].sent_at
    return next(
        (
            other
            for other in found
            if other.first.content == sighting.first.content
            and other.first.key != sighting.first.key
            and other.sendings[0].sent_at > last
        ),
        None,
    )


def _rolled_back(found: list[Sighting]) -> set[tuple[str, str]]:
    """Give what rollbacks were sent of."""
    return {sighting.first.reference_key for sighting in found if sighting.first.kind is Kind.ROLLBACK}


def _pairs(sighting: Sighting) -> Iterator[tuple[Sending, Sending]]:
    yield from zip(sighting.sendings, sighting.sendings[1:], strict=False)


def _breach(sighting: Sighting, what: str) -> Breach:
    return Breach(transaction_id=sighting.first.transaction_id, what=f"{sighting.first.kind.value} {what}")
