"""Idempotency (docs/rules.md, rule 1): which fields make a request another one, and which do not."""

from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace
from unit.desk import (
    BOB,
    ETHEREUM,
    OTHER_GAMES,
    Desk,
    adjust,
    bet,
    bet_and_win,
    deposit,
    fail,
    reserve,
    rollback,
    settle,
    state,
    win,
)

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.domain.transactions import Direction, GameFacts, WinKind

# What each example needs before it can be applied.
BEFORE = (deposit("d0", 1000), bet("b0", 50), reserve("p0", 50), reserve("p1", 50))

FIRST: dict[str, Command] = {
    "bet": bet("x", 10),
    "win": win("x", 10, of="b0"),
    "promotion": win("x", 10, kind=WinKind.PROMO),
    "rollback": rollback("x", of="b0"),
    "void": rollback("x", of="unseen"),
    "bet and win": bet_and_win("x", 10, 20),
    "reservation": reserve("x", 10),
    "settlement": settle("p0", 1),
    "failure": fail("p1"),
    "deposit": deposit("x", 10),
    "adjustment": adjust("x", 10),
    "state": state("x", PlayerState.BLOCKED),
}

PLAYER = ("player_id", {"player_id": BOB})
NETWORK = ("currency_network_id", {"currency_network_id": ETHEREUM})
AMOUNT = ("amount_minor", {"amount_minor": 11})
GAME = ("game_code", {"game": GameFacts(game_code="g2", round_id="r1")})
ROUND = ("round_id", {"game": GameFacts(game_code="g1", round_id="r2")})
REFERENCE = ("reference_transaction_id", {"reference_transaction_id": "other"})

COMPARED: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "bet": [PLAYER, NETWORK, AMOUNT, GAME, ROUND],
    "win": [PLAYER, NETWORK, AMOUNT, GAME, ROUND, REFERENCE, ("win_kind", {"win_kind": WinKind.PROMO})],
    "promotion": [PLAYER, NETWORK, AMOUNT, GAME, ROUND, REFERENCE, ("win_kind", {"win_kind": WinKind.JACKPOT})],
    "rollback": [PLAYER, NETWORK, REFERENCE],
    "void": [PLAYER, NETWORK, REFERENCE],
    "bet and win": [PLAYER, NETWORK, AMOUNT, GAME, ROUND, ("win_amount_minor", {"win_amount_minor": 21})],
    "reservation": [PLAYER, NETWORK, AMOUNT],
    "settlement": [("fee_minor", {"fee_minor": 2})],
    "failure": [],
    "deposit": [PLAYER, NETWORK, AMOUNT],
    "adjustment": [PLAYER, NETWORK, AMOUNT, ("direction", {"direction": Direction.DEBIT})],
    "state": [PLAYER, ("state", {"state": PlayerState.CLOSED})],
}

METADATA = {"metadata": {"other": "notes"}}
CLOSES = {"round_closed": True}
HASH = {"tx_hash": "0xother"}
PERSON = [{"reason": "other"}, {"actor": "other"}]

NOT_COMPARED: dict[str, list[dict[str, Any]]] = {
    "bet": [METADATA, CLOSES],
    "win": [METADATA, CLOSES],
    "promotion": [METADATA, CLOSES],
    "rollback": [METADATA, CLOSES],
    "void": [METADATA, CLOSES],
    "bet and win": [METADATA, CLOSES],
    "reservation": [METADATA, {"source": OTHER_GAMES}],
    "settlement": [METADATA, HASH, {"source": OTHER_GAMES}],
    "failure": [METADATA, {"reason": "other"}, {"source": OTHER_GAMES}],
    "deposit": [METADATA, HASH, {"output_index": 3}, {"source": OTHER_GAMES}],
    "adjustment": [METADATA, *PERSON],
    "state": [METADATA, *PERSON],
}


def played(name: str) -> Desk:
    return Desk.after([*BEFORE, FIRST[name]])


@pytest.mark.parametrize("name", FIRST)
def test_the_same_again_is_the_stored_result(name: str) -> None:
    desk = Desk.after(BEFORE)
    first = desk.accepted(FIRST[name])
    desk.accepted(bet("between", 7) if name != "state" else deposit("between", 7))
    changes = len(desk.book.changes)
    again = desk.accepted(FIRST[name])
    assert again == replace(first, replayed=True, current_balance_minor=again.current_balance_minor)
    assert again.current_balance_minor == (None if name == "state" else desk.main())
    assert len(desk.book.changes) == changes


