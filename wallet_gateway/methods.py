"""The calls of the contract by their HTTP path, and how their messages are read and written: protobuf or JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from wallet.v1 import credit_wallet_pb2, ledger_pb2, session_pb2, wallet_pb2

from .json_requests import read_message

_LONG_BYTES = 64 * 1024
"""JSON that is longer is read and written in a thread, so that others' calls go on meanwhile."""


class Codec(Enum):
    """How messages are written."""

    PROTO = "proto"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A call of the contract."""

    path: str
    """`/wallet.v1.WalletService/Bet`, over gRPC as over HTTP."""
    request: type[Message]
    response: type[Message]
    streams: bool
    """Whether both sides stream."""

    async def to_wire(self, body: bytes, codec: Codec) -> bytes:
        """Give a request as the wallet reads it; what comes in protobuf goes on as it came.

        Raises:
            RefusedError: The body is no such request.
        """
        if codec is Codec.PROTO:
            return body
        if len(body) > _LONG_BYTES:
            return await asyncio.to_thread(self._parsed, body)
        return self._parsed(body)

    async def from_wire(self, raw: bytes, codec: Codec) -> bytes:
        """Give an answer as the caller reads it."""
        if codec is Codec.PROTO:
            return raw
        if len(raw) > _LONG_BYTES:
            return await asyncio.to_thread(self._printed, raw)
        return self._printed(raw)

    def _parsed(self, body: bytes) -> bytes:
        return read_message(body, self.request).SerializeToString()

    def _printed(self, raw: bytes) -> bytes:
        message = self.response.FromString(raw)
        return MessageToJson(message, indent=None, always_print_fields_with_no_presence=True).encode()


def _methods() -> Iterator[Method]:
    for file in (wallet_pb2, session_pb2, credit_wallet_pb2, ledger_pb2):
        described: Any = file.DESCRIPTOR
        message_class: Callable[[Any], type[Message]] = GetMessageClass
        for service in described.services_by_name.values():
            for method in service.methods:
                assert method.client_streaming == method.server_streaming, method.full_name
                yield Method(
                    path=f"/{service.full_name}/{method.name}",
                    request=message_class(method.input_type),
                    response=message_class(method.output_type),
                    streams=method.client_streaming,
                )


METHODS: dict[str, Method] = {method.path: method for method in _methods()}
"""Every call of the four services."""
