"""Needs: a batch decided over nothing but what its needs name comes out as if decided over everything.

This is what lets a lane load a few rows by their keys: were a rule to read something that is not among the needs, the
book would say so. And each need is read by some rule: without it, one of the cases below fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.desk import Desk, deposit
from unit.loads import decided, loaded, needs_for, sent
from unit.need_cases import every_case
from unit.world import Step, command_of, new_desk, of_credit, of_ledgers, of_players, of_sessions, steps

from wallet_grpc.domain.commands import Command, owner_of
from wallet_grpc.domain.credit.needs import CreditNeeds
from wallet_grpc.domain.ledgers.needs import LedgerNeeds
from wallet_grpc.domain.needs import Needs, needs_of
from wallet_grpc.domain.players.needs import PlayerNeeds
from wallet_grpc.domain.sessions.needs import SessionNeeds

# -------------------------------------------------------------------------------------------------------- the property


def check(history: Sequence[Step], batch: Sequence[Step]) -> None:
    """Decide a batch over everything and over its needs alone, and compare all that comes of it."""
    whole = new_desk()
    sent(whole, history)
    named = [command for command in (command_of(whole, step) for step in batch) if command is not None]
    whole.book.ask(needs_for(named))
    for command in named:
        whole.load(command)
    part = loaded(whole.book, needs_for(named))
    changes_before, received_before = len(whole.book.changes), len(whole.book.inbox.received)
    assert decided(whole, part, named) == decided(whole, whole.book, named)
    changes = whole.book.changes[changes_before:]
    assert part.inbox.received == whole.book.inbox.received[received_before:]
    assert len(part.changes) == len(changes)
    for one, other in zip(part.changes, changes, strict=True):
        for name in type(one).__struct_fields__:
            if name not in {"journaled", "credited"}:
                assert getattr(one, name) == getattr(other, name), name
        if one.journaled is not None and other.journaled is not None:
            assert one.journaled.entries == other.journaled.entries
        if one.credited is not None and other.credited is not None:
            assert (one.credited.entry, one.credited.reservation) == (
                other.credited.entry,
                other.credited.reservation,
            )
    for key, account in part.accounts.items():
        whole_account = whole.book.accounts[key]
        assert (account.balance_minor, account.version) == (whole_account.balance_minor, whole_account.version)


@pytest.mark.property
@pytest.mark.parametrize(
    "kind",
    [of_players, of_sessions | of_players, of_credit, of_ledgers, steps],
    ids=["players", "sessions", "credit", "ledgers", "all"],
)
def test_a_batch_comes_out_the_same_over_its_needs_alone(kind: st.SearchStrategy[Step]) -> None:
    @settings(max_examples=150)
    @given(history=st.lists(kind, max_size=40), batch=st.lists(kind, min_size=1, max_size=8))
    def holds(history: list[Step], batch: list[Step]) -> None:
        check([deposit("funds", 1_000), *history], batch)

    holds()


@given(st.lists(of_players, min_size=1, max_size=30))
def test_owners_are_sorted_and_nothing_is_named_twice(batch: list[Command]) -> None:
    needs = needs_of(batch)
    assert needs.owner_ids == sorted({owner_of(command) for command in batch})
    players = needs.players
    for names in (needs.balances, needs.whole_owner_ids, needs.keys, players.round_keys, players.output_keys):
        assert len(set(names)) == len(names)


# -------------------------------------------------------------------------------------------------- each need is read


def slots(needs: Needs) -> Iterator[tuple[str, int, Needs]]:
    """Give the needs without one of what they name, for each of that, by the field and the place in it."""
    for name in ("known_owner_ids", "balances", "gaining", "whole_owner_ids", "keys", "receipt_keys"):
        for place, changed in enumerate(_without_one(getattr(needs, name))):
            yield name, place, replace(needs, **{name: changed})
    for part, names in (
        ("players", PlayerNeeds.__struct_fields__),
        ("sessions", (*(set(SessionNeeds.__struct_fields__) - {"rollbacks"}),)),
        ("credit", CreditNeeds.__struct_fields__),
        ("ledgers", LedgerNeeds.__struct_fields__),
    ):
        own = getattr(needs, part)
        for name in names if own is not None else ():
            for place, changed in enumerate(_without_one(getattr(own, name))):
                yield f"{part}.{name}", place, replace(needs, **{part: replace(own, **{name: changed})})


def _without_one(names: Any) -> Iterator[Any]:
    for left_out in list(names):
        if isinstance(names, dict):
            yield {name: value for name, value in names.items() if name != left_out}
        else:
            yield type(names)(name for name in names if name != left_out)


def unread(desk: Desk, command: Command) -> set[tuple[str, int]]:
    """Give what a command needs and its rules do not read, over a desk that has sent what was before."""
    ignored = set()
    for name, place, needs in slots(needs_for([command])):
        try:
            decided(desk, loaded(desk.book, needs), [command])
        except AssertionError as error:
            if "without a need that declares it" not in str(error):
                raise
        else:
            ignored.add((name, place))
    return ignored


def test_without_any_of_its_needs_a_command_is_not_decided() -> None:
    found: dict[type[Command], list[set[tuple[str, int]]]] = {}
    for desk, command in every_case():
        found.setdefault(type(command), []).append(unread(desk, command))
    every_command = Command.__args__  # type: ignore[attr-defined]
    assert set(found) == set(every_command)
    assert {command.__name__: set.intersection(*ignored) for command, ignored in found.items()} == {
        command.__name__: set() for command in every_command
    }
