"""Events: which a mutation tells, their sequence, and their data as JSON (docs/rules.md, Events)."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.desk import (
    ANN,
    BOB,
    ETHEREUM,
    TRON,
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

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.events import EventType
from wallet_grpc.domain.transactions import Direction, WinKind
from wallet_grpc.store.queues.event_data import NetworkNames, event_data

USDT = NetworkNames("USDT", "TRON")
BEFORE = (deposit("d0", 1000), bet("b0", 50), reserve("p0", 50))
ID = "00000000-0000-7000-8000-"
NOON = "2024-06-01T12:00:00Z"


def told(command: Command) -> list[dict[str, Any]]:
    """Give the data of the events of a command, without what all of them have."""
    desk = Desk.after(BEFORE)
    shared = {"source": "games", "playerId": ANN, "occurredAt": NOON}
    network = {"currencyNetworkId": TRON, "currency": "USDT", "network": "TRON"}
    found = []
    for event in desk.events(command):
        data = json.loads(event_data(event, None if event.transaction.currency_network_id is None else USDT, NOON))
        expected = shared | ({} if event.balance_after_minor is None else network)
        assert expected.items() <= data.items()
        own = {name: value for name, value in data.items() if name not in expected}
        assert own.pop("transactionId") == event.transaction.reference
        found.append({"type": event.event_type.value, "sequence": event.sequence, **own})
    return found


def moved(
    event_type: str, sequence: int, amount: int, balance: int, *, tx: int = 4, **rest: object
) -> Mapping[str, Any]:
    return {
        "type": event_type,
        "sequence": sequence,
        "txId": f"{ID}{tx:012x}",
        "amountMinor": str(amount),
        "balanceAfterMinor": str(balance),
        **rest,
    }


IN_ROUND = {"gameCode": "g1", "roundId": "r1"}
# MAIN stands at 900 and has had three postings.
CASES: dict[str, tuple[Command, list[Mapping[str, Any]]]] = {
    "bet": (bet("x", 10), [moved("wallet.bet.placed", 4, 10, 890, **IN_ROUND)]),
    "free spin": (bet("x", 0), [moved("wallet.bet.placed", 3, 0, 900, **IN_ROUND)]),
    "win": (
        win("x", 10, of="b0"),
        [moved("wallet.win.credited", 4, 10, 910, **IN_ROUND, winKind="REGULAR", referenceTransactionId="b0")],
    ),
    "loss": (
        win("x", 0, of="b0"),
        [moved("wallet.win.credited", 3, 0, 900, **IN_ROUND, winKind="REGULAR", referenceTransactionId="b0")],
    ),
    "jackpot": (
        win("x", 10, kind=WinKind.JACKPOT, game="", round=""),
        [moved("wallet.win.credited", 4, 10, 910, winKind="JACKPOT")],
    ),
    "bet and win": (
        bet_and_win("x", 10, 30),
        [
            moved("wallet.bet.placed", 4, 10, 890, **IN_ROUND),
            moved("wallet.win.credited", 5, 30, 920, **IN_ROUND),
        ],
    ),
    "bet and no win": (
        bet_and_win("x", 10, 0),
        [moved("wallet.bet.placed", 4, 10, 890, **IN_ROUND), moved("wallet.win.credited", 4, 0, 890, **IN_ROUND)],
    ),
    "rollback": (
        rollback("x", of="b0"),
        [
            moved(
                "wallet.transaction.rolled_back",
                4,
                50,
                950,
                **IN_ROUND,
                referenceTransactionId="b0",
                reversesTxId=f"{ID}000000000002",
            )
        ],
    ),
    "void": (rollback("x", of="unseen"), []),
    "reservation": (reserve("x", 10), [moved("wallet.withdrawal.reserved", 4, 10, 890, withdrawalId="x")]),
    "settlement": (
        settle("p0", 1, tx_hash="0x1"),
        [moved("wallet.withdrawal.settled", 3, 50, 900, withdrawalId="p0", feeMinor="1", txHash="0x1")],
    ),
    "failure": (
        fail("p0", reason="no such address"),
        [moved("wallet.withdrawal.failed", 4, 50, 950, withdrawalId="p0", reason="no such address")],
    ),
    "deposit": (
        deposit("x", 10, tx_hash="0x1", output_index=0),
        [moved("wallet.deposit.applied", 4, 10, 910, depositId="x", txHash="0x1", outputIndex=0)],
    ),
    "credit": (
        adjust("x", 10),
        [moved("wallet.adjustment.applied", 4, 10, 910, direction="CREDIT", reason="a gift", actor="ana")],
    ),
    "debit": (
        adjust("x", 10, Direction.DEBIT),
        [moved("wallet.adjustment.applied", 4, 10, 890, direction="DEBIT", reason="a gift", actor="ana")],
    ),
    "state": (
        state("x", PlayerState.BLOCKED),
        [
            {
                "type": "wallet.player.state_changed",
                "sequence": 4,
                "state": "BLOCKED",
                "reason": "asked",
                "actor": "ana",
            }
        ],
    ),
}


@pytest.mark.parametrize(("command", "events"), CASES.values(), ids=CASES)
def test_tells(command: Command, events: list[Mapping[str, Any]]) -> None:
    assert told(command) == events


def test_every_type_of_event_is_told_by_some_case() -> None:
    elsewhere = {EventType.SESSION_OPENED, EventType.SESSION_SETTLED}  # tests/rpc/test_session_events.py
    told_here = {event["type"] for _, events in CASES.values() for event in events}
    assert told_here == {kind.value for kind in EventType} - elsewhere


def test_sequence_grows_by_one_with_each_posting_on_main_of_one_network() -> None:
    desk = Desk()
    sequences = [
        desk.events(command)[-1].sequence
        for command in (
            deposit("d"),
            bet("b"),
            deposit("other network", network=ETHEREUM),
            deposit("other player", player=BOB),
            bet_and_win("bw"),
            rollback("r", of="b"),
        )
    ]
    assert sequences == [1, 2, 1, 1, 4, 5]


printable = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=256)


@given(reason=printable.filter(bool), actor=printable.filter(bool), names=st.tuples(printable, printable))
def test_data_is_json_whatever_people_wrote(reason: str, actor: str, names: tuple[str, str]) -> None:
    (event,) = Desk().events(adjust("x", reason=reason, actor=actor))
    text = event_data(event, NetworkNames(*names), NOON)
    data = json.loads(text)
    assert (data["reason"], data["actor"], data["currency"], data["network"]) == (reason, actor, *names)


def test_amounts_are_strings_of_any_size() -> None:
    (event,) = Desk().events(deposit("x", 10**37))
    data = json.loads(event_data(event, USDT, NOON))
    assert data["amountMinor"] == data["balanceAfterMinor"] == str(10**37)
