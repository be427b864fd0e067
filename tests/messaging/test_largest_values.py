"""The schemas of events and of the HTTP API take the largest values that the wallet may tell, and no larger ones."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from unit.desk import Desk, adjust, bet, bet_and_win, deposit, fail, reserve, rollback, settle, win
from unit.session_desk import SessionDesk

from wallet_api.openapi import document
from wallet_grpc.domain.amounts import AMOUNT_DIGITS_MAX, BALANCE_MAX
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.transactions import Direction, WinKind
from wallet_grpc.store.queues.event_data import NetworkNames, event_data

ASYNCAPI = yaml.safe_load((Path(__file__).resolve().parents[2] / "docs/asyncapi.yaml").read_text(encoding="utf-8"))
NAMES = NetworkNames("USDT", "TRON")
AMOUNT_MAX = 10**AMOUNT_DIGITS_MAX - 1
ROOM = deposit("room", BALANCE_MAX - AMOUNT_MAX)
FULL = deposit("full", BALANCE_MAX)
PROMO = WinKind.PROMO

HISTORIES: dict[str, list[Command]] = {
    "deposit": [ROOM, deposit("d", AMOUNT_MAX)],
    "adjustment": [ROOM, adjust("a", AMOUNT_MAX), adjust("b", AMOUNT_MAX, Direction.DEBIT)],
    "win": [ROOM, win("w", AMOUNT_MAX, kind=PROMO)],
    "bet-and-win": [ROOM, bet_and_win("s", AMOUNT_MAX, AMOUNT_MAX), rollback("r", "s")],
    "rollback": [FULL, bet("b", AMOUNT_MAX), rollback("r", "b")],
    "withdrawal": [FULL, reserve("p", AMOUNT_MAX), fail("p"), reserve("q", AMOUNT_MAX), settle("q", AMOUNT_MAX)],
}


def check_told(desk: Desk) -> None:
    """Assert that each event of a desk's changes is one that the document allows."""
    for change in desk.book.changes:
        for event in change.events:
            data = json.loads(event_data(event, NAMES, "2026-01-31T12:00:00Z"))
            reference = f"#/components/schemas/{event.event_type.value}.data"
            schema = Draft7Validator({"$ref": reference, "components": ASYNCAPI["components"]})
            amounts = [name for name in data if name.endswith("Minor") and len(data[name]) > AMOUNT_DIGITS_MAX]
            schema.validate(data)
            for name in amounts:
                assert not schema.is_valid(data | {name: "9" * 61}), name


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_the_largest_amounts_and_balances_fit_the_events(history: list[Command]) -> None:
    desk = Desk()
    for command in history:
        if command in (ROOM, FULL):
            desk.send(command)
            desk.book.changes.clear()  # a deposit that is larger than any: it stands for very many
        else:
            desk.accepted(command)
    check_told(desk)


@pytest.mark.parametrize("won", [True, False])
def test_the_largest_payouts_fit_the_events(*, won: bool) -> None:
    desk = SessionDesk.opened(1 if won else AMOUNT_MAX, funds=1 if won else AMOUNT_MAX)
    desk.book.changes.clear()
    if won:
        desk.all([desk.win("w", BALANCE_MAX - 1, kind=PROMO)])
    else:
        desk.all([desk.bet("b", AMOUNT_MAX)])
    desk.all([desk.settlement()])
    check_told(desk)


@pytest.mark.parametrize(
    ("schema", "name", "signed"),
    [
        *((("Balance", f"{name}_minor", False)) for name in ("available", "withdraw_hold", "session_hold", "total")),
        ("Transaction", "amount_minor", True),
        ("Transaction", "balance_after_minor", False),
    ],
)
def test_the_largest_balances_fit_the_http_api(*, schema: str, name: str, signed: bool) -> None:
    checked: dict[str, Any] = document()["components"]["schemas"][schema]["properties"][name]
    accepts = Draft202012Validator(checked).is_valid
    assert accepts(str(BALANCE_MAX))
    assert not accepts(str(BALANCE_MAX + 1))
    assert accepts(str(-BALANCE_MAX)) is signed
