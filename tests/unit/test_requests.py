"""Requests to commands: whatever a message holds, it becomes a well-formed command or is refused by a field's name.

The rules of shape are said here once more, from docs/rules.md (Conventions) and the protos alone: every message
that Hypothesis builds is judged by them, and the conversion must come to the same verdict.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet.v1 import credit_wallet_pb2, session_pb2
from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.commands import owner_of
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId, PlayerId, Source
from wallet_grpc.domain.players.commands import UnlocatedEnding
from wallet_grpc.rpc.credit.service import OPERATIONS as WALLET_OPERATIONS
from wallet_grpc.rpc.operations import Operation
from wallet_grpc.rpc.players.requests import AdjustmentLimits
from wallet_grpc.rpc.players.service import operations_of
from wallet_grpc.rpc.sessions.requests import SessionTimes
from wallet_grpc.rpc.sessions.service import operations_of as session_operations_of

pytestmark = pytest.mark.property

MESSAGES: dict[str, type[Message]] = {
    "bet": pb.BetRequest,
    "win": pb.WinRequest,
    "rollback": pb.RollbackRequest,
    "bet_and_win": pb.BetAndWinRequest,
    "reserve_withdrawal": pb.ReserveWithdrawalRequest,
    "settle_withdrawal": pb.SettleWithdrawalRequest,
    "fail_withdrawal": pb.FailWithdrawalRequest,
    "apply_deposit_settlement": pb.DepositSettlementRequest,
    "adjust": pb.AdjustRequest,
    "set_player_state": pb.SetPlayerStateRequest,
}
SOURCE = Source("games")
OPERATIONS = operations_of(AdjustmentLimits())

# ------------------------------------------------------------------------------------------------------------ messages

graphic = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
any_text = st.text(max_size=300)
good_ids = st.text(graphic, min_size=1, max_size=128)
own_ids = st.builds(str.__add__, st.sampled_from(["wallet:", "rollback:", "rollback:rollback:"]), good_ids)
long_ids = st.text(graphic, min_size=127, max_size=140)
almost_ids = st.builds(str.__add__, good_ids, st.sampled_from(["", " ", "\n", "\x7f", "é", "\x00", "\x1f", "\u2028"]))
texts = st.one_of(
    st.just(""), good_ids, own_ids, long_ids, almost_ids, any_text, st.text("a", min_size=250, max_size=260)
)
amounts = st.one_of(
    st.from_regex(r"(0|[1-9][0-9]{0,39})", fullmatch=True),
    st.sampled_from(["", "0", "-1", "1.5", "01", "1e3", " 1", "1 ", "1\n", "٣", "9" * 38, "9" * 39]),
    any_text,
)
metadata = st.one_of(
    st.just({}),
    st.dictionaries(st.text(max_size=70), st.text(max_size=20), max_size=5),
    st.dictionaries(st.text(graphic, min_size=1, max_size=3), st.just("v"), min_size=31, max_size=34),
    st.dictionaries(
        st.sampled_from(["k", "k" * 64, "k" * 65]), st.sampled_from(["", "v" * 512, "v" * 513, "\x00", "é"])
    ),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "player_id": st.one_of(st.sampled_from([1, 0, -1, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1)),
    "currency_network_id": st.one_of(st.sampled_from([1, 0, -1]), st.integers(-(2**31), 2**31 - 1)),
    "output_index": st.integers(-(2**31), 2**31 - 1),
    "metadata": metadata,
    "round_closed": st.booleans(),
    **dict.fromkeys(["amount_minor", "win_amount_minor", "fee_minor"], amounts),
    **dict.fromkeys(["win_kind", "direction", "state"], st.one_of(st.integers(0, 6), st.integers(-(2**31), 2**31 - 1))),
}
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "player_id": st.integers(1, 2**63 - 1),
    "currency_network_id": st.integers(1, 2**31 - 1),
    "output_index": st.integers(0, 2**31 - 1),
    "metadata": st.dictionaries(st.text(graphic, max_size=64), st.text("aé\n", max_size=512), max_size=4),
    "round_closed": st.booleans(),
    **dict.fromkeys(["amount_minor", "win_amount_minor", "fee_minor"], st.integers(1, 10**38 - 1).map(str)),
    **dict.fromkeys(["win_kind", "direction"], st.sampled_from([1, 2])),
    "state": st.integers(1, 4),
    **dict.fromkeys(["tx_hash", "reason", "actor"], st.text("aé ~", min_size=1, max_size=256)),
}


@st.composite
def messages(draw: st.DrawFn, kind: type[Message]) -> Message:
    """Build a message in which most fields are good, so that the later checks are reached as well."""
    names = [field.name for field in kind.DESCRIPTOR.fields]
    spoiled = draw(st.sets(st.sampled_from(names), max_size=3))
    values = {}
    for name in names:
        if name in spoiled:
            values[name] = draw(FIELDS.get(name, texts))
        elif name != "output_index" or draw(st.booleans()):
            values[name] = draw(GOOD.get(name, good_ids.filter(lambda text: not text.startswith(OWN))))
    return kind(**values)


# ------------------------------------------------------------------------------------------------- the contract's rules

OWN = ("wallet:", "rollback:")
_ID = re.compile(r"[\x21-\x7e]{1,128}\Z")
_DERIVED = re.compile(r"(?:rollback:)+[\x21-\x7e]{1,128}\Z")
_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,37})\Z")
POSITIVE = (pb.ReserveWithdrawalRequest, pb.DepositSettlementRequest, pb.AdjustRequest)
KNOWN = {"win_kind": 4, "direction": 2, "state": 4}


def faults(request: Any) -> Iterator[tuple[str, str]]:
    """Give every (reason, field) for which the request may be refused."""
    for field in request.DESCRIPTOR.fields:
        fault_of = _FAULT_OF.get(field.name, _fault_of_id)
        reason = fault_of(request, field.name, getattr(request, field.name))
        if reason is not None:
            yield reason, field.name


def _fault_of_number(_: Any, __: str, value: int) -> str | None:
    if value > 0:
        return None
    return "INVALID_FIELD" if value else "MISSING_FIELD"


def _fault_of_amount(request: Any, _: str, value: str) -> str | None:
    is_amount = _AMOUNT.match(value) and not (value == "0" and isinstance(request, POSITIVE))
    return None if is_amount else "INVALID_AMOUNT"


def _fault_of_choice(_: Any, name: str, value: int) -> str | None:
    if 1 <= value <= KNOWN[name]:
        return None
    return "INVALID_FIELD" if value else "MISSING_FIELD"


def _fault_of_text(request: Any, _: str, value: str) -> str | None:
    if not value and isinstance(request, pb.AdjustRequest | pb.SetPlayerStateRequest):
        return "MISSING_FIELD"
    return "INVALID_FIELD" if len(value) > 256 or not value.isprintable() else None


def _fault_of_metadata(_: Any, __: str, value: Mapping[str, str]) -> str | None:
    fits = all(len(key) <= 64 and len(note) <= 512 and "\0" not in key + note for key, note in value.items())
    return None if fits and len(value) <= 32 else "INVALID_FIELD"


def _fault_of_id(request: Any, name: str, value: str) -> str | None:
    if not value:
        return None if _may_be_empty(request, name) else "MISSING_FIELD"
    if not _ID.match(value) and not (name == "reference_transaction_id" and _DERIVED.match(value)):
        return "INVALID_FIELD"
    names_itself = isinstance(request, pb.RollbackRequest) and value == request.reference_transaction_id
    return "INVALID_FIELD" if name == "transaction_id" and (value.startswith(OWN) or names_itself) else None


_FAULT_OF: dict[str, Callable[[Any, str, Any], str | None]] = {
    "metadata": _fault_of_metadata,
    "round_closed": lambda *_: None,
    "output_index": lambda _, __, value: "INVALID_FIELD" if value < 0 else None,
    **dict.fromkeys(["player_id", "currency_network_id"], _fault_of_number),
    **dict.fromkeys(["amount_minor", "win_amount_minor", "fee_minor"], _fault_of_amount),
    **dict.fromkeys(["win_kind", "direction", "state"], _fault_of_choice),
    **dict.fromkeys(["tx_hash", "reason", "actor"], _fault_of_text),
}


def _may_be_empty(request: Any, name: str) -> bool:
    if isinstance(request, pb.RollbackRequest):
        return name == "transaction_id"
    irregular = isinstance(request, pb.WinRequest) and request.win_kind != pb.WIN_KIND_REGULAR
    return irregular and name in {"game_code", "round_id", "reference_transaction_id"}


# ---------------------------------------------------------------------------------------------------------------- tests


@pytest.mark.parametrize("call", MESSAGES)
def test_is_converted_or_refused_exactly_as_the_contract_says(call: str) -> None:
    _check_conversion(call, messages(MESSAGES[call]))


@pytest.mark.parametrize("call", MESSAGES)
def test_any_bytes_that_are_a_message_are_converted_or_refused(call: str) -> None:
    kind = MESSAGES[call]
    strategies = {field.name: FIELDS.get(field.name, texts) for field in kind.DESCRIPTOR.fields}
    _check_conversion(call, st.fixed_dictionaries({}, optional=strategies).map(lambda values: kind(**values)))


def _check_conversion(call: str, requests: st.SearchStrategy[Any]) -> None:
    @settings(max_examples=100)
    @given(request=requests)
    def convert(request: Any) -> None:
        expected = set(faults(request))
        if not expected:
            command = OPERATIONS[call].command(request, SOURCE)
            if isinstance(command, UnlocatedEnding):
                command = command.located(PlayerId(1), CurrencyNetworkId(1))
            assert owner_of(command) > 0
            assert len(command.key) == 32
            assert command.source == SOURCE
            return
        with pytest.raises(MalformedError) as caught:
            OPERATIONS[call].command(request, SOURCE)
        refusal = caught.value.refusal
        assert refusal.message
        assert (refusal.reason.value, refusal.metadata["field"]) in expected

    convert()


DEPOSIT = {"deposit_id": "d", "player_id": 1, "currency_network_id": 1, "amount_minor": "1", "tx_hash": "h"}
CASES: dict[str, tuple[str, dict[str, Any], Callable[[Any], bool]]] = {
    "an empty rollback id is derived": (
        "rollback",
        {"player_id": 1, "currency_network_id": 1, "reference_transaction_id": "b"},
        lambda command: command.transaction_id == "rollback:b",
    ),
    "a derived id may be rolled back by a derived id": (
        "rollback",
        {"player_id": 1, "currency_network_id": 1, "reference_transaction_id": "rollback:" + "b" * 128},
        lambda command: command.transaction_id == "rollback:rollback:" + "b" * 128,
    ),
    "output zero is an output": (
        "apply_deposit_settlement",
        DEPOSIT | {"output_index": 0},
        lambda command: command.output_index == 0 and command.output_key is not None,
    ),
    "no output is none": (
        "apply_deposit_settlement",
        DEPOSIT,
        lambda command: command.output_index is None and command.output_key is None,
    ),
    "withdrawal ids may begin as the wallet's own": (
        "reserve_withdrawal",
        {"withdrawal_id": "wallet:1", "player_id": 1, "currency_network_id": 1, "amount_minor": "1"},
        lambda command: command.withdrawal_id == "wallet:1",
    ),
}


@pytest.mark.parametrize(("call", "fields", "holds"), CASES.values(), ids=CASES)
def test_converts(call: str, fields: dict[str, Any], holds: Callable[[Any], bool]) -> None:
    assert holds(OPERATIONS[call].command(MESSAGES[call](**fields), SOURCE))


@pytest.mark.parametrize(
    ("operations", "contract"),
    [
        (OPERATIONS, pb.Operation),
        (session_operations_of(SessionTimes(ttl_default_s=60, ttl_max_s=3600)), session_pb2.SessionOperation),
        (WALLET_OPERATIONS, credit_wallet_pb2.WalletOperation),
    ],
    ids=["players", "sessions", "credit"],
)
def test_every_mutation_of_the_contract_is_an_operation(
    operations: Mapping[str, Operation], contract: type[Message]
) -> None:
    """A batch finds the row by the name in its oneof, and hands the row's maker what stands under that name."""
    asked = {name: field.message_type for name, field in contract.DESCRIPTOR.fields_by_name.items()}
    assert {name: operation.request.DESCRIPTOR for name, operation in operations.items()} == asked


def test_every_mutation_of_the_contract_is_tried_here() -> None:
    assert {name: operation.request for name, operation in OPERATIONS.items()} == MESSAGES
