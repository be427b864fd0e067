"""The echo: a bare grpc.aio server for WalletService that stores nothing: Bet, and Execute at a given rate.

`python -m bench.yardsticks.echo_server ADDRESS [STREAMED_PER_S]` serves it.

The yardstick of what gRPC in Python costs: the wallet's own messages, parsed and built, on the wallet's event loop
(uvloop), and nothing in between: no key is checked, nothing is queued, nothing is stored.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # read when grpc is imported

import grpc
import uvloop
from google.protobuf.timestamp_pb2 import Timestamp

from bench.clients.end_with_parent import end_with_parent
from wallet.v1 import wallet_pb2 as pb

_SERVICE = "wallet.v1.WalletService"
_CREATED_AT = Timestamp(seconds=1_700_000_000, nanos=123_456_000)
_BALANCE = "999999999990000"
_STREAMED_PER_S = 1_000.0
_LATE_S_MAX = 0.02
"""How far streams that came late are caught up with: they are answered in bunches, as the wallet's batches are."""
_TX_ID = "0190a5d4-7a3c-7cc1-9b1e-6f1f2a3b4c5d"


async def bet(request: pb.BetRequest, _context: Any) -> pb.OperationResult:
    """Echo the id, in a result of the usual size."""
    return pb.OperationResult(
        tx_id=_TX_ID,
        transaction_id=request.transaction_id,
        status=pb.OPERATION_STATUS_APPLIED,
        balance_after_minor=_BALANCE,
        current_balance_minor=_BALANCE,
        created_at=_CREATED_AT,
    )


class PacedStreams:
    """Streams of bets, of which all together so many operations a second are read and answered."""

    def __init__(self, per_second: float) -> None:
        self._interval_s = 1 / per_second
        self._due = 0.0

    async def execute(self, operations: AsyncIterator[pb.Operation], context: Any) -> AsyncIterator[pb.Outcome]:
        """Echo each bet's id when it is its time."""
        async for operation in operations:
            self._due = max(self._due + self._interval_s, time.monotonic() - _LATE_S_MAX)
            wait_s = self._due - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            yield pb.Outcome(result=await bet(operation.bet, context))


async def serve(address: str, streamed_per_s: float) -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server()
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Bet": grpc.unary_unary_rpc_method_handler(
            bet, request_deserializer=pb.BetRequest.FromString, response_serializer=pb.OperationResult.SerializeToString
        ),
        "Execute": grpc.stream_stream_rpc_method_handler(
            PacedStreams(streamed_per_s).execute,
            request_deserializer=pb.Operation.FromString,
            response_serializer=pb.Outcome.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, handlers)])
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def main() -> None:
    """Serve on the address given, until standard input closes."""
    end_with_parent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1], float(sys.argv[2]) if sys.argv[2:] else _STREAMED_PER_S))


if __name__ == "__main__":
    main()
