"""Contests: requests of two players of two cells that name one deposit, one withdrawal or one output.

Exactly one of the two may have it, whatever happens meanwhile; and whoever sends again is told the same again.
WALLET_TEST_CLAIM_RACES says how many contests of each kind a test holds call by call; `make soak` holds more than CI.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from support.database import Installation
from support.refusals import Refusal, check_refusal
from support.requests import CELLS, Player, changed, fresh_id, fresh_player_id, id_of
from support.wallet import Caller, Sender
from wallet.v1.wallet_pb2 import OPERATION_STATUS_APPLIED, OperationResult
from wallet_grpc.domain.cells import cell_of_owner

RACES_IN_BATCHES = 1_000
_RACES_IN_CI = 20
RACES = int(os.environ.get("WALLET_TEST_CLAIM_RACES", _RACES_IN_CI))
_SEND_AGAIN = {"CONFLICT", "DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN"}
_SENT_MAX = 100
_STORED = """
    SELECT owner_id FROM ledger_transactions
    WHERE reference = ANY(%s) AND kind IN ('DEPOSIT', 'WITHDRAWAL_RESERVATION')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What two players want of which one may have it."""

    requests: tuple[Message, Message]
    field: str
    """What the other one is told to have used again."""

    def settle(self, outcomes: Sequence[object], senders: Sequence[Sender]) -> int:
        """See that one of the two has it, and is told so by whoever is asked again; gives its place, 0 or 1.

        Outcomes that leave open what came of a request are settled by sending it again, as callers do.
        """
        told = [insist(*sent) for sent in zip(senders, self.requests, outcomes, strict=True)]
        won = [place for place, outcome in enumerate(told) if isinstance(outcome, OperationResult)]
        assert len(won) == 1, told
        for sender in senders:
            for place, request in enumerate(self.requests):
                self.check_told_again(place, told[place], insist(sender, request))
        return won[0]

    def check_told_again(self, place: int, first: object, again: object) -> None:
        """See that whoever sends one of the two again, by whichever process, is told the same again."""
        if isinstance(first, OperationResult):
            assert isinstance(again, OperationResult), again
            assert (again.replayed, again.tx_id) == (True, first.tx_id), place
        else:
            check_refusal(again, "IDEMPOTENCY_KEY_REUSED", field=self.field)

    def check_stored(self, installation: Installation, winner: int) -> None:
        """See that what the winner asked for is stored once, and nothing else of the two."""
        ids = list({id_of(request) for request in self.requests})
        assert installation.rows(_STORED, ids) == [(self.requests[winner].player_id,)]  # type: ignore[attr-defined]


def insist(sender: Sender, request: Message, outcome: object = None) -> Any:
    """Send a request until its outcome is known."""
    for _ in range(_SENT_MAX):
        if _is_known(outcome):
            return outcome
        outcome = sender.attempt(request)
    raise AssertionError(f"sent {_SENT_MAX} times: {outcome}")


def insist_on_all(caller: Caller, requests: Sequence[Message], outcomes: Sequence[object] = ()) -> list[Any]:
    """Send requests in batches until the outcome of each is known; gives them in order."""
    told: list[Any] = list(outcomes) or [None] * len(requests)
    for _ in range(_SENT_MAX):
        unknown = [place for place, outcome in enumerate(told) if not _is_known(outcome)]
        if not unknown:
            return told
        for place, outcome in zip(unknown, caller.batch([requests[it] for it in unknown]), strict=True):
            told[place] = outcome
    raise AssertionError(f"sent {_SENT_MAX} times: {[told[place] for place in unknown]}")


def _is_known(outcome: object) -> bool:
    if isinstance(outcome, OperationResult):
        assert outcome.status == OPERATION_STATUS_APPLIED, outcome
        return True
    return isinstance(outcome, Refusal) and bool(outcome.reason) and outcome.reason not in _SEND_AGAIN


def settle_all(
    contests: Sequence[Contest],
    outcomes: Sequence[Sequence[object]],
    callers: Sequence[Caller],
    installation: Installation,
) -> None:
    """Settle many contests as `Contest.settle` does one, in batches; see that the winners' is stored, each once.

    `outcomes` are those of the first requests and of the second ones, each in the order of the contests.
    """
    sides = [[contest.requests[place] for contest in contests] for place in (0, 1)]
    told = [insist_on_all(*sent) for sent in zip(callers, sides, outcomes, strict=True)]
    winners = []
    for contest, both in zip(contests, zip(*told, strict=True), strict=True):
        won = [place for place, outcome in enumerate(both) if isinstance(outcome, OperationResult)]
        assert len(won) == 1, both
        winners.append(contest.requests[won[0]].player_id)  # type: ignore[attr-defined]
    for caller in callers:
        for place, side in enumerate(sides):
            again = insist_on_all(caller, side)
            for contest, first, second in zip(contests, told[place], again, strict=True):
                contest.check_told_again(place, first, second)
    ids = sorted({id_of(request) for contest in contests for request in contest.requests})
    assert sorted(owner_id for (owner_id,) in installation.rows(_STORED, ids)) == sorted(winners)


def player_of(cell: int) -> Player:
    """Return a player of a cell that nobody used before."""
    while True:
        player_id = fresh_player_id()
        if cell_of_owner(player_id, CELLS) == cell:
            return Player(player_id=player_id)


def deposits(first: Player, second: Player) -> Contest:
    """Both are credited under one deposit id."""
    deposit = first.deposit("1")
    return Contest(requests=(deposit, changed(deposit, player_id=second.player_id)), field="player_id")


def withdrawals(first: Player, second: Player) -> Contest:
    """Both reserve under one withdrawal id."""
    reservation = first.reserve("1")
    return Contest(requests=(reservation, changed(reservation, player_id=second.player_id)), field="player_id")


def outputs(first: Player, second: Player) -> Contest:
    """Both are credited for one output, under ids of their own."""
    tx_hash = fresh_id("0x")
    one, other = (player.deposit("1", tx_hash=tx_hash, output_index=7) for player in (first, second))
    return Contest(requests=(one, other), field="tx_hash")


CONTESTS: dict[str, Callable[[Player, Player], Contest]] = {
    "deposit": deposits,
    "withdrawal": withdrawals,
    "output": outputs,
}
KINDS_TO_KILL = tuple(CONTESTS) if RACES > _RACES_IN_CI else ("deposit",)
"""Those that are killed at every point: in CI one kind, since all of them claim alike."""
