"""Two lanes that know nothing of each other: whatever they decided over, exactly one of them is stored.

The locks are taken away before the store (`decide_unlocked`), so that it is the store alone that keeps the two apart:
the locks are for speed, the store is for truth.
"""

import asyncio
from collections.abc import Callable

import pytest
from store.lanes import DecidedBatch, SteppedLane
from support.database import Installation
from support.ledger import check_invariants
from unit.desk import (
    ANN,
    APPROVAL,
    BOB,
    ETHEREUM,
    adjust,
    bet,
    bet_and_win,
    blocked,
    deposit,
    fail,
    reserve,
    rollback,
    settle,
    state,
    win,
)

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import Direction, OutcomeStatus
from wallet_grpc.store.batch.store import LostRaceError

NewLane = Callable[..., SteppedLane]

BEFORE = (deposit("d0", 100), bet("b0", 10), bet("b1", 10), reserve("p0", 10), reserve("p1", 10))

# Two commands of one owner, each of which must see the other.
OF_ONE_OWNER: dict[str, tuple[Command, Command]] = {
    "two bets for the same money": (bet("x", 60), bet("y", 60)),
    "two free spins": (bet("x", 0), bet("y", 0)),
    "a bet and a reservation": (bet("x", 60), reserve("y", 60)),
    "two reservations": (reserve("x", 60), reserve("y", 60)),
    "two debits": (adjust("x", 60, Direction.DEBIT), adjust("y", 60, Direction.DEBIT)),
    "two approvals of one proposal": (adjust("x", approval=APPROVAL), adjust("x", approval=APPROVAL)),
    "a bet and a closing of its round": (bet("x", 1), bet("y", 0, closes=True)),
    "a win and a closing of its round": (win("x", of="b0"), win("y", 0, of="b1", closes=True)),
    "a bet and a block": (bet("x", 1), blocked("y")),
    "a deposit and a closing": (deposit("x", player=BOB), state("y", PlayerState.CLOSED, player=BOB)),
    "a win and the rollback of its bet": (win("x", of="b0"), rollback("y", of="b0")),
    "two rollbacks of one bet": (rollback("x", of="b0"), rollback("y", of="b0")),
    "a bet and the rollback that came first": (bet("x", 1), rollback("y", of="x")),
    "two voids of one id": (rollback("x", of="unseen"), rollback("y", of="unseen")),
    "two settlements": (settle("p0", 1), settle("p0", 2)),
    "a settlement and a failure": (settle("p0"), fail("p0")),
    "two endings of two withdrawals": (settle("p0"), settle("p1")),
    "two networks of one player": (deposit("x", player=BOB), deposit("y", player=BOB, network=ETHEREUM)),
    "the first two deposits of a player": (deposit("x", player=BOB), deposit("y", player=BOB)),
    "the same bet twice": (bet("x", 1), bet("x", 1)),
    "one id for two bets": (bet("x", 1), bet("x", 2)),
    "the same deposit twice": (deposit("x"), deposit("x")),
    "the same bet-and-win twice": (bet_and_win("x"), bet_and_win("x")),
}

# Two commands of two owners that want one thing.
OF_TWO_OWNERS: dict[str, tuple[Command, Command, Reason | OutcomeStatus]] = {
    "one id for two bets": (bet("x", 1), bet("x", 1, player=BOB), Reason.IDEMPOTENCY_KEY_REUSED),
    "one deposit id": (deposit("x", 5), deposit("x", 5, player=BOB), Reason.IDEMPOTENCY_KEY_REUSED),
    "one withdrawal id": (reserve("x", 5), reserve("x", 5, player=BOB), Reason.IDEMPOTENCY_KEY_REUSED),
    "one output": (
        deposit("x", tx_hash="0x1", output_index=0),
        deposit("y", player=BOB, tx_hash="0x1", output_index=0),
        Reason.IDEMPOTENCY_KEY_REUSED,
    ),
    "a void and a late bet": (rollback("x", of="b"), bet("b", 1, player=BOB), Reason.TRANSACTION_VOIDED),
    "a bet and a void of it": (bet("b", 1), rollback("x", of="b", player=BOB), Reason.PLAYER_MISMATCH),
    "two voids": (rollback("x", of="b"), rollback("y", of="b", player=BOB), OutcomeStatus.VOIDED),
}


