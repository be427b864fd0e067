"""The echo: a bare grpc.aio server for WalletService.Bet that stores nothing.

`python -m bench.yardsticks.echo_server ADDRESS` serves it.

The yardstick of what gRPC in Python costs: the wallet's own messages, parsed and built, on the wallet's event loop
(uvloop), and nothing in between: no key is checked, nothing is queued, nothing is stored.
"""

import asyncio
import os
import sys
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


async def serve(address: str) -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        bet, request_deserializer=pb.BetRequest.FromString, response_serializer=pb.OperationResult.SerializeToString
    )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, {"Bet": handler})])
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def main() -> None:
    """Serve on the address given, until standard input closes."""
    end_with_parent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1]))


if __name__ == "__main__":
    main()
