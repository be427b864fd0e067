"""What is counted of calls, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from wallet_grpc.domain.refusals import Reason
from wallet_grpc.tallies import SHORT_S, Spread, Spreads, Tallies

from .status import code_of

CANCELLED = "CANCELLED"
"""In the place of a reason: the caller has given up, or its connection is gone."""
OVER = "OVER"
"""In the place of a reason: a stream has lasted as long as it may, or its server stops; its caller opens another."""
NOT_FOUND = "NOT_FOUND"
"""In the place of a reason: health was asked of a service that there is not."""
_UNKNOWN = "other/other"
"""In the place of every method that is not served, so that nobody can add series."""
_UNIMPLEMENTED = "UNIMPLEMENTED"


_OF_KEYS = frozenset({Reason.CALLER_UNKNOWN, Reason.CALL_NOT_ALLOWED, Reason.ENVIRONMENT_MISMATCH})
_FAILURES = (Reason.INTERNAL, Reason.DATABASE_UNAVAILABLE, Reason.OUTCOME_UNKNOWN, Reason.CONFLICT)
"""What alerts look for at every method, so that it is shown before it comes."""
_Ended = tuple[str, str | None]
"""What a call that has ended is counted by: its method, and why it was refused or failed."""


class CalledMethod:
    """What is counted of the calls of one method."""

    __slots__ = ("_calls", "_name", "_seconds")

    def __init__(self, name: str, calls: Tallies[_Ended], seconds: Spread) -> None:
        self._name = name
        self._calls = calls
        self._seconds = seconds

    def ended(self, reason: str | None, seconds: float) -> None:
        """Count a call. `reason` tells why it was refused or failed; None where it was answered."""
        self._calls.add((self._name, reason))
        self._seconds.note(seconds)

    def stream_ended(self, reason: str | None) -> None:
        """Count a stream; it lasts as long as its caller wants, so its time tells nothing."""
        self._calls.add((self._name, reason))


class CallMetrics:
    """The counters of calls in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls: Tallies[_Ended] = Tallies(
            "wallet_calls",
            "Calls that have ended, by the status that they ended with, and its reason",
            ("service", "method", "code", "reason"),
            labels_of=_labels_of,
            registry=registry,
        )
        self._seconds = Spreads(
            "wallet_call_seconds",
            "From a call's headers to its status; of streams nothing",
            ("service", "method"),
            bounds=SHORT_S,
            registry=registry,
        )
        self._key_refusals = Counter(
            "wallet_key_refusals",
            "Calls and streams refused for their key, by reason",
            ["reason"],
            registry=registry,
        )
        for reason in _OF_KEYS:
            self._key_refusals.labels(reason)
        self.undecodable = Counter(
            "wallet_undecodable_messages", "Messages of callers that are no protobuf of their kind", registry=registry
        )
        self.refused_full = Counter(
            "wallet_calls_full", "Calls refused because as many are held as may be", registry=registry
        )
        self.refused_open = Counter(
            "wallet_open_calls_full",
            "Calls without a key (health, reflection) that gave way, or found no place in their small share",
            registry=registry,
        )

    def of(self, service: str, method: str) -> CalledMethod:
        """Give what counts the calls of a method, by the names that the proto gives."""
        name = f"{service}/{method}"
        for reason in _FAILURES:
            self._calls.begin((name, reason))
        return CalledMethod(name, self._calls, self._seconds.of(service, method))

    def refused(self, reason: Reason) -> None:
        """Count a call or a stream that is refused, if it is for its key."""
        if reason in _OF_KEYS:
            self._key_refusals.labels(reason).inc()

    def not_served(self) -> None:
        """Count a call of a method that there is not."""
        self._calls.add((_UNKNOWN, _UNIMPLEMENTED))


def _labels_of(ended: _Ended) -> tuple[str, str, str, str]:
    name, reason = ended
    service, _, method = name.partition("/")
    match reason:
        case None:
            return service, method, "OK", ""
        case "CANCELLED" | "OVER" | "NOT_FOUND" | "UNIMPLEMENTED":
            return service, method, reason, ""
        case _:
            return service, method, code_of(Reason(reason)).name, reason
