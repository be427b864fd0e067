"""Short names for commands to credit wallets, and a desk whose wallets' clocks can be set forward."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from unit.desk import GAMES, Desk

from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.credit.commands import Commit, Credit, Debit, Release, Reserve
from wallet_grpc.domain.credit.state import CreditWallet, WalletAddress, wallet_address, wallet_entry_key
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.refusals import Refusal

LEDGER = "0189abcd-0000-7000-8000-000000000001"
TTL_S = 60


def address(caller_key: str = "purse") -> WalletAddress:
    found = wallet_address(f"{LEDGER}:{caller_key}")
    assert found is not None
    return found


PURSE, OTHER = address(), address("other")


def credit(transaction_id: str, amount: int = 100, wallet: WalletAddress = PURSE) -> Credit:
    return Credit(source=GAMES, wallet=wallet, transaction_id=transaction_id, amount_minor=amount)


def debit(transaction_id: str, amount: int = 10) -> Debit:
    return Debit(source=GAMES, wallet=PURSE, transaction_id=transaction_id, amount_minor=amount)


def reserve(transaction_id: str, amount: int = 40, ttl_s: int = TTL_S) -> Reserve:
    return Reserve(source=GAMES, wallet=PURSE, transaction_id=transaction_id, amount_minor=amount, ttl_s=ttl_s)


def commit(reservation: str, amount: int | None = None, wallet: WalletAddress = PURSE) -> Commit:
    key = wallet_entry_key(PURSE.wallet_id, reservation)
    return Commit(source=GAMES, wallet=wallet, reservation_key=key, amount_minor=amount)


def release(reservation: str) -> Release:
    return Release(source=GAMES, wallet=PURSE, reservation_key=wallet_entry_key(PURSE.wallet_id, reservation))


class CreditDesk(Desk):
    """A desk whose wallets' clocks can be set forward."""

    __slots__ = ()

    @property
    def wallet(self) -> CreditWallet:
        return self.book.credit.wallets[PURSE.wallet_id]

    def all(self, *commands: Command) -> CreditDesk:
        for command in commands:
            outcome = self.send(command)
            assert not isinstance(outcome, Refusal), f"{command}: {outcome}"
        return self

    def later(self, seconds: int) -> CreditDesk:
        """Do what a load at a later time does: what is over by then holds nothing."""
        wallet = self.wallet
        before, wallet.now = wallet.now, wallet.now + timedelta(seconds=seconds)
        wallet.held_minor -= sum(
            it.amount_minor
            for it in wallet.reservations.values()
            if it.state == "OPEN" and before < it.expires_at <= wallet.now
        )
        return self


def told(outcome: Outcome) -> tuple[Any, ...]:
    """Give what an outcome comes down to."""
    if isinstance(outcome, Refusal):
        return (outcome.reason, *([outcome.metadata["field"]] if "field" in outcome.metadata else []))
    return (outcome.status, outcome.balance_minor, outcome.available_minor)  # type: ignore[union-attr]
