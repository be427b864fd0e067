"""Answers about a moment in the past, under load: asked again, they are the same (acceptance case 57)."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from support.credit import credit_of
from support.database import Installation
from support.http_api import ApiServer
from support.requests import fresh_id
from support.wallet import Wallet

from wallet.v1 import ledger_pb2

_BALANCES, _HISTORIES = 60, 25
"""How often the past is asked for under load."""
_WRITERS = 6
_LEGS = (("A", "1"), ("B", "-1"))


@contextmanager
def under_load(write: Sequence[Callable[[], object]]) -> Iterator[None]:
    """Call each of these again and again while the block runs."""
    over = threading.Event()

    def run(once: Callable[[], object]) -> None:
        while not over.is_set():
            once()

    threads = [threading.Thread(target=run, args=(once,), daemon=True) for once in write]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_case_57_a_ledger_accounts_balance_at_a_moment(wallet: Wallet) -> None:
    credit = credit_of(wallet)
    ledger = credit.ledger()

    def post() -> None:
        legs = [ledger_pb2.JournalPosting(account_code=code, amount_minor=amount) for code, amount in _LEGS]
        credit.call(
            ledger_pb2.PostJournalEntryRequest(ledger_id=ledger, transaction_id=fresh_id("entry"), postings=legs)
        )

    def balance_at(moment: datetime) -> str:
        at = Timestamp()
        at.FromDatetime(moment)
        return str(
            credit.call(ledger_pb2.GetLedgerAccountRequest(ledger_id=ledger, account_code="A", at=at)).balance_minor
        )

    asked: list[tuple[datetime, str]] = []
    with under_load([post] * _WRITERS):
        while len(asked) < _BALANCES:
            moment = datetime.now(UTC) - timedelta(milliseconds=len(asked) % 20)
            asked.append((moment, balance_at(moment)))
    assert [(moment, balance_at(moment)) for moment, _ in asked] == asked
    assert int(asked[-1][1]) > 0


def test_a_moment_that_is_far_ahead_is_refused(wallet: Wallet) -> None:
    credit = credit_of(wallet)
    at = Timestamp()
    at.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    request = ledger_pb2.GetLedgerAccountRequest(ledger_id=credit.ledger(), account_code="A", at=at)
    credit.refused(request, "INVALID_FIELD", field="at")


@pytest.mark.parametrize("back_ms", [0, 30])
def test_case_57_a_players_history_up_to_a_moment(wallet: Wallet, installation: Installation, back_ms: int) -> None:
    player = wallet.player("1000000")
    asked: list[tuple[str, list[str]]] = []

    def ids_until(api: ApiServer, moment: str) -> list[str]:
        return [item["tx_id"] for item in api.history(player.player_id, to=moment, limit=200)]

    with ApiServer(installation) as api:
        with under_load([lambda: wallet.applied(player.bet("1"))] * 3):
            while len(asked) < _HISTORIES:
                moment = (datetime.now(UTC) - timedelta(milliseconds=back_ms)).isoformat()
                asked.append((moment, ids_until(api, moment)))
        assert [(moment, ids_until(api, moment)) for moment, _ in asked] == asked
        far = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        assert len(ids_until(api, far)) >= len(asked[-1][1])  # a period that goes on is answered as it is now
