"""The ledgers that a process keeps in mind: for those who may use them alone."""

import asyncio
from datetime import UTC, datetime

import pytest

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId, OwnerId, Source
from wallet_grpc.domain.ledgers.state import Ledger, LedgerId
from wallet_grpc.store.reads.ledgers import LedgerDirectory

OURS = Ledger(
    ledger_id=LedgerId("01890000-0000-7000-8000-000000000001"),
    owner_id=OwnerId(-1),
    source=Source("credit"),
    name="tokens",
    currency_network_id=CurrencyNetworkId(1),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
MISSING = LedgerId("01890000-0000-7000-8000-00000000dead")


class CountedLookUps:
    """What is asked of the database."""

    def __init__(self) -> None:
        self.asked: list[LedgerId] = []

    async def ledger(self, ledger_id: LedgerId) -> Ledger | None:
        self.asked.append(ledger_id)
        return OURS if ledger_id == OURS.ledger_id else None


def test_another_sources_ledger_takes_as_long_to_refuse_as_one_that_is_not_there() -> None:
    look_ups = CountedLookUps()
    directory = LedgerDirectory(look_ups)  # type: ignore[arg-type]

    def ask(ledger_id: LedgerId, source: str) -> Ledger:
        return asyncio.run(directory.require(ledger_id, lambda ledger: ledger.source == source))

    for _ in range(3):
        assert ask(OURS.ledger_id, "credit") == OURS
    assert look_ups.asked == [OURS.ledger_id], "its own source's is kept in mind"
    for ledger_id in (OURS.ledger_id, MISSING):
        look_ups.asked.clear()
        for _ in range(3):
            with pytest.raises(MalformedError):
                ask(ledger_id, "other-credit")
        assert look_ups.asked == [ledger_id] * 3
