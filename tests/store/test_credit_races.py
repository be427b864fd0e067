"""Two lanes that know nothing of each other, on one credit wallet; and the poster and the sweeper beside them.

The locks are taken away before the store, as in test_races.py: it is the number of an entry that keeps these apart. The
poster is stopped between any two of its statements, as a kill would, and another one goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from store.lanes import SteppedLane
from support.database import Installation
from support.ledger import check_invariants
from unit.credit_desk import commit, credit, debit, release, reserve
from unit.desk import GAMES, TRON

from wallet_grpc.domain.credit.commands import Credit, CreditCommand
from wallet_grpc.domain.credit.state import WalletAddress, wallet_address
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.outcomes import LedgerCreated
from wallet_grpc.domain.ledgers.state import Ledger, Leg
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.store.background.reservations import ReservationStore
from wallet_grpc.store.background.wallet_postings import PostingSettings, PostingStore
from wallet_grpc.store.batch.store import LostRaceError
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.proofs.verify import verify

NewLane = Callable[..., SteppedLane]

# What was there before, and two that decide over it at once.
PAIRS: dict[str, tuple[list[Any], tuple[Any, Any]]] = {
    "two first credits": ([], (credit("x"), credit("y"))),
    "the same first credit": ([], (credit("x"), credit("x"))),
    "two debits of the same": ([credit("c")], (debit("x", 60), debit("y", 60))),
    "two reservations of the same": ([credit("c")], (reserve("x", 60), reserve("y", 60))),
    "a debit and a reservation": ([credit("c")], (debit("x", 60), reserve("y", 60))),
    "two commits": ([credit("c"), reserve("r")], (commit("r"), commit("r", 25))),
    "a commit and a release": ([credit("c"), reserve("r")], (commit("r"), release("r"))),
    "a release and a debit": ([credit("c"), reserve("r")], (release("r"), debit("x", 60))),
}


async def new_ledger(lane: SteppedLane) -> Ledger:
    (made,) = await lane.attempt(
        CreateLedger(source=GAMES, transaction_id="ledger", name="tokens", currency_network_id=TRON)
    )
    assert isinstance(made, LedgerCreated)
    return made.ledger


@pytest.mark.parametrize(("before", "pair"), PAIRS.values(), ids=PAIRS.keys())
async def test_of_two_that_decided_over_the_same_wallet_one_is_stored(
    new_lane: NewLane, ledger: Installation, before: list[CreditCommand], pair: tuple[CreditCommand, CreditCommand]
) -> None:
    one, two = new_lane(), new_lane()
    for command in before:
        await one.attempt(command)
    first = await one.decide_unlocked(pair[0])
    second = await two.decide_unlocked(pair[1])
    await one.write(first)
    with pytest.raises(LostRaceError):
        await two.write(second)
    await two.send(pair[1])
    rows = ledger.rows(
        "SELECT balance_after_minor, entry_no, coalesce(held_minor, 0),"
        " (SELECT sum(change_minor) FROM subledger_entries), (SELECT count(*) FROM subledger_entries),"
        " (SELECT coalesce(sum(amount_minor), 0) FROM reservations WHERE state = 'OPEN')"
        " FROM subledger_entries ORDER BY entry_no DESC LIMIT 1"
    )
    for balance, counted, held, total, entries, reserved in rows:
        assert (balance, counted, held) == (total, entries, reserved)


class Killed(Exception):  # noqa: N818 it is no error
    """The process ended here."""


class MortalConnection:
    """A connection of a process that is killed before its n-th statement."""

    def __init__(self, connection: Any, lives: list[int]) -> None:
        self._connection = connection
        self._lives = lives

    async def execute(self, *arguments: Any, **options: Any) -> Any:
        self._lives[0] -= 1
        if self._lives[0] < 0:
            raise Killed
        return await self._connection.execute(*arguments, **options)

    def transaction(self) -> Any:
        return self._connection.transaction()


class MortalPool(Pool):
    """A pool whose connections are killed, all together, before the n-th statement."""

    lives: list[int]

    def connection(self) -> Any:  # type: ignore[override]
        whole = super().connection()
        lives = self.lives

        class Lent:
            async def __aenter__(self) -> MortalConnection:
                return MortalConnection(await whole.__aenter__(), lives)

            async def __aexit__(self, *error: object) -> Any:
                return await whole.__aexit__(*error)

        return Lent()


@pytest_asyncio.fixture
async def pool(ledger: Installation) -> AsyncIterator[MortalPool]:
    made = MortalPool(ledger.service_dsn, connections_max=4, wait_ms=5_000, timeout_ms=5_000, writes=True)
    made.lives = [10**9]
    yield made
    await made.close()


def poster(pool: Pool, *, wallets_max: int = 2) -> PostingStore:
    settings = PostingSettings(interval_ms=1, wallets_max=wallets_max, queue_rows_max=3, ledgers_max=10)
    return PostingStore(settings, pool)


def wallets_of(ledger: Ledger, count: int) -> list[WalletAddress]:
    found = [wallet_address(f"{ledger.ledger_id}:purse-{number}") for number in range(count)]
    return [address for address in found if address is not None]


def books(installation: Installation) -> tuple[int, int]:
    """Give what the ledger has of wallets, and what their balances sum to."""
    ((posted, balances),) = installation.rows(
        "SELECT (SELECT coalesce(sum(amount_minor), 0) FROM ledger_entries JOIN accounts USING (account_id)"
        " WHERE wallet_id IS NOT NULL), (SELECT sum(change_minor) FROM subledger_entries)"
    )
    return int(posted), int(balances)


STATEMENTS_OF_A_ROUND = 19
"""Of five wallets, two a part."""


@pytest.mark.parametrize("statements", range(1, STATEMENTS_OF_A_ROUND + 1))
async def test_a_poster_that_is_killed_between_any_two_steps(
    new_lane: NewLane, ledger: Installation, pool: MortalPool, statements: int
) -> None:
    lane = new_lane()
    made = await new_ledger(lane)
    purses = wallets_of(made, 5)
    await lane.attempt(*(credit(f"c{number}", 10**37, purse) for number, purse in enumerate(purses)))
    await lane.attempt(*(credit(f"d{number}", number + 1, purse) for number, purse in enumerate(purses)))
    mortal = poster(pool)
    pool.lives = [statements]
    with suppress(Killed):
        for due in await mortal.due():
            await mortal.post(due)
    assert pool.lives == [0 if statements == STATEMENTS_OF_A_ROUND else -1], "a round has another number of steps"
    pool.lives = [10**9]
    await lane.attempt(*(credit(f"e{number}", 3, purse) for number, purse in enumerate(purses)))
    await post_all(mortal, ledger)
    posted, balances = books(ledger)
    assert posted == balances == 5 * 10**37 + 15 + 15
    if statements % 4 == 0:
        assert verify(ledger.admin_dsn).clean


async def post_all(store: PostingStore, installation: Installation) -> None:
    async with asyncio.timeout(20):
        while installation.rows("SELECT count(*) FROM posting_queue") != [(0,)]:
            for due in await store.due():
                await store.post(due)
            await asyncio.sleep(0.002)


async def test_many_posters_post_each_entry_once(new_lane: NewLane, ledger: Installation, pool: MortalPool) -> None:
    lane = new_lane()
    made = await new_ledger(lane)
    purses = wallets_of(made, 12)
    posters = [poster(pool, wallets_max=5) for _ in range(3)]
    for turn in range(12):
        await lane.attempt(*(credit(f"{turn}", turn + 1, purse) for purse in purses))
        due = await posters[0].due()
        await asyncio.gather(*(store.post(found) for store in posters for found in due))
    await post_all(posters[0], ledger)
    posted, balances = books(ledger)
    assert posted == balances == 12 * 78
    assert verify(ledger.admin_dsn).clean


async def test_a_poster_leaves_a_ledger_to_whoever_has_it(
    new_lane: NewLane, ledger: Installation, pool: MortalPool
) -> None:
    lane = new_lane()
    made = await new_ledger(lane)
    (purse,) = wallets_of(made, 1)
    await lane.attempt(credit("c", 10, purse))
    store = poster(pool)
    (due,) = await store.due()
    with ledger.connect() as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [made.owner_id])
        assert (await store.post(due)).transactions == 0
        other.rollback()
    assert (await store.post(due)).transactions == 1


async def test_a_write_under_way_is_posted_after_it(new_lane: NewLane, ledger: Installation, pool: MortalPool) -> None:
    """A batch that was decided before a posting, and stored after it, queues itself."""
    lane = new_lane()
    made = await new_ledger(lane)
    (purse,) = wallets_of(made, 1)
    await lane.attempt(credit("c", 10, purse))
    under_way = await lane.decide(credit("d", 5, purse))
    store = poster(pool)
    (due,) = await store.due()
    assert (await store.post(due)).journal_entries == 1
    await lane.write(under_way)
    await lane.store.release()
    await post_all(store, ledger)
    assert books(ledger) == (15, 15)


async def test_balances_of_more_digits_than_an_entry_are_posted(
    new_lane: NewLane, ledger: Installation, pool: MortalPool
) -> None:
    lane = new_lane()
    made = await new_ledger(lane)
    (purse,) = wallets_of(made, 1)
    await lane.attempt(*(credit(f"c{number}", 10**38 - 1, purse) for number in range(11)))
    await post_all(poster(pool), ledger)
    assert books(ledger) == (11 * (10**38 - 1),) * 2
    check_invariants(ledger)
    assert verify(ledger.admin_dsn).clean


EXPIRE = """
    SET session_replication_role = replica;
    UPDATE reservations SET expires_at = expires_at - interval '1 hour';
    UPDATE subledger_entries SET held_as_of = held_as_of - interval '1 hour';
