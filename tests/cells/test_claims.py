"""Two players of two cells, one id: exactly one has it, however their processes meet."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from uuid import UUID

import pytest
from psycopg import sql
from support.contests import CONTESTS, RACES, RACES_IN_BATCHES, Contest, player_of, settle_all
from support.database import Installation, own_installation
from support.ledger import verify
from support.refusals import check_refusal
from support.requests import CELLS, Player, fresh_id
from support.server import WalletServer
from support.wallet import Caller, at_once

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.identifiers import withdrawal_key

_BATCH = 100
_FUNDS_MINOR = "1000000"


@pytest.fixture(scope="module")
def installation(template_of_cells: Installation) -> Iterator[Installation]:
    with own_installation(template_of_cells) as made:
        yield made
        verify(made)


@pytest.fixture(scope="module")
def callers(installation: Installation) -> Iterator[list[Caller]]:
    """The payments side at two processes."""
    with ExitStack() as running:
        servers = [running.enter_context(WalletServer(installation)) for _ in range(2)]
        yield [server.wallet().payments for server in servers]


@pytest.fixture(scope="module")
def players(callers: list[Caller]) -> list[Player]:
    """One of each cell."""
    made = [player_of(cell) for cell in range(CELLS)]
    for player in made:
        callers[0].call(player.deposit(_FUNDS_MINOR))
    return made


def _pairs(players: Sequence[Player]) -> Iterator[tuple[Player, Player]]:
    """All pairs of two cells in turn, each player first as often as second."""
    for number in count():
        other = 1 + number // len(players) % (len(players) - 1)
        yield players[number % len(players)], players[(number + other) % len(players)]


@pytest.mark.parametrize("kind", CONTESTS)
@pytest.mark.timeout(1200)
def test_one_of_two_has_it_call_by_call(
    installation: Installation, callers: list[Caller], players: list[Player], kind: str
) -> None:
    for _, pair in zip(range(RACES), _pairs(players), strict=False):
        contest = CONTESTS[kind](*pair)
        attempts = [partial(caller.attempt, one) for caller, one in zip(callers, contest.requests, strict=True)]
        winner = contest.settle(at_once(*attempts), callers)
        contest.check_stored(installation, winner)


@pytest.mark.parametrize("kind", CONTESTS)
@pytest.mark.timeout(1200)
def test_one_of_two_has_it_in_batches(
    installation: Installation, callers: list[Caller], players: list[Player], kind: str
) -> None:
    """Each process gets the same contests in an order of its own, some hundred at once, of either player."""
    contests = [CONTESTS[kind](*pair) for _, pair in zip(range(RACES_IN_BATCHES), _pairs(players), strict=False)]
    for start in range(0, RACES_IN_BATCHES, _BATCH):
        some = contests[start : start + _BATCH]
        outcomes = at_once(*(partial(_send_shuffled, caller, some, place) for place, caller in enumerate(callers)))
        settle_all(some, outcomes, callers, installation)


def test_a_withdrawal_whose_claim_is_undecided_is_not_told_to_be_unknown(
    installation: Installation, callers: list[Caller], players: list[Player]
) -> None:
    """On Citus a claim may be prepared on the node that is asked, when its effect is committed on another."""
    withdrawal_id = fresh_id("withdrawal")
    failing = pb.FailWithdrawalRequest(withdrawal_id=withdrawal_id, reason="no gas")
    name = f"undecided {withdrawal_id}"
    with installation.connect() as connection:
        claim = (withdrawal_key(withdrawal_id), players[0].player_id, UUID(int=0))
        connection.execute("INSERT INTO public.claims (claim_hash, owner_id, tx_id) VALUES (%s::UUID, %s, %s)", claim)
        connection.execute(sql.SQL("PREPARE TRANSACTION {}").format(sql.Literal(name)))
        connection.commit()
    try:
        check_refusal(callers[0].attempt(failing), "DATABASE_UNAVAILABLE", retry="SAME_REQUEST")
    finally:
        with installation.connect(autocommit=True) as connection:
            connection.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(name)))
    check_refusal(callers[0].attempt(failing), "WITHDRAWAL_NOT_FOUND")


def _send_shuffled(caller: Caller, contests: Sequence[Contest], place: int) -> list[object]:
    """Send one side of some contests in a batch, in a random order; the outcomes in the order of the contests."""
    order = random.sample(range(len(contests)), len(contests))
    outcomes = caller.batch([contests[index].requests[place] for index in order])
    told = dict(zip(order, outcomes, strict=True))
    return [told[index] for index in range(len(contests))]
