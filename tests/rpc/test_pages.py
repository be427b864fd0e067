"""Pages: bounded in bytes, so that a client with gRPC's own limit reads what has the largest metadata."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from support.credit import CreditCaller
from support.requests import fresh_id
from support.sessions import SessionCaller
from support.wallet import Wallet

from wallet.v1 import ledger_pb2, session_pb2

pytestmark = pytest.mark.parametrize("shared", ["group-commit"], indirect=True)

ENTRIES = 260
PAGE_BYTES_MAX = 3 * 1024 * 1024
LARGEST = {f"{number:02}" + "\N{GRINNING FACE}" * 62: "\N{GRINNING FACE}" * 512 for number in range(32)}
"""As many entries, and as many characters of four bytes each, as metadata may have: 74 kB."""


def all_pages(call: Callable[..., Any], name: str, *, page_size: int) -> list[list[Message]]:
    """Read a list to its end, as a client does that only follows the tokens."""
    pages, token = [], ""
    while True:
        response = call(page_size=page_size, page_token=token)
        assert response.ByteSize() <= PAGE_BYTES_MAX + 100
        rows = list(getattr(response, name))
        assert rows or not token, "an empty page before the end"
        pages.append(rows)
        token = response.next_page_token
        if not token:
            return pages


@pytest.fixture(scope="module")
def default_channel(shared_servers: Callable[[str], Any]) -> Any:
    """A channel with gRPC's own limits: 4 MiB for what it receives."""
    with grpc.insecure_channel(shared_servers("group-commit").server.target) as channel:
        yield channel


def test_case_64_entries_of_a_session_with_the_largest_metadata(wallet: Wallet, default_channel: grpc.Channel) -> None:
    games = SessionCaller(wallet.games, default_channel)
    play = games.open(wallet.player("1000"), "1000")
    ids = [f"b{number}" for number in range(ENTRIES)]
    for begin in range(0, ENTRIES, 130):
        requests = [play.bet("1", transaction_id=name, metadata=LARGEST) for name in ids[begin : begin + 130]]
        assert all(outcome.balance_after_minor for outcome in games.batch(requests))
    for page_size in (1_000, 100, 7):
        pages = all_pages(lambda **fields: games.call(play.journal(**fields)), "transactions", page_size=page_size)
        rows = [row for page in pages for row in page]
        assert [row.transaction_id for row in rows] == ids
        assert all(len(page) <= page_size for page in pages)
    assert dict(rows[-1].metadata) == LARGEST
    assert len(games.call(session_pb2.ListSessionTransactionsRequest(session_token=play.token)).transactions) < 100


def test_case_64_entries_of_a_wallet_with_the_largest_metadata(wallet: Wallet, default_channel: grpc.Channel) -> None:
    credit = CreditCaller(wallet.callers["credit"], default_channel)
    purse = credit.purse("1")
    ids = [f"c{number}" for number in range(ENTRIES)]
    for begin in range(0, ENTRIES, 130):
        requests = [purse.credit("1", transaction_id=name, metadata=LARGEST) for name in ids[begin : begin + 130]]
        assert all(outcome.balance_minor for outcome in credit.batch(requests))
    pages = all_pages(lambda **fields: credit.call(purse.entries(**fields)), "entries", page_size=1_000)
    rows = [row for page in pages for row in page]
    assert [row.transaction_id for row in rows][1:] == ids
    assert [row.entry_no for row in rows] == list(range(1, ENTRIES + 2))
    assert len(pages) > 1


def test_ledgers_with_the_longest_names(wallet: Wallet, default_channel: grpc.Channel) -> None:
    credit = CreditCaller(wallet.callers["other-credit"], default_channel)
    made = {credit.ledger("\N{GRINNING FACE}" * 256) for _ in range(5)}
    for page_size in (1, 2, 1_000):
        pages = all_pages(
            lambda **fields: credit.call(ledger_pb2.ListLedgersRequest(**fields)), "ledgers", page_size=page_size
        )
        listed = [row.ledger_id for page in pages for row in page]
        assert listed == sorted(set(listed))
        assert made <= set(listed)


def test_a_full_batch_of_the_longest_refusals(wallet: Wallet, default_channel: grpc.Channel) -> None:
    games = SessionCaller(wallet.games, default_channel)
    play = games.open(wallet.player("10"), "10")
    name = fresh_id("x" * 90)[:128]
    refused = [play.bet("1", transaction_id=name), *[play.bet("2", transaction_id=name)] * 999]
    outcomes = games.batch(refused)
    assert {getattr(outcome, "reason", "") for outcome in outcomes} == {"", "IDEMPOTENCY_KEY_REUSED"}
