"""What a call is refused with where the database did not answer it."""

from __future__ import annotations

from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.engine.lane import DATABASE_UNAVAILABLE
from wallet_grpc.engine.shares import QUEUE_FULL
from wallet_grpc.store.connection.pool import CellsSilentError, ConnectionsBusyError, DatabaseUnavailableError


def refusal_of_outage(error: DatabaseUnavailableError) -> Refusal:
    """Tell why; cells that were asked in vain are named."""
    if isinstance(error, ConnectionsBusyError):
        return QUEUE_FULL
    if isinstance(error, CellsSilentError):
        return Refusal(
            reason=Reason.DATABASE_UNAVAILABLE,
            message=f"{error}, where it may be; send it again",
            metadata={"cells": ",".join(map(str, error.cells))},
        )
    return DATABASE_UNAVAILABLE
