"""What a load got answered: counted from first call to last for the audit, and within the window for the rate."""

import math
from collections import Counter
from typing import Any

import grpc
from google.rpc import error_details_pb2

from bench.clients.orders import Outcome
from bench.clients.workloads import Item
from wallet.v1 import wallet_pb2 as pb

_APPLIED = pb.OPERATION_STATUS_APPLIED


class Tally:
    """The counts of one load."""

    def __init__(self) -> None:
        self.acknowledged: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.applied = 0
        self.entries = 0
        self.counting = False
        """Whether the window is open: only then latencies are kept."""
        self.latencies_s: list[float] = []

    def result(self, item: Item, result: pb.OperationResult) -> None:
        """Count the answer of a call with one operation."""
        if is_new(result):
            self.applied += 1
            self.entries += item.entries
            self.acknowledged[item.kinds[0]] += 1
        else:
            self.refused[_unwanted(result)] += 1

    def outcome(self, item: Item, outcome: pb.Outcome) -> None:
        """Count an answer of a stream."""
        if outcome.HasField("result"):
            self.result(item, outcome.result)
        else:
            self.refused[_reason(outcome)] += 1

    def batch(self, item: Item, response: pb.ExecuteBatchResponse) -> None:
        """Count the answers of a batch, operation by operation."""
        acknowledged = self.acknowledged
        applied = 0
        for kind, outcome in zip(item.kinds, response.outcomes, strict=True):
            result = outcome.result
            if is_new(result):
                applied += 1
                acknowledged[kind] += 1
            else:
                self.refused[_unwanted(result) if outcome.HasField("result") else _reason(outcome)] += 1
        self.applied += applied
        self.entries += applied * item.entries

    def failure(self, item: Item, error: grpc.aio.AioRpcError) -> None:
        """Count a call that ended without an answer; whether it was applied is not known, so the audit will tell."""
        self.refused[error.code().name] += len(item.kinds)

    def unsent(self, latency_s: float) -> None:
        """Count a call that a paced load could not send; within the window it has the latency of the worst."""
        self.refused["unsent"] += 1
        if self.counting:
            self.latencies_s.append(latency_s)

    def close(self, *, applied_in_window: int, window_s: float) -> Outcome:
        """Return what the load came to."""
        ordered = sorted(self.latencies_s)
        return Outcome(
            applied_in_window=applied_in_window,
            window_s=window_s,
            acknowledged=dict(self.acknowledged),
            entries=self.entries,
            refused=dict(self.refused),
            p50_ms=percentile_ms(ordered, 0.50),
            p99_ms=percentile_ms(ordered, 0.99),
            max_ms=percentile_ms(ordered, 1),
            calls_in_window=len(ordered),
        )


def is_new(result: Any) -> bool:
    """Tell whether an operation was applied now. 1 is APPLIED, and a credit wallet's ACCEPTED; an entry has none."""
    return getattr(result, "status", _APPLIED) == _APPLIED and not getattr(result, "replayed", False)


def percentile_ms(ordered: list[float], share: float) -> float:
    """Return the nearest-rank percentile, in ms; 0 without samples."""
    if not ordered:
        return 0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000


def _unwanted(result: pb.OperationResult) -> str:
    if getattr(result, "replayed", False):
        return "replayed"
    return f"status {getattr(result, 'status', 0)}"


def _reason(outcome: pb.Outcome) -> str:
    info = error_details_pb2.ErrorInfo()
    for detail in outcome.error.details:
        if detail.Unpack(info):
            return str(info.reason)
    return f"status {outcome.error.code}"