@pytest.fixture
def lanes(new_lane: NewLane) -> tuple[SteppedLane, SteppedLane]:
    return new_lane(), new_lane()


async def started(lane: SteppedLane) -> None:
    for command in (*BEFORE, deposit("d1", 100, player=BOB)):
        await lane.accepted(command)


def stored(ledger: Installation) -> int:
    return ledger.rows("SELECT count(*) FROM ledger_transactions")[0][0]


@pytest.mark.parametrize(("one", "other"), OF_ONE_OWNER.values(), ids=OF_ONE_OWNER)
async def test_a_stale_load_of_one_owner_is_never_stored(
    ledger: Installation, lanes: tuple[SteppedLane, SteppedLane], one: Command, other: Command
) -> None:
    first, second = lanes
    for command in BEFORE:
        await first.accepted(command)
    stale = await first.decide_unlocked(one)
    assert isinstance(stale.outcomes[0], Accepted)
    await second.accepted(other)
    before = stored(ledger)
    with pytest.raises(LostRaceError):
        await first.write(stale)
    assert stored(ledger) == before
    check_invariants(ledger)


@pytest.mark.parametrize(("one", "other"), OF_ONE_OWNER.values(), ids=OF_ONE_OWNER)
async def test_of_two_at_once_for_one_owner_exactly_one_is_stored(
    ledger: Installation, lanes: tuple[SteppedLane, SteppedLane], one: Command, other: Command
) -> None:
    for command in BEFORE:
        await lanes[0].accepted(command)
    batches = [await lane.decide_unlocked(command) for lane, command in zip(lanes, (one, other), strict=True)]
    before = stored(ledger)
    results = await both(lanes, batches)
    assert sorted(type(result).__name__ for result in results) == ["LostRaceError", "list"], results
    (won,) = [batch for batch, result in zip(batches, results, strict=True) if isinstance(result, list)]
    made = sum(len(change.transactions) for change in won.loaded.book.changes)
    assert stored(ledger) == before + made
    check_invariants(ledger)


