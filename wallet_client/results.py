"""Results: what an accepted call tells."""

from __future__ import annotations

from dataclasses import dataclass

from wallet.v1 import session_pb2, wallet_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A bet, win or rollback that the wallet has recorded."""

    transaction_id: str
    status: str
    """APPLIED, VOIDED (a rollback that came first) or ALREADY_ROLLED_BACK."""
    replayed: bool
    """Whether an earlier sending had been recorded already: nothing moved this time."""
    balance_after_minor: int
    """The balance right after it: the session's, or MAIN outside a session and for a late one."""
    current_balance_minor: int
    tx_id: str = ""
    """The ledger's transaction; empty inside a session, whose journal keeps it."""
    late: bool = False
    """Whether it came after its session was settled, and moved MAIN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What a session came to."""

    payout_minor: int
    net_minor: int
    """What the player won, or lost where it is negative."""
    open_rounds: int
    tx_id: str
    replayed: bool


def played_of(result: wallet_pb2.OperationResult | session_pb2.SessionResult) -> Played:
    """Read what is recorded of a bet, win or rollback, in a session or outside."""
    return Played(
        transaction_id=result.transaction_id,
        status=wallet_pb2.OperationStatus.Name(result.status).removeprefix("OPERATION_STATUS_"),
        replayed=result.replayed,
        balance_after_minor=int(result.balance_after_minor),
        current_balance_minor=int(result.current_balance_minor),
        tx_id=getattr(result, "tx_id", ""),
        late=getattr(result, "late", False),
    )


def settlement_of(settled: session_pb2.SettleSessionResponse) -> Settlement:
    """Read what a session came to."""
    return Settlement(
        payout_minor=int(settled.payout_minor),
        net_minor=int(settled.net_minor),
        open_rounds=settled.open_rounds,
        tx_id=settled.tx_id,
        replayed=settled.replayed,
    )