@pytest.mark.parametrize(
    ("name", "field", "fields"),
    [
        pytest.param(name, field, fields, id=f"{name}: {field}")
        for name, rows in COMPARED.items()
        for field, fields in rows
    ],
)
def test_another_value_is_refused_naming_the_field(name: str, field: str, fields: dict[str, Any]) -> None:
    desk = played(name)
    changes = len(desk.book.changes)
    refusal = desk.refused(replace(FIRST[name], **fields))
    assert refusal.reason is Reason.IDEMPOTENCY_KEY_REUSED
    assert refusal.metadata["field"] == field
    assert len(desk.book.changes) == changes


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        pytest.param(name, fields, id=f"{name}: {next(iter(fields))}")
        for name, rows in NOT_COMPARED.items()
        for fields in rows
    ],
)
def test_another_value_beside_the_request_is_a_replay(name: str, fields: dict[str, Any]) -> None:
    desk = played(name)
    changes = len(desk.book.changes)
    assert desk.accepted(replace(FIRST[name], **fields)).replayed
    assert len(desk.book.changes) == changes


# Those whose ids share one namespace: a source's own.
CALLERS_OWN = ("bet", "win", "rollback", "void", "bet and win", "adjustment", "state")


# A rollback and a void are one call, told apart by what they name.
PAIRS = [pair for pair in permutations(CALLERS_OWN, 2) if set(pair) != {"rollback", "void"}]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_an_id_used_for_another_call_is_refused(first: str, second: str) -> None:
    desk = played(first)
    refusal = desk.refused(FIRST[second])
    assert refusal.reason is Reason.IDEMPOTENCY_KEY_REUSED
    assert refusal.metadata["field"] == "call"


@pytest.mark.parametrize("name", ["bet", "promotion", "rollback", "void", "bet and win", "adjustment", "state"])
def test_the_same_id_of_another_source_is_another_transaction(name: str) -> None:
    desk = Desk.after([*BEFORE, FIRST[name] if name != "state" else state("x", PlayerState.ACTIVE)])
    assert not desk.accepted(replace(FIRST[name], source=OTHER_GAMES)).replayed


@pytest.mark.parametrize("name", ["reservation", "settlement", "failure", "deposit"])
def test_deposits_and_withdrawals_are_one_namespace_for_all_sources(name: str) -> None:
    desk = played(name)
    assert desk.accepted(replace(FIRST[name], source=OTHER_GAMES)).replayed


def test_the_first_field_that_differs_is_named() -> None:
    desk = Desk.after([*BEFORE, win("x", 10, of="b0")])
    other = win("x", 11, of="other", player=BOB, network=ETHEREUM, game="g2", round="r2", kind=WinKind.PROMO)
    named = []
    for fields in (
        {},
        {"player_id": 1},
        {"currency_network_id": 1},
        {"amount_minor": 10},
        {"game": GameFacts(game_code="g1", round_id="r2")},
        {"game": GameFacts(game_code="g1", round_id="r1")},
        {"reference_transaction_id": "b0"},
    ):
        other = replace(other, **fields)
        named.append(desk.refused(other).metadata["field"])
    assert named == [
        "player_id",
        "currency_network_id",
        "amount_minor",
        "game_code",
        "round_id",
        "reference_transaction_id",
        "win_kind",
    ]


def test_each_fact_that_a_game_tells_is_compared_by_its_name_in_the_request() -> None:
    """One that is added is compared by itself; a row of COMPARED is asked for here, and a field of the request."""
    told = list(GameFacts.__struct_fields__)
    for name in ("bet", "win", "promotion", "bet and win"):
        assert [field for field, fields in COMPARED[name] if "game" in fields] == told
    for request in (pb.BetRequest, pb.WinRequest, pb.BetAndWinRequest):
        assert set(told) <= set(request.DESCRIPTOR.fields_by_name)


def test_a_refusal_is_not_stored() -> None:
    desk = Desk()
    assert desk.refused(bet("x", 10)).reason is Reason.INSUFFICIENT_FUNDS
    desk.accepted(deposit("d", 10))
    assert not desk.accepted(bet("x", 9)).replayed
