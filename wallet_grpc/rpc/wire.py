"""The wire spells the domain's words: enums, times and rounds as the protos have them, for every service.

What one service alone speaks stands in `rpc/{capability}/requests.py` and `rpc/{capability}/answers.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, invalid
from wallet_grpc.domain.transactions import OutcomeStatus, TransactionStatus, WinKind
from wallet_grpc.store.reads.players import RoundTotals

_NANOS_MAX = 999_999_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

WIN_KINDS = {
    pb.WIN_KIND_REGULAR: WinKind.REGULAR,
    pb.WIN_KIND_FREE_ROUND: WinKind.FREE_ROUND,
    pb.WIN_KIND_JACKPOT: WinKind.JACKPOT,
    pb.WIN_KIND_PROMO: WinKind.PROMO,
}
WIN_KIND_NUMBERS = {kind: number for number, kind in WIN_KINDS.items()}
assert set(WIN_KIND_NUMBERS) == set(WinKind)

OUTCOME_STATUSES = {
    OutcomeStatus.APPLIED: pb.OPERATION_STATUS_APPLIED,
    OutcomeStatus.VOIDED: pb.OPERATION_STATUS_VOIDED,
    OutcomeStatus.ALREADY_ROLLED_BACK: pb.OPERATION_STATUS_ALREADY_ROLLED_BACK,
}
"""How an operation came out."""
assert set(OUTCOME_STATUSES) == set(OutcomeStatus)

STORED_STATUSES = {
    TransactionStatus.APPLIED: pb.OPERATION_STATUS_APPLIED,
    TransactionStatus.VOIDED: pb.OPERATION_STATUS_VOIDED,
    TransactionStatus.TOMBSTONE: pb.OPERATION_STATUS_VOIDED,
}
"""How a transaction that is read stands."""
assert set(STORED_STATUSES) == set(TransactionStatus)


def fill_timestamp(moment: datetime, timestamp: Timestamp) -> None:
    """Fill a time into a message."""
    timestamp.seconds = int(moment.timestamp())
    timestamp.nanos = moment.microsecond * 1000


def moment_of(timestamp: Timestamp, name: str) -> datetime:
    """Read a time to the microsecond, which is what the ledger keeps."""
    if not 0 <= timestamp.nanos <= _NANOS_MAX:
        raise MalformedError(invalid(Reason.INVALID_FIELD, name, f"its nanos must be 0 to {_NANOS_MAX:,}"))
    try:
        return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    except OverflowError as error:
        raise MalformedError(invalid(Reason.INVALID_FIELD, name, "must be of the years 1 to 9999")) from error


def game_round(totals: RoundTotals) -> pb.GetRoundResponse:
    """Render a round's totals, whether it was played from the balance or within a session."""
    return pb.GetRoundResponse(
        closed=totals.closed,
        bets_minor=str(totals.bets_minor),
        wins_minor=str(totals.wins_minor),
        rolled_back_bets_minor=str(totals.rolled_back_bets_minor),
        rolled_back_wins_minor=str(totals.rolled_back_wins_minor),
        transactions=totals.transactions,
    )