@pytest.mark.parametrize("wants", OF_TWO_OWNERS.values(), ids=OF_TWO_OWNERS)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one after the other"])
async def test_what_two_owners_want_goes_to_one_of_them(
    ledger: Installation,
    lanes: tuple[SteppedLane, SteppedLane],
    wants: tuple[Command, Command, Reason | OutcomeStatus],
    at_once: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    one, other, told = wants
    await started(lanes[0])
    batches = [await lane.decide_unlocked(command) for lane, command in zip(lanes, (one, other), strict=True)]
    if at_once:
        results = await both(lanes, batches)
        assert sorted(type(result).__name__ for result in results) == ["LostRaceError", "list"], results
        loser = next(index for index, result in enumerate(results) if isinstance(result, LostRaceError))
    else:
        await lanes[0].write(batches[0])
        with pytest.raises(LostRaceError):
            await lanes[1].write(batches[1])
        loser = 1
    before = stored(ledger)
    (outcome,) = await lanes[loser].send((one, other)[loser])
    if loser == 1:
        assert told in {getattr(outcome, "reason", None), getattr(outcome, "status", None)}, outcome
    assert isinstance(outcome, Refusal) or outcome.status is OutcomeStatus.VOIDED
    assert stored(ledger) == before
    check_invariants(ledger)


async def test_a_lost_race_is_decided_anew(lanes: tuple[SteppedLane, SteppedLane]) -> None:
    first, second = lanes
    await first.accepted(deposit("d", 100))
    stale = await first.decide_unlocked(bet("x", 60))
    await second.accepted(bet("y", 60))
    with pytest.raises(LostRaceError):
        await first.write(stale)
    assert (await first.refused(bet("x", 60))).metadata["balance_minor"] == "40"


async def test_a_lost_duplicate_finds_the_stored_result(lanes: tuple[SteppedLane, SteppedLane]) -> None:
    first, second = lanes
    await first.accepted(deposit("d", 100))
    stale = await first.decide_unlocked(bet("x", 60))
    won = await second.accepted(bet("x", 60))
    with pytest.raises(LostRaceError):
        await first.write(stale)
    again = await first.accepted(bet("x", 60))
    assert (again.tx_id, again.replayed, again.balance_after_minor) == (won.tx_id, True, 40)


async def test_one_stale_owner_undoes_the_whole_batch(
    ledger: Installation, lanes: tuple[SteppedLane, SteppedLane]
) -> None:
    first, second = lanes
    await first.send(deposit("d1", 100, player=ANN), deposit("d2", 100, player=BOB))
    stale = await first.decide_unlocked(bet("x1", 10, player=ANN), bet("x2", 10, player=BOB))
    await second.accepted(bet("y", 10, player=BOB))
    before = stored(ledger)
    with pytest.raises(LostRaceError):
        await first.write(stale)
    assert stored(ledger) == before
    assert [type(outcome) for outcome in await first.send(bet("x1", 10), bet("x2", 10, player=BOB))] == [Accepted] * 2


async def test_lanes_of_different_owners_do_not_take_from_each_other(
    ledger: Installation, lanes: tuple[SteppedLane, SteppedLane]
) -> None:
    """In a small ledger their rows share pages, so SERIALIZABLE may abort one of them: it tries again."""

    async def play(lane: SteppedLane, player: int) -> None:
        await lane.accepted(deposit(f"d{player}", 1_000, player=player))
        for number in range(20):
            name = f"{player}-{number}"
            staked = bet(f"b{name}", 10, player=player)
            await lane.send(staked, bet_and_win(f"s{name}", player=player))
            await lane.send(
                win(f"w{name}", 10, of=f"b{name}", player=player), rollback(f"v{name}", of=f"u{name}", player=player)
            )

    await asyncio.gather(play(lanes[0], 1), play(lanes[1], 2))
    assert ledger.rows("SELECT balance_minor FROM account_balances WHERE owner_id IS NOT NULL") == [(1_200,), (1_200,)]
    check_invariants(ledger)


async def test_many_lanes_on_one_player_keep_every_unit(ledger: Installation, new_lane: NewLane) -> None:
    """Without locks, so that nearly every store loses its race, and tries again."""
    lanes = [new_lane() for _ in range(4)]
    await lanes[0].accepted(deposit("d", 100))
    applied = []

    async def play(number: int, lane: SteppedLane) -> None:
        for turn in range(12):
            command = bet(f"b{number}-{turn}", 3)
            for _ in range(200):
                batch = await lane.decide_unlocked(command)
                try:
                    (outcome,) = await lane.write(batch)
                except LostRaceError:
                    continue
                applied.append(isinstance(outcome, Accepted))
                break

    await asyncio.gather(*(play(number, lane) for number, lane in enumerate(lanes)))
    assert (applied.count(True), applied.count(False)) == (33, 15)
    assert ledger.rows("SELECT balance_minor FROM account_balances WHERE owner_id = 1") == [(1,)]
    check_invariants(ledger)


async def both(
    lanes: tuple[SteppedLane, SteppedLane], batches: list[DecidedBatch]
) -> list[list[object] | BaseException]:
    writes = (lane.write(batch) for lane, batch in zip(lanes, batches, strict=True))
    return await asyncio.gather(*writes, return_exceptions=True)  # type: ignore[return-value]
