"""Made-up page tokens, times at the ends of what a Timestamp can tell, periods that end before they begin: no fault.

A token is no secret, and anybody whom a list is for may send any. The parts of each list's token are told here, so that
what is made up comes as far as the statement that it is for.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from support.backoffice import backoffice_of
from support.credit import Purse, credit_of
from support.refusals import Refusal
from support.sessions import Play, sessions_of
from support.wallet import Sender, Wallet

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import credit_wallet_pb2, ledger_pb2, session_pb2, wallet_pb2

pytestmark = pytest.mark.parametrize("shared", ["one-a-transaction"], indirect=True)

FILES = (pb, credit_wallet_pb2, ledger_pb2, session_pb2, wallet_pb2)
UUID, NUMBER, NETWORK, TEXT, TIME = "uuid", "number", "network", "text", "time"
NO_TEXTS: Sequence[object] = ("\ud800", "a\udfffb", "\x00", 7, None, ["a"])
TAKEN: dict[str, Sequence[object]] = {
    UUID: (str(uuid4()), "0" * 8 + "-0000-0000-0000-" + "0" * 12, "f" * 8 + "-ffff-ffff-ffff-" + "f" * 12),
    NUMBER: (1, 0, 2**31, 2**63 - 1),
    NETWORK: (1, 0, 2**31 - 1),
    TEXT: ("a", "", "\uffff", "\U0001f3b2" * 40),
    TIME: ("2026-01-31T12:00:00+00:00", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00"),
}
"""What a part of a kind may be, the first one nothing special: a page from there is what its caller gets."""
NEVER: dict[str, Sequence[object]] = {
    UUID: (str(uuid4()).upper(), uuid4().hex, "{" + str(uuid4()) + "}", "\uff10" * 36, *NO_TEXTS),
    NUMBER: (2**63, 10**400, -1, 1.0, 1e308, float("inf"), float("nan"), True, "1", None, [1]),
    NETWORK: (2**31, 2**63 - 1, -1, True, "1"),
    TEXT: NO_TEXTS,
    TIME: (
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-01-31T12:00:00",
        "infinity",
        "-infinity",
        "2026-W05-6",
        "\ud800",
        1.0,
        None,
    ),
}
TOKENS: dict[type[Message], Sequence[str]] = {
    pb.ListPlayersRequest: (NUMBER,),
    pb.ListTransactionsRequest: (UUID,),
    pb.ListWithdrawalsRequest: (TIME, TEXT),
    pb.ListSessionsRequest: (UUID,),
    pb.ListCreditWalletsRequest: (TEXT,),
    pb.ListReservationsRequest: (TIME, UUID),
    pb.ListKeysRequest: (TEXT,),
    pb.ListOperatorActionsRequest: (UUID,),
    pb.ListProposalsRequest: (UUID,),
    pb.GetGamingRevenueRequest: (TIME, NETWORK, TEXT, TEXT),
    pb.GetStatementRequest: (UUID, NUMBER),
}
"""What the token of a list is made of."""
PLAIN_TOKENS: dict[type[Message], Sequence[str]] = {
    pb.ListParkedEventsRequest: ("in-1", "in-" + "9" * 18, "out-0-1", "out-9999-" + "9" * 18),
    ledger_pb2.ListLedgersRequest: ("f" * 8 + "-ffff-ffff-ffff-" + "f" * 12,),
    credit_wallet_pb2.ListWalletEntriesRequest: ("0", "9" * 18),
    credit_wallet_pb2.ListPostingsRequest: ("0", "9" * 18),
    session_pb2.ListSessionTransactionsRequest: ("0", "9" * 18),
}
"""Lists whose tokens are one word, and the most extreme of these."""
WORDS = (
    "x",
    "-1",
    "9" * 19,
    "9" * 5_000,
    "\uff11",
    "\x00",
    "in-0",
    "in-" + "9" * 19,
    "out-10000-1",
    "out--1-1",
    "in-\u0661",
    "=",
    "====",
    "\xff" * 8,
    "[" * 2_000,
    "A" * 4_000,
)
"""No list has given any of them."""


def token_of(*parts: object) -> str:
    """Write a token as the wallet does, of anything that JSON can spell."""
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def tokens_of(kinds: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Give tokens with each of their parts made up in turn, and whether such a place can be."""
    ordinary = [TAKEN[kind][0] for kind in kinds]
    for place, kind in enumerate(kinds):
        for is_taken, values in ((True, TAKEN[kind]), (False, NEVER[kind])):
            for value in values:
                yield token_of(*ordinary[:place], value, *ordinary[place + 1 :]), is_taken
    yield token_of(), False
    yield token_of(*ordinary, ordinary[-1]), False
    yield urlsafe_b64encode(b"[" * 700).decode(), False
    yield urlsafe_b64encode(b'["\xed\xa0\x80"]').decode(), False
    yield urlsafe_b64encode(json.dumps(dict.fromkeys(map(str, ordinary)))[:600].encode()).decode(), False


