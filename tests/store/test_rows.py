"""Rows and values: what is stored is what is loaded, and a ledger on PostgreSQL comes out like one in memory."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from store.lanes import SteppedLane
from support.database import Installation
from support.ledger import check_invariants
from unit.desk import Desk, bet, deposit, fail, reserve, settle, win
from unit.histories import histories, located

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.needs import Needs
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.players.needs import PlayerNeeds
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.domain.transactions import WinKind
from wallet_grpc.store.connection import arrays

NewLane = Callable[..., SteppedLane]

_numbers = itertools.count(1)


class Elsewhere:
    """Moves a history to players and ids of its own, so that histories do not meet in one database."""

    def __init__(self) -> None:
        self.number = next(_numbers)

    def moved(self, command: Command) -> Command:
        fields: dict[str, Any] = {"player_id": self.number * 10 + command.player_id}
        for name in ("transaction_id", "reference_transaction_id", "withdrawal_id", "deposit_id", "tx_hash"):
            if getattr(command, name, ""):
                fields[name] = f"{self.number}-{getattr(command, name)}"
        return replace(command, **fields)


def comparable(outcome: Outcome) -> object:
    """An outcome without what two ledgers cannot share: the wallet's ids, and the time."""
    if isinstance(outcome, Refusal):
        return outcome.reason, dict(outcome.metadata)
    return replace(outcome, tx_id=outcome.tx_id is not None, created_at=None)  # type: ignore[arg-type]


@pytest.mark.property
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=histories, sizes=st.lists(st.integers(1, 12), min_size=40, max_size=40))
async def test_a_history_in_batches_comes_out_as_in_memory_one_by_one(
    ledger: Installation, new_lane: NewLane, history: list[Command], sizes: list[int]
) -> None:
    del ledger
    elsewhere = Elsewhere()
    desk, lane = Desk(), new_lane()
    left = [elsewhere.moved(command) for command in located(history)]
    for size in sizes:
        batch, left = left[:size], left[size:]
        if not batch:
            break
        told = await lane.attempt(*batch)
        assert [comparable(outcome) for outcome in told] == [comparable(desk.send(command)) for command in batch]
    loaded = await lane.store.load(_everything(desk))
    for key, account in desk.book.accounts.items():
        found = loaded.book.accounts[key]
        assert (found.balance_minor, found.version) == (account.balance_minor, account.version)
    for owner_id, owner in desk.book.owners.items():
        found_owner = loaded.book.owners[owner_id]
        assert (found_owner.version, found_owner.state) == (owner.added, owner.state)
    assert len(loaded.book.transactions) == len(desk.book.transactions)
    for key, transaction in desk.book.transactions.items():
        stored = loaded.book.transactions[key]
        unlike = {"tx_id", "created_at", "reference_tx_id", "reverses_tx_id", "postings", "metadata", "details"}
        for name in set(type(stored).__struct_fields__) - unlike:
            assert getattr(stored, name) == getattr(transaction, name), name
        assert (stored.reference_tx_id is None) == (transaction.reference_tx_id is None)
        assert (stored.reverses_tx_id is None) == (transaction.reverses_tx_id is None)
        assert (stored.tx_id in loaded.book.players.reversals) == (transaction.tx_id in desk.book.players.reversals)
        wins = loaded.book.players.standing_wins.get(stored.tx_id, 0)
        assert wins == desk.book.players.standing_wins.get(transaction.tx_id, 0)
    assert loaded.book.players.closers == desk.book.players.closers
    assert loaded.book.players.deposit_outputs == desk.book.players.deposit_outputs
    await lane.store.close()


def _everything(desk: Desk) -> Needs:
    book = desk.book
    return Needs(
        owner_ids=sorted(book.owners),
        known_owner_ids=sorted(book.owners),
        balances=[],
        gaining=set(),
        whole_owner_ids=list(book.owners),
        keys=list(book.transactions),
        receipt_keys=[],
        players=PlayerNeeds(round_keys=list(book.players.closers), output_keys=list(book.players.deposit_outputs)),
        sessions=None,
        credit=None,
        ledgers=None,
    )