"""


async def swept(store: ReservationStore) -> tuple[int, bool]:
    """Sweep fifteen reservations; gives how many that were, and whether there are more."""
    done = await store.sweep(rows_max=15)
    return done.reservations, done.more


async def test_a_sweep_changes_nothing_that_anybody_is_told(
    new_lane: NewLane, ledger: Installation, pool: MortalPool, admin: psycopg.Connection
) -> None:
    lane = new_lane()
    made = await new_ledger(lane)
    (purse,) = wallets_of(made, 1)
    from wallet_grpc.domain.credit.commands import Reserve

    await lane.attempt(credit("c", 1_000, purse))
    for number in range(3):
        await lane.attempt(
            *(
                Reserve(
                    source=GAMES, wallet=purse, transaction_id=f"r{number}-{it}", amount_minor=10, ttl_s=60 + number
                )
                for it in range(10)
            )
        )
    admin.execute(EXPIRE)
    decided = await lane.decide_unlocked(Credit(source=GAMES, wallet=purse, transaction_id="d", amount_minor=1))
    assert decided.outcomes[0].available_minor == 1_001  # type: ignore[union-attr]
    store = ReservationStore(pool)
    assert await swept(store) == (15, True)
    await lane.write(decided)
    (later,) = await lane.send(Credit(source=GAMES, wallet=purse, transaction_id="e", amount_minor=1))
    assert later.available_minor == 1_002  # type: ignore[union-attr]
    assert ledger.rows("SELECT held_minor FROM subledger_entries ORDER BY entry_no DESC LIMIT 1") == [(0,)]
    with ledger.connect() as writer:  # one who is always writing does not keep it from being tidied
        writer.execute("SELECT pg_advisory_xact_lock(%s)", [purse.owner_id])
        assert await swept(store) == (15, True)
    assert await swept(store) == (0, False)
    assert ledger.rows("SELECT state, count(*) FROM reservations GROUP BY state") == [("EXPIRED", 30)]
    assert verify(ledger.admin_dsn).clean


async def test_an_end_that_a_sweep_comes_before_is_decided_again(
    new_lane: NewLane, ledger: Installation, pool: MortalPool, admin: psycopg.Connection
) -> None:
    lane = new_lane()
    await lane.attempt(credit("c"), reserve("r"))
    decided = await lane.decide_unlocked(commit("r"))
    admin.execute(EXPIRE)
    assert (await ReservationStore(pool).sweep(rows_max=10)).reservations == 1
    with pytest.raises(LostRaceError):
        await lane.write(decided)
    assert (await lane.refused(commit("r"))).reason is Reason.RESERVATION_EXPIRED
    assert ledger.rows("SELECT count(*) FROM subledger_entries") == [(2,)]


async def test_journal_entries_race_over_one_account(new_lane: NewLane, ledger: Installation) -> None:
    one, two = new_lane(), new_lane()
    made = await new_ledger(one)

    def entry(transaction_id: str) -> PostJournalEntry:
        return PostJournalEntry(
            source=GAMES,
            transaction_id=transaction_id,
            ledger_id=made.ledger_id,
            owner_id=made.owner_id,
            currency_network_id=TRON,
            legs=(Leg("cash", 5), Leg("sales", -5)),
        )

    first, second = await one.decide_unlocked(entry("x")), await two.decide_unlocked(entry("y"))
    await one.write(first)
    with pytest.raises(LostRaceError):
        await two.write(second)
    await two.send(entry("y"))
    assert verify(ledger.admin_dsn).clean
    assert ledger.rows(
        "SELECT account_code, balance_minor FROM accounts JOIN account_balances USING (account_id)"
        " WHERE account_code IS NOT NULL ORDER BY 1"
    ) == [("cash", 10), ("sales", -10)]
