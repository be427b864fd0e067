"""The machine: drives a wallet and the model side by side, and holds every answer against the model's.

One history is of a few players, sessions, credit wallets and ledgers that nobody knew before. Its requests go out one
by one, in batches, in streams, several of one service at once, the same one several times at once.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from google.protobuf import text_format
from google.protobuf.message import Message
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from model.comparing import check
from model.core import Answer, No, own_id_of
from model.driven import Driven
from model.plans.credit import CreditScribe
from model.plans.ledgers import LedgerScribe
from model.plans.plan import NETWORKS, PLAYERS, Notes, Plan, plans
from model.plans.players import PlayerScribe
from model.plans.sessions import SessionScribe
from model.players import one_spelling
from model.wallet import Model
from support.database import CURRENCY_NETWORKS
from support.refusals import Refusal

from wallet.v1 import credit_wallet_pb2, ledger_pb2
from wallet.v1 import session_pb2 as session_pb
from wallet.v1 import wallet_pb2 as pb

SERVICES = ("players", "players", "sessions", "sessions", "credit", "ledgers")
_OPERATIONS_MAX = 12
_TOLD_MAX = 200
_AT_ONCE = 3
_histories = itertools.count(1)

services = st.sampled_from(SERVICES)
some_plans = st.lists(plans, min_size=1, max_size=_OPERATIONS_MAX)


class DifferenceError(AssertionError):
    """The wallet and the model do not agree."""


@dataclass(slots=True)
class Count:
    """What was met, over all histories: by service and reason, by service and status."""

    histories: int = 0
    words: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def operations(self) -> int:
        """How many answers were compared."""
        return self.words.total()


class WalletMachine(RuleBasedStateMachine):
    """One history, on one of the wallets."""

    wallets: ClassVar[Sequence[Driven]] = ()
    count: ClassVar[Count] = Count()

    def __init__(self) -> None:
        super().__init__()
        self.number = next(_histories)
        self.count.histories += 1
        self.wallet = self.wallets[0]
        self.told: list[tuple[str, Message, Any]] = []
        self.first_player_id = self.number * PLAYERS
        networks = {number: (currency, network) for number, (currency, network, _) in CURRENCY_NETWORKS.items()}
        self.model = Model.at(self.wallet.now(), networks)
        notes = Notes(f"m{self.number}", self.first_player_id, self.model)
        self.session_scribe, self.credit_scribe = SessionScribe(notes), CreditScribe(notes)
        self.scribes: dict[str, Any] = {
            "players": PlayerScribe(notes),
            "sessions": self.session_scribe,
            "credit": self.credit_scribe,
            "ledgers": LedgerScribe(notes),
        }

    @initialize(number=st.integers(0, 99), without_funds=st.integers(0, PLAYERS))
    def begin(self, number: int, without_funds: int) -> None:
        """Choose a wallet, give some of the players something to lose, and create a ledger."""
        self.wallet = self.wallets[number % len(self.wallets)]
        self.wallet.begin()
        self.model.books.cells = self.wallet.cells
        note(f"on {self.wallet.name}")
        first: list[Message] = [
            pb.DepositSettlementRequest(
                deposit_id=f"m{self.number}-funds-{player_id}",
                player_id=player_id,
                currency_network_id=NETWORKS[0],
                amount_minor="300",
            )
            for player_id in range(self.first_player_id, self.first_player_id + PLAYERS - without_funds % PLAYERS)
        ]
        for request in first:
            self._send_at_once([(self._source(0), [request])], "alone")
        for source in self.wallet.sources[:2]:
            name = f"m{self.number}-ledger"
            ledger = ledger_pb2.CreateLedgerRequest(transaction_id=name, name="tokens", currency_network_id=NETWORKS[0])
            self._send_at_once([(source, [ledger])], "alone")

    # ---------------------------------------------------------------------------------------------------------- rules

    @rule(service=services, source=st.integers(0, 9), plan=plans)
    def call(self, service: str, source: int, plan: Plan) -> None:
        """Make one call."""
        name = self._source(source)
        request = self.scribes[service].request(name, plan)
        if self._is_ruled(name, request):
            self._send_at_once([(name, [request])], "alone")

    @rule(service=services, source=st.integers(0, 9), drawn=some_plans, streams=st.booleans())
    def batch_or_stream(self, service: str, source: int, drawn: list[Plan], *, streams: bool) -> None:
        """Send several operations of one service in one call."""
        name = self._source(source)
        requests = [self.scribes[service].request(name, plan) for plan in drawn]
        way = "stream" if streams else "batch"
        for part in self._independent(requests):
            self._send_at_once([(name, [one for one in part if self._is_ruled(name, one)])], way)

    @rule(source=st.integers(0, 9), drawn=some_plans)
    def services_at_once(self, source: int, drawn: list[Plan]) -> None:
        """Call all four services at the same moment, each about what no other of them touches."""
        name, used, batches = self._source(source), set[object](), []
        for place, service in enumerate(self.scribes):
            mine, requests = set[object](), []
            for plan in drawn[place :: len(self.scribes)]:
                request = self.scribes[service].request(name, plan)
                names, owner = self._names(request)
                if owner is None or not self._is_ruled(name, request) or (names | {owner}) & used:
                    continue
                mine |= names | {owner}
                requests.append(request)
            used |= mine
            batches += [(name, part) for part in list(self._independent(requests))[:1]]
        self._send_at_once(batches, "batch")

    @rule(service=services, source=st.integers(0, 9), plan=plans)
    def same_at_once(self, service: str, source: int, plan: Plan) -> None:
        """Make one call several times at the same moment: it is done once, the others are told so."""
        name = self._source(source)
        request = self.scribes[service].request(name, plan)
        if self._is_ruled(name, request):
            self._send_at_once([(name, [request])] * _AT_ONCE, "alone", in_any_order=True)

    @rule(source=st.integers(0, 9), drawn=st.lists(plans, min_size=1, max_size=4), seconds=st.integers(0, 63))
    def time_passes(self, source: int, drawn: list[Plan], seconds: int) -> None:
        """Open sessions and reserve for a short time, and wait: until that is over, or not so long."""
        if not self.wallet.may_wait(seconds):
            return
        name = self._source(source)
        self.session_scribe.ttl_s = self.credit_scribe.ttl_s = self.wallet.short_ttl_s
        requests: list[tuple[str, Any]] = [("sessions", 0), ("credit", 10)]
        for service, call in requests:
            made = [self.scribes[service].request(name, Plan(**_fields(plan) | {"call": call})) for plan in drawn]
            for part in self._independent(made):
                self._send_at_once([(name, part)], "batch")
        self.session_scribe.ttl_s, self.credit_scribe.ttl_s = 0, 3_600
        self.wallet.wait(seconds)

    def teardown(self) -> None:
        """Read all that there is."""
        try:
            self.model.books.now = self.wallet.now()
            self.wallet.check(self.model)
        except AssertionError as error:
            self._fail(str(error))

    # ---------------------------------------------------------------------------------------------------------- steps

    def _source(self, number: int) -> str:
        """Mostly the first: what one source did is then met more often."""
        names = self.wallet.sources
        return names[0] if number < 6 else names[number % len(names)]

    def _is_ruled(self, source: str, request: Any) -> bool:
        """Leave out what the rules do not settle: whether ending another's withdrawal makes it one's own."""
        if not isinstance(request, pb.RollbackRequest):
            return True
        known = self.model.players.withdrawals.get(request.reference_transaction_id)
        return known is None or known.reservation.source == source

    def _send_at_once(
        self, batches: Sequence[tuple[str, list[Message]]], way: str, *, in_any_order: bool = False
    ) -> None:
        """Send each batch as a call of its own, all at the same moment, and compare."""
        batches = [(source, requests) for source, requests in batches if requests]
        self.model.books.now = self.wallet.now()
        expected = [[self.model.send(source, request) for request in requests] for source, requests in batches]
        answers = self.wallet.send(batches, way)
        if in_any_order:
            answers.sort(key=_comes_later)
        for (source, requests), wanted, told in zip(batches, expected, answers, strict=True):
            words = f"{way} of {len(requests)}" + (f", {len(batches)} at once" if len(batches) > 1 else "")
            if len(told) != len(requests):
                self._fail(f"{words}: {len(told)} outcomes")
            for request, one, answer in zip(requests, wanted, told, strict=True):
                self._compare(source, words, request, one, answer)

    def _compare(self, source: str, way: str, request: Message, expected: Answer | No, answer: Any) -> None:
        self.told.append((f"{source} {way}", request, answer))
        try:
            check(self.model, expected, answer)
        except AssertionError as error:
            self._fail(f"{error}\nexpected {expected}")
        self.count.words[_service_of(request), _word(expected)] += 1

    def _fail(self, what: str) -> None:
        history = "\n".join(
            f"{how}: {type(request).__name__} {_line(request)}\n    -> {_line(answer)}"
            for how, request, answer in self.told[-_TOLD_MAX:]
        )
        raise DifferenceError(f"on {self.wallet.name}, after:\n{history}\n{what}")

    # ---------------------------------------------------------------------------------------------------------- names

    def _independent(self, requests: Iterable[Message]) -> Iterable[list[Message]]:
        """Part requests so that in no part two owners name one id: across owners no order is promised (rule 10)."""
        part: list[Message] = []
        owners: dict[object, set[object]] = {}
        for request in requests:
            names, owner = self._names(request)
            if any(owners.get(name, {owner}) != {owner} for name in names):
                yield part
                part, owners = [], {}
            for name in names:
                owners.setdefault(name, set()).add(owner)
            part.append(request)
        if part:
            yield part

    def _names(self, request: Any) -> tuple[set[object], object]:
        """Give what a request names beside what its owner alone knows, and its owner: None where nobody has one."""
        match request:
            case pb.SettleWithdrawalRequest() | pb.FailWithdrawalRequest():
                known = self.model.players.withdrawals.get(request.withdrawal_id)
                # An ending waits for all that was sent before it, so it parts nothing.
                return set(), known.reservation.request.player_id if known else None
            case ledger_pb2.CreateLedgerRequest():
                return {request.transaction_id}, request.transaction_id
            case ledger_pb2.PostJournalEntryRequest():
                return {request.transaction_id}, request.ledger_id
        if request.DESCRIPTOR.file is credit_wallet_pb2.DESCRIPTOR:
            return set(), request.wallet_key
        if getattr(request, "session_token", ""):
            session = self.model.sessions.by_token.get(request.session_token)
            return set(), session.whose[0] if session else None
        names = {own_id_of(request), getattr(request, "reference_transaction_id", "")}
        return (names | {one_spelling(getattr(request, "tx_hash", ""))}) - {""}, request.player_id


def _line(told: Any) -> str:
    return str(told) if isinstance(told, Refusal) else text_format.MessageToString(told, as_one_line=True)


def _fields(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in Plan.__dataclass_fields__}


def _comes_later(answers: Sequence[Any]) -> bool:
    """Tell the answer of whoever was first from those of the others."""
    answer = answers[0]
    return (
        getattr(answer, "replayed", False) or getattr(answer, "status", 0) == credit_wallet_pb2.WALLET_STATUS_DUPLICATE
    )


def _service_of(request: Message) -> str:
    return {pb.DESCRIPTOR: "players", session_pb.DESCRIPTOR: "sessions", ledger_pb2.DESCRIPTOR: "ledgers"}.get(
        request.DESCRIPTOR.file, "credit"
    )


def _word(expected: Answer | No) -> str:
    """Say in one word how something came out."""
    if isinstance(expected, No):
        return expected.reason
    if expected.fields.get("replayed"):
        return "REPLAYED"
    if expected.fields.get("late"):
        return "LATE"
    kind = expected.message.DESCRIPTOR.fields_by_name.get("status")
    status = expected.fields.get("status")
    if kind is None or status is None:
        return "APPLIED"
    return kind.enum_type.values_by_number[status].name.split("STATUS_")[1]
