"""The back office as operators have it: its calls under one key, and lists read page by page to their end."""

from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.message import Message

from support.wallet import TIMEOUT_S, Caller, Sender, Wallet
from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import backoffice_pb2_grpc

CALLS = {
    method.input_type.full_name: method.name
    for method in pb.DESCRIPTOR.services_by_name["BackofficeService"].methods  # type: ignore[attr-defined]
}
"""Of each request its call."""
PAGES_MAX = 10_000


class BackofficeCaller(Sender):
    """The calls of BackofficeService, under one key."""

    def __init__(self, caller: Caller, channel: grpc.Channel) -> None:
        self.stub = backoffice_pb2_grpc.BackofficeServiceStub(channel)
        self.credentials = caller.credentials

    def call_once(self, request: Message, *, timeout_s: float = TIMEOUT_S) -> Any:
        name = CALLS[type(request).DESCRIPTOR.full_name]
        return getattr(self.stub, name)(request, metadata=self.credentials, timeout=timeout_s)

    def listed(self, request: Message) -> list[Any]:
        """Read a list to its end, in pages of the size that the request asks for."""
        return [row for page in self.pages(request) for row in page]

    def pages(self, request: Message) -> Iterator[list[Any]]:
        """Read a list page by page."""
        asked = type(request)()
        asked.CopyFrom(request)
        for _ in range(PAGES_MAX):
            answer = self.call(asked)
            yield [row for field, rows in answer.ListFields() if field.name != "next_page_token" for row in rows]
            if not answer.next_page_token:
                return
            asked.page_token = answer.next_page_token
        raise AssertionError(f"{type(request).__name__} has no end")

    def find(self, query: str) -> list[pb.SearchHit]:
        """Search."""
        return list(self.call(pb.SearchRequest(query=query)).hits)


def backoffice_of(wallet: Wallet, name: str = "backoffice") -> BackofficeCaller:
    """Give the back office of a key."""
    return BackofficeCaller(wallet.callers[name], wallet.channel())