@pytest.fixture
def senders(wallet: Wallet) -> dict[type[Message], tuple[Sender, dict[str, Any]]]:
    """Who sends each request, and what it names beside its page: a wallet, a session and a ledger that are there."""
    office, credit, games = backoffice_of(wallet), credit_of(wallet), sessions_of(wallet)
    player = wallet.player("100")
    play: Play = games.open(player)
    purse = Purse(credit.ledger())
    credit.accepted(purse.credit(), "100", "100")
    named: dict[type[Message], tuple[Sender, dict[str, Any]]] = {
        credit_wallet_pb2.ListWalletEntriesRequest: (credit, {"wallet_key": purse.key}),
        credit_wallet_pb2.ListPostingsRequest: (credit, {"wallet_key": purse.key}),
        ledger_pb2.ListLedgersRequest: (credit, {}),
        ledger_pb2.GetLedgerAccountRequest: (credit, {"ledger_id": purse.ledger_id, "account_code": "cash"}),
        session_pb2.ListSessionTransactionsRequest: (games, {"session_token": play.token}),
        pb.ListCreditWalletsRequest: (office, {"ledger_id": purse.ledger_id}),
        pb.ListReservationsRequest: (office, {"wallet_key": purse.key}),
        pb.GetStatementRequest: (office, {"player_id": player.player_id}),
    }
    return {kind: named.get(kind, (office, {})) for kind in requests_with(lambda _: True)}


def requests_with(has: Callable[[Any], bool]) -> list[type[Message]]:
    """Give the requests of all calls that have such a field."""
    return [
        method.input_type._concrete_class
        for file in FILES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if any(has(field) for field in method.input_type.fields)
    ]


def check_no_fault(outcome: Any, request: Message, *, field: str, may_be_answered: bool) -> None:
    """Assert that a request was refused by this field, or answered where that may be."""
    if may_be_answered and not isinstance(outcome, Refusal):
        return
    assert isinstance(outcome, Refusal), f"{request} was answered"
    assert (outcome.reason, outcome.metadata.get("field")) == ("INVALID_FIELD", field), f"{request}: {outcome}"


@pytest.mark.usefixtures("shared")
def test_the_tokens_of_all_lists_are_here() -> None:
    with_tokens = requests_with(lambda field: field.name == "page_token")
    assert set(with_tokens) == TOKENS.keys() | PLAIN_TOKENS.keys()


@pytest.mark.parametrize("kind", [*TOKENS, *PLAIN_TOKENS], ids=lambda kind: kind.__name__)
def test_no_made_up_token_is_a_fault(senders: dict[type[Message], Any], kind: Any) -> None:
    sender, named = senders[kind]
    told = [(word, True) for word in PLAIN_TOKENS.get(kind, ())] + [(word, False) for word in WORDS]
    told += tokens_of(TOKENS.get(kind, (TEXT,)))
    if kind in PLAIN_TOKENS:
        told = [(token, is_taken and token in PLAIN_TOKENS[kind]) for token, is_taken in told]
    for token, is_taken in told:
        request = kind(page_token=token, **named)
        check_no_fault(sender.attempt(request), request, field="page_token", may_be_answered=is_taken)


def test_no_made_up_token_of_a_players_transactions_is_a_fault(wallet: Wallet) -> None:
    office, player = backoffice_of(wallet), wallet.player("100")
    for token, is_taken in tokens_of((NUMBER,)):
        request = pb.ListTransactionsRequest(player_id=player.player_id, page_token=token)
        check_no_fault(office.attempt(request), request, field="page_token", may_be_answered=is_taken)


ENDS = (
    Timestamp(seconds=-62_135_596_800),
    Timestamp(seconds=-62_135_596_800 + 60),
    Timestamp(seconds=-1),
    Timestamp(seconds=253_402_300_799, nanos=999_999_999),
    Timestamp(seconds=-(2**63)),
    Timestamp(seconds=2**63 - 1),
)
"""The first and the last that a Timestamp can tell, what is near them, and what is far beyond."""


@pytest.mark.parametrize(
    "kind",
    requests_with(lambda field: field.message_type is not None and field.message_type.full_name.endswith("Timestamp")),
    ids=lambda kind: kind.__name__,
)
def test_no_time_is_a_fault(senders: dict[type[Message], Any], kind: Any) -> None:
    sender, named = senders[kind]
    for field in kind.DESCRIPTOR.fields:
        if field.message_type is None or not field.message_type.full_name.endswith("Timestamp"):
            continue
        for end in ENDS:
            for more in ({}, {"player_id": 1}) if "player_id" in kind.DESCRIPTOR.fields_by_name else ({},):
                request = kind(**({field.name: end} | named | more))
                check_no_fault(sender.attempt(request), request, field=field.name, may_be_answered=True)


PERIODS = requests_with(lambda field: field.name == "from")


@pytest.mark.parametrize("kind", PERIODS, ids=lambda kind: kind.__name__)
def test_no_period_ends_before_it_begins(senders: dict[type[Message], Any], kind: Any) -> None:
    sender, named = senders[kind]
    at, later = Timestamp(seconds=1_760_000_000), Timestamp(seconds=1_760_000_000, nanos=1_000)
    sender.refused(kind(**({"from": later, "to": at} | named)), "INVALID_FIELD", field="to")
    assert not isinstance(sender.attempt(kind(**({"from": at, "to": at} | named))), Refusal)