async def test_the_ledger_is_right_after_all_of_them(ledger: Installation, new_lane: NewLane) -> None:
    """Several histories at once, on lanes of their own, meeting on the house accounts only."""
    players = range(1, 9)
    lanes = [new_lane() for _ in range(4)]

    async def play(player: int, lane: SteppedLane) -> None:
        await lane.send(deposit(f"d{player}", 100, player=player))
        await lane.send(bet(f"b{player}", 30, player=player), win(f"w{player}", 50, of=f"b{player}", player=player))
        await lane.send(reserve(f"p{player}", 20, player=player), reserve(f"q{player}", 10, player=player))
        await lane.send(settle(f"p{player}", 1, player=player), fail(f"q{player}", player=player))

    async def play_all(lane: SteppedLane, own: list[int]) -> None:
        for player in own:
            await play(player, lane)

    await asyncio.gather(*(play_all(lane, list(players)[number::4]) for number, lane in enumerate(lanes)))
    totals = dict(
        ledger.rows(
            """
            SELECT account_type, sum(minor)::TEXT
            FROM (
                SELECT account_id, balance_minor FROM account_balances
                UNION ALL SELECT account_id, amount_minor FROM house_postings
            ) AS counted (account_id, minor)
            JOIN accounts USING (account_id)
            GROUP BY account_type
            """
        )
    )
    assert totals == {
        AccountType.MAIN.value: "800",
        AccountType.WITHDRAW_HOLD.value: "0",
        AccountType.HOUSE.value: "-648",
        AccountType.HOUSE_WAGER.value: "-160",
        AccountType.HOUSE_FEES.value: "8",
    }
    check_invariants(ledger)


async def test_amounts_beyond_bigint_are_stored_exactly(ledger: Installation, new_lane: NewLane) -> None:
    lane = new_lane()
    huge = 10**38 - 1
    await lane.send(*(deposit(f"d{number}", huge) for number in range(30)))
    answer = await lane.accepted(bet("b", huge))
    assert answer.balance_after_minor == 29 * huge
    assert ledger.rows("SELECT balance_minor::TEXT FROM account_balances WHERE owner_id = 1") == [(str(29 * huge),)]


@pytest.mark.property
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    metadata=st.dictionaries(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60),
        max_size=4,
    ),
    tx_hash=st.text(max_size=256).filter(str.isprintable),
    ids=st.tuples(*[st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128)] * 3),
)
async def test_texts_come_back_as_they_went(
    ledger: Installation, new_lane: NewLane, metadata: dict[str, str], tx_hash: str, ids: tuple[str, str, str]
) -> None:
    lane, number = new_lane(), next(_numbers)
    player = 1_000_000 + number
    await lane.accepted(deposit(f"d{number}", 100, player=player, tx_hash=tx_hash, metadata=metadata))
    jackpot = win(
        f"{ids[0]}"[:100] + f"-{number}",
        player=player,
        kind=WinKind.JACKPOT,
        of=ids[0],
        game=ids[1],
        round=ids[2],
        metadata=metadata,
    )
    await lane.accepted(jackpot)
    found = ledger.rows(
        """
        SELECT reference, reference_transaction_id, game_code, round_id, metadata, details
        FROM ledger_transactions WHERE owner_id = %s ORDER BY tx_id
        """,
        player,
    )
    assert found == [
        (f"d{number}", None, None, None, metadata or None, {"tx_hash": tx_hash} if tx_hash else None),
        (jackpot.transaction_id, *ids, metadata or None, None),
    ]
    assert isinstance((await lane.send(jackpot))[0], Accepted)
    await lane.store.close()


# -------------------------------------------------------------------------------------------------------------- arrays

free_text = st.text(st.characters(exclude_characters=f"\0{arrays.SEPARATOR}", exclude_categories=["Cs"]), min_size=1)


@pytest.mark.property
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    numbers=st.lists(st.none() | st.integers(-(10**59), 10**59)),
    ids=st.lists(st.none() | st.uuids()),
    flags=st.lists(st.booleans()),
)
def test_array_literals_are_read_as_they_were_written(
    admin: psycopg.Connection, numbers: list[int | None], ids: list[Any], flags: list[bool]
) -> None:
    row = admin.execute(
        "SELECT %s::NUMERIC [], %s::UUID [], %s::BOOLEAN []",
        [arrays.literal(numbers), arrays.literal(ids), arrays.literal(flags)],
    ).fetchone()
    assert row == (numbers, ids, flags)


@pytest.mark.property
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(texts=st.lists(free_text, min_size=1), nullable=st.lists(st.none() | free_text, min_size=1))
def test_separated_texts_are_read_as_they_were_written(
    admin: psycopg.Connection, texts: list[str], nullable: list[str | None]
) -> None:
    row = admin.execute(
        r"SELECT string_to_array(%s, E'\x1f'), string_to_array(%s, E'\x1f', '')",
        [arrays.separated(texts), arrays.nullable_separated(nullable)],
    ).fetchone()
    assert row is not None
    assert row[0] == texts
    # Nothing but NULL is an empty text, which is an empty array: see the test below.
    assert row[1] == nullable or (set(nullable) == {None} and not row[1])


def test_an_empty_array_beside_others_is_filled_up_with_null(admin: psycopg.Connection) -> None:
    missing = [None, None]
    rows = admin.execute(
        r"SELECT unnest('{1,2}'::BIGINT[]), unnest(%s::UUID[]), unnest(string_to_array(%s, E'\x1f', '')::JSONB[])",
        [arrays.nullable_words(missing), arrays.nullable_separated(missing)],
    ).fetchall()
    assert rows == [(1, None, None), (2, None, None)]
