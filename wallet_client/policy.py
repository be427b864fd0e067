"""The retry policy of gRPC's own clients: `protos/wallet/v1/service_config.json`, as Python (docs/calling.md).

It stands here as well, since the client's wheel has no protos; a test holds the two together.
"""

from __future__ import annotations

from typing import Any, Final

RETRY_POLICY: Final[dict[str, Any]] = {
    "methodConfig": [
        {
            "name": [
                {"service": "wallet.v1.WalletService"},
                {"service": "wallet.v1.LedgerSessionService"},
                {"service": "wallet.v1.CreditWalletService"},
                {"service": "wallet.v1.LedgerService"},
                {"service": "wallet.v1.BackofficeService"},
            ],
            "waitForReady": True,
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED"],
            },
        }
    ]
}
"""For the channel option `grpc.service_config`, as JSON. A call that meets a server which stops is sent again as it is;
one that meets no server waits for one until its deadline, which every call must have."""
