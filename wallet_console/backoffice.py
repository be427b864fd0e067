"""The wallet as the console reaches it: each request is a call by gRPC, for one operator who is logged in.

Who may change something is served by a key of role `backoffice` that speaks for logins: each call names the operator,
from the session alone, and the trail does so as well. Auditors are served by a key of role `auditor`, so that the
wallet itself refuses what is not theirs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import grpc

from wallet.v1 import (
    backoffice_pb2_grpc,
    credit_wallet_pb2_grpc,
    ledger_pb2_grpc,
    session_pb2_grpc,
    wallet_pb2,
    wallet_pb2_grpc,
)
from wallet_client import WalletError
from wallet_client.errors import error_of_call

from .operators import Operator, OperatorRole
from .settings import ConsoleSettings

OPERATOR_METADATA = "wallet-operator"

_NETWORKS_FOR_S = 30.0
_MESSAGE_BYTES_MAX = 16 * 1024 * 1024
_OPTIONS = [
    ("grpc.enable_http_proxy", 0),  # a proxy of the environment is not for the wallet
    ("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


class Backoffice:
    """A connection to the wallet. Belongs to one event loop."""

    def __init__(self, settings: ConsoleSettings) -> None:
        """Connect at the first call.

        Raises:
            OSError: A file of the certificates cannot be read.
        """
        self._timeout_s = settings.console_call_timeout_ms / 1000
        auditor_key = settings.console_auditor_key
        self._keys = {
            OperatorRole.BACKOFFICE: settings.console_key.get_secret_value(),
            OperatorRole.AUDITOR: None if auditor_key is None else auditor_key.get_secret_value(),
        }
        credentials = _credentials(settings)
        address = settings.console_grpc_address
        self._channel = (
            grpc.aio.insecure_channel(address, options=_OPTIONS)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
        )
        self._stubs: tuple[Any, ...] = (
            backoffice_pb2_grpc.BackofficeServiceStub(self._channel),
            wallet_pb2_grpc.WalletServiceStub(self._channel),
            session_pb2_grpc.LedgerSessionServiceStub(self._channel),
            credit_wallet_pb2_grpc.CreditWalletServiceStub(self._channel),
            ledger_pb2_grpc.LedgerServiceStub(self._channel),
        )
        self._networks: Mapping[int, wallet_pb2.CurrencyNetwork] = {}
        self._networks_until = 0.0

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()

    async def ask(self, request: Any, operator: Operator, *, request_id: str = "") -> Any:
        """Make the call that a request is for, `GetPlayer` for a `GetPlayerRequest`, and give its answer.

        Args:
            request: A message of BackofficeService, or of the service that alone has the call.
            operator: In whose name.
            request_id: What the wallet's log and the trail call it.

        Raises:
            WalletError: The wallet refused, or was not reached in time.
        """
        name = type(request).__name__.removesuffix("Request")
        method = next(found for stub in self._stubs if (found := getattr(stub, name, None)) is not None)
        metadata = [("authorization", f"Bearer {self._keys[operator.role]}")]
        if operator.role is OperatorRole.BACKOFFICE:
            metadata.append((OPERATOR_METADATA, operator.name))
        if request_id:
            metadata.append(("x-request-id", request_id))
        try:
            return await method(request, metadata=metadata, timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            raise error_of_call(error) from None

    async def networks(self, operator: Operator) -> Mapping[int, wallet_pb2.CurrencyNetwork]:
        """Give the currency networks by their numbers: they are asked for every half a minute, and hardly ever change.

        Raises:
            WalletError: They were never read, and the wallet does not answer.
        """
        if time.monotonic() >= self._networks_until:
            try:
                answer = await self.ask(wallet_pb2.ListCurrencyNetworksRequest(), operator)
            except WalletError:
                if not self._networks:
                    raise
            else:
                self._networks = {found.currency_network_id: found for found in answer.currency_networks}
                self._networks_until = time.monotonic() + _NETWORKS_FOR_S
        return self._networks


def _credentials(settings: ConsoleSettings) -> grpc.ChannelCredentials | None:
    if settings.console_grpc_ca_file is None:
        return None
    certificate, key = settings.console_grpc_cert_file, settings.console_grpc_key_file
    return grpc.ssl_channel_credentials(
        root_certificates=settings.console_grpc_ca_file.read_bytes(),
        private_key=None if key is None else key.read_bytes(),
        certificate_chain=None if certificate is None else certificate.read_bytes(),
    )
