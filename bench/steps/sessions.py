"""Sessions under load: bets in many open ones, then their settlements, which cost the same however much was played."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median

import grpc

from bench.clients.orders import Content
from bench.clients.workloads import NETWORK_ID
from bench.steps.audit import Ledgered
from bench.steps.plan import FULL, SESSIONS
from bench.steps.players import (
    alone_as,
    alone_order,
    batch_order,
    paced_as,
    paced_windows,
    rate_of,
    stream_order,
)
from bench.steps.testbed import Testbed
from wallet.v1 import session_pb2 as pb
from wallet.v1 import session_pb2_grpc

_LOCK_MINOR = 10**14
_BATCH = 100
_LONG_BATCH = 1_000
_IN_FLIGHT = 4
_TIMEOUT_S = 30.0
_SAMPLES = 5
_LONG_SAMPLES = 3
"""Sessions of each length that are settled one by one; the longest take long to play."""
_OPENING_ENTRIES, _SETTLEMENT_ENTRIES = 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Bets in 2,000 open sessions, three ways; then all are settled; then sessions of three lengths, one by one."""

    name: str = "sessions"

    def run(self, testbed: Testbed) -> None:
        """Measure on one database."""
        plan = testbed.plan
        with (
            testbed.workbench(self.name) as bench,
            house_of(bench.wallet.address, bench.testbed.key, bench.ledgered) as house,
        ):
            tokens = house.open(range(1, SESSIONS + 1))
            for name, order, record in (
                ("session batch", batch_order(plan), rate_of("session_batch_bets_per_s")),
                ("session stream", stream_order(plan), rate_of("session_stream_bets_per_s")),
                ("session alone", alone_order(plan), alone_as("session_unary")),
                *(("session paced", order, paced_as("session_paced_p99_ms")) for order in paced_windows(plan)),
            ):
                played = replace(order, content=Content.SESSION_BETS, session_tokens=tokens, prefix=f"x{order.prefix}")
                record(testbed.results, bench.measure(name, played))
            testbed.server.checkpoint()
            took_s = house.settle(tokens)
            testbed.results.add("session_settle_per_s", len(tokens) / took_s, remark=f"{len(tokens):,} sessions")
            for figure, bets in (
                ("session_settle_10_ms", 10),
                ("session_settle_1k_ms", 1_000),
                ("session_settle_100k_ms", plan.settled_bets),
            ):
                samples = _SAMPLES if bets <= _LONG_BATCH else _LONG_SAMPLES
                took_ms = house.settle_long(range(SESSIONS + 1, SESSIONS + 1 + samples), bets)
                note = f"median of {samples}: {', '.join(f'{sample:.2f}' for sample in took_ms)} ms; {bets:,} bets each"
                testbed.results.add(figure, median(took_ms), note, decides=plan is FULL)


@dataclass(slots=True)
class House:
    """A game that opens and settles sessions of one database, and counts what its ledger must hold."""

    stub: session_pb2_grpc.LedgerSessionServiceStub
    metadata: tuple[tuple[str, str], ...]
    ledgered: Ledgered
    _opened: int = 0

    def open(self, player_ids: Sequence[int]) -> list[str]:
        """Open a session for each player."""
        requests = []
        for player_id in player_ids:
            self._opened += 1
            requests.append(
                pb.OpenSessionRequest(
                    transaction_id=f"open-{self._opened:012d}",
                    player_id=player_id,
                    currency_network_id=NETWORK_ID,
                    game_code="studio-1:game-1",
                    lock_amount_minor=str(_LOCK_MINOR),
                )
            )
        outcomes = self._execute([pb.SessionOperation(open_session=request) for request in requests], size=_BATCH)
        self.ledgered.transactions["SESSION_OPENING"] += len(requests)
        self.ledgered.entries += _OPENING_ENTRIES * len(requests)
        return [outcome.session.session_token for outcome in outcomes]

    def settle(self, tokens: Sequence[str]) -> float:
        """Settle sessions that were played; returns how long it took, in seconds."""
        operations = [
            pb.SessionOperation(settle_session=pb.SettleSessionRequest(session_token=token)) for token in tokens
        ]
        began = time.perf_counter()
        outcomes = self._execute(operations, size=_BATCH)
        took_s = time.perf_counter() - began
        self._count([outcome.settlement for outcome in outcomes])
        return took_s

    def settle_long(self, player_ids: Sequence[int], bets: int) -> list[float]:
        """Play sessions of so many bets, and settle them one by one; returns how long each took, in ms."""
        tokens = self.open(player_ids)
        operations = [
            pb.SessionOperation(
                bet=pb.SessionBetRequest(
                    session_token=token, transaction_id=f"b{number}", round_id=f"r{number}", amount_minor="1"
                )
            )
            for number in range(bets)
            for token in tokens
        ]
        self._execute(operations, size=_LONG_BATCH)
        self.ledgered.session_bets += len(operations)
        took_ms = []
        settled = []
        for token in tokens:
            began = time.perf_counter()
            settled.append(
                self.stub.SettleSession(
                    pb.SettleSessionRequest(session_token=token), metadata=self.metadata, timeout=_TIMEOUT_S
                )
            )
            took_ms.append((time.perf_counter() - began) * 1000)
        self._count(settled)
        return took_ms

    def _count(self, settled: Sequence[pb.SettleSessionResponse]) -> None:
        self.ledgered.transactions["SESSION_SETTLEMENT"] += len(settled)
        for settlement in settled:
            self.ledgered.entries += _SETTLEMENT_ENTRIES - (settlement.net_minor == "0")

    def _execute(self, operations: Sequence[pb.SessionOperation], *, size: int) -> list[pb.SessionOutcome]:
        """Execute operations in batches, a few at once; every one must be accepted."""
        batches = [
            pb.ExecuteSessionBatchRequest(operations=operations[start : start + size])
            for start in range(0, len(operations), size)
        ]
        with ThreadPoolExecutor(_IN_FLIGHT) as pool:
            answers = list(pool.map(self._send, batches))
        outcomes = [outcome for answer in answers for outcome in answer.outcomes]
        refused = next((outcome.error for outcome in outcomes if outcome.HasField("error")), None)
        if refused is not None:
            raise RuntimeError(f"refused: {refused.message}")
        return outcomes

    def _send(self, batch: pb.ExecuteSessionBatchRequest) -> pb.ExecuteSessionBatchResponse:
        answer: pb.ExecuteSessionBatchResponse = self.stub.ExecuteBatch(
            batch, metadata=self.metadata, timeout=_TIMEOUT_S
        )
        return answer


@contextmanager
def house_of(address: str, key: str, ledgered: Ledgered) -> Iterator[House]:
    """Reach the wallet at an address for a block."""
    metadata = (("authorization", f"Bearer {key}"),)
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield House(session_pb2_grpc.LedgerSessionServiceStub(channel), metadata, ledgered)
