"""A command that is sent again while its first try commits is a replay, and never refused for its own effect.

The first try's lane has given it up, and the owner with it. So it may commit between two statements of the load that
the retry is decided over, or after that load and before what it refuses is told.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Collection
from datetime import UTC, datetime
from itertools import count

import pytest
import pytest_asyncio
from msgspec.structs import replace
from store.engine_desk import Desk, newest, running_desk
from store.lanes import SteppedLane, until
from support.database import Installation
from support.ledger import check_invariants
from unit.credit_desk import commit, credit, reserve
from unit.desk import ANN, APPROVAL, adjust, bet, bet_and_win, deposit, win
from unit.need_cases import entry, ledger
from unit.session_desk import SessionDesk, opening

from wallet_grpc.domain.commands import Command, owner_of
from wallet_grpc.domain.credit.outcomes import WriteStatus, Written
from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.sessions.outcomes import SessionFacts, SessionPlayed
from wallet_grpc.domain.sessions.state import session_address
from wallet_grpc.domain.transactions import Direction
from wallet_grpc.store.batch.steps import PARTS, in_loading_order
from wallet_grpc.store.batch.store import BatchStore, StoredMeanwhileError

COMMANDS: dict[str, Callable[[str, int], Command]] = {
    "a bet that closes its round": lambda name, player: bet(name, 10, closes=True, player=player),
    "a bet of all that there is": lambda name, player: bet(name, 90, player=player),
    "a bet with its win": lambda name, player: bet_and_win(name, closes=True, player=player),
    "a win that closes its round": lambda name, player: win(name, of=f"before {name}", closes=True, player=player),
    "a deposit of an output": lambda name, player: deposit(name, tx_hash=name, output_index=0, player=player),
    "a debit of all that there is": lambda name, player: adjust(name, 90, Direction.DEBIT, player=player),
    "an approval": lambda name, player: adjust(
        name, approval=replace(APPROVAL, proposal_id=f"0189abcd-0000-7000-8000-{player:012}"), player=player
    ),
    "an opening for all that there is": lambda name, player: opening(name, 90, player_id=player),
    "a ledger": lambda name, _: ledger(name),
    "an entry of a ledger": lambda name, _: entry(name),
}
"""Each with an id and of a player that are its own."""
PLACES = {part.__name__.rpartition(".")[2]: place for place, part in enumerate(in_loading_order(PARTS))}  # type: ignore[attr-defined] - they are modules


@pytest_asyncio.fixture
async def desk(own_ledger: Installation) -> AsyncIterator[Desk]:
    async with running_desk(own_ledger) as made:
        yield made


@newest
async def test_whose_first_try_commits_while_the_retry_is_loaded_gets_a_replay(
    desk: Desk, own_ledger: Installation
) -> None:
    """Wherever in the load: before what any of its parts asks for."""
    other, players, told = SteppedLane(desk.new_store()), count(ANN + 1), {}
    for what, make in COMMANDS.items():
        for part, place in PLACES.items():
            player = next(players)
            name = f"x{player}"
            for command in (deposit(f"d{player}", 100, player=player), bet(f"before {name}", 10, player=player)):
                assert not isinstance(await desk.send(command), Refusal)
            batch = await other.decide_unlocked(make(name, player))
            assert not isinstance(batch.outcomes[0], Refusal)
            with desk.loads_pause(place):
                sent = asyncio.create_task(desk.send(make(name, player)))
                await desk.until_a_load_pauses()
                await other.write(batch)
            told[what, part] = await sent
    await other.store.close()
    assert [(where, outcome) for where, outcome in told.items() if not getattr(outcome, "replayed", False)] == []
    check_invariants(own_ledger)


async def at_the_look(monkeypatch: pytest.MonkeyPatch, commits: SteppedLane, *commands: Command) -> None:
    """Have a first try of the commands commit when a lane has decided, and is about to look for who is at work."""
    batch = await commits.decide_unlocked(*commands)
    assert not any(isinstance(outcome, Refusal) for outcome in batch.outcomes)
    looks = BatchStore.refusals_may_be_wrong
    is_first = True

    async def look(store: BatchStore, unseen: Collection[Key] = (), *, was_held: bool = False) -> bool:
        nonlocal is_first
        if is_first:
            is_first = False
            await commits.write(batch)
        return await looks(store, unseen, was_held=was_held)

    monkeypatch.setattr(BatchStore, "refusals_may_be_wrong", look)


@newest
@pytest.mark.parametrize("held", [False, True], ids=["locked", "over one snapshot"])
async def test_a_commit_that_ends_before_its_own_retry_is_refused_makes_it_a_replay(
    desk: Desk, own_ledger: Installation, monkeypatch: pytest.MonkeyPatch, *, held: bool
) -> None:
    """The session has expired meanwhile, so nothing but the first try's own row tells that the bet stands.

    So it is for an owner whose lock somebody holds, who is loaded over one snapshot: that would never see the row.
    """
    opened = await desk.send(opening("open", 50, ttl_s=1))
    assert isinstance(opened, SessionFacts)
    address = session_address(opened.session_token)
    assert address is not None
    play = SessionDesk()
    play.session_id = address.session_id
    other = SteppedLane(desk.new_store())
    await at_the_look(monkeypatch, other, play.bet("x", 10))
    await until(lambda: datetime.now(UTC) > opened.expires_at)
    with own_ledger.connect(autocommit=True) as holder:
        if held:
            holder.execute("SELECT pg_advisory_lock(%s)", [owner_of(play.bet("x"))])
        told = await desk.send(play.bet("x", 10))
    assert isinstance(told, SessionPlayed), told
    assert (told.replayed, told.balance_after_minor) == (True, 40)
    refused = await desk.send(play.bet("y", 10))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.SESSION_CLOSED
    await other.store.close()


@newest
async def test_so_it_is_with_the_end_of_a_reservation_that_has_expired(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (credit("c", 100), reserve("r", 40, ttl_s=1)):
        assert not isinstance(await desk.send(command), Refusal)
    other, began = SteppedLane(desk.new_store()), datetime.now(UTC)
    await at_the_look(monkeypatch, other, commit("r"))
    await until(lambda: (datetime.now(UTC) - began).total_seconds() > 1)
    told = await desk.send(commit("r"))
    assert isinstance(told, Written), told
    assert (told.status, told.balance_minor) == (WriteStatus.DUPLICATE, 60)
    refused = await desk.send(commit("r", 10))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.RESERVATION_CLOSED
    await other.store.close()


@newest
async def test_who_keeps_losing_races_to_its_own_first_try_is_not_told_that_nothing_moved(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be tried once: the race that it lost was against its own commit."""
    for lane in desk._engine._lanes:
        lane._settings = dataclasses.replace(lane._settings, attempts_max=1)
    other = SteppedLane(desk.new_store())
    batch = await other.decide_unlocked(bet("x", 60))
    stores, looks = BatchStore.store, BatchStore.refusals_may_be_wrong
    found: list[StoredMeanwhileError] = []

    async def look(self: BatchStore, unseen: Collection[Key] = (), *, was_held: bool = False) -> bool:
        try:
            return await looks(self, unseen, was_held=was_held)
        except StoredMeanwhileError as error:
            found.append(error)
            raise

    async def store(self: BatchStore, loaded: object) -> None:
        monkeypatch.setattr(BatchStore, "store", stores)
        await other.write(batch)
        await self.store(loaded)  # type: ignore[arg-type] - as it was given

    monkeypatch.setattr(BatchStore, "store", store)
    monkeypatch.setattr(BatchStore, "refusals_may_be_wrong", look)
    unsure = await desk.send(bet("x", 60))
    assert isinstance(unsure, Refusal)
    assert unsure.reason is Reason.OUTCOME_UNKNOWN
    assert found, "by its key"
    await other.store.close()
