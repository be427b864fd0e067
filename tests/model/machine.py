"""The machine: drives a running wallet and the reference side by side, and holds every answer to the reference's."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from google.protobuf import text_format
from google.protobuf.message import Message
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from model.plans import NETWORKS, PLAYERS, Plan, Scribe, plans
from model.reference import Answer, No, Round, RoundTotals, Stored, Wallet, own_id_of, round_of
from support.refusals import Refusal, check_refusal
from support.wallet import Caller

from wallet.v1 import wallet_pb2 as pb

_OPERATIONS_MAX = 8
_TOLD_MAX = 200

_sessions = itertools.count(1)


class DifferenceError(AssertionError):
    """The wallet and the contract's reference do not agree."""


@dataclass(slots=True)
class Driven:
    """A running server: its callers by source, each with every role."""

    name: str
    callers: dict[str, Caller]


@dataclass(slots=True)
class Count:
    """What was done, over all sessions."""

    sessions: int = 0
    steps: int = 0
    operations: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, word: str) -> None:
        self.operations += 1
        self.reasons[word] = self.reasons.get(word, 0) + 1


class WalletMachine(RuleBasedStateMachine):
    """One session: a few players whom nobody knew before, on one of the servers."""

    servers: ClassVar[Sequence[Driven]] = ()
    count: ClassVar[Count] = Count()

    def __init__(self) -> None:
        super().__init__()
        number = next(_sessions)
        self.first_player_id = number * PLAYERS
        self.reference = Wallet()
        self.scribe = Scribe(prefix=f"m{number}", first_player_id=self.first_player_id, main=self.reference.main)
        self.facts: dict[Stored, tuple[str, Any]] = {}
        self.tx_ids: set[str] = set()
        self.rounds: dict[Round, None] = {}
        self.touched: set[int] = set()
        self.told: list[str] = []
        self.server = self.servers[0]
        self.count.sessions += 1

    @initialize(number=st.integers(0, 99), funded=st.integers(0, PLAYERS))
    def begin(self, number: int, funded: int) -> None:
        """Choose a server, and give some of the players something to lose."""
        self.server = self.servers[number % len(self.servers)]
        note(f"on {self.server.name}")
        name = self._source(0)
        for player_id in range(self.first_player_id, self.first_player_id + PLAYERS - funded % PLAYERS):
            deposit = pb.DepositSettlementRequest(
                deposit_id=f"{self.scribe.prefix}-funds-{player_id}",
                player_id=player_id,
                currency_network_id=NETWORKS[0],
                amount_minor="300",
            )
            expected = self.reference.send(name, deposit)
            self._compare(name, "alone", deposit, expected, self.server.callers[name].attempt(deposit))

    # ---------------------------------------------------------------------------------------------------------- rules

    @rule(source=st.integers(0, 9), plan=plans)
    def call(self, source: int, plan: Plan) -> None:
        name = self._source(source)
        request = self.scribe.request(name, plan)
        if not self._is_settled(name, request):
            return
        expected = self.reference.send(name, request)
        self._compare(name, "alone", request, expected, self.server.callers[name].attempt(request))
        self._finish([(name, request)])

    @rule(source=st.integers(0, 9), plans=st.lists(plans, min_size=1, max_size=_OPERATIONS_MAX), streams=st.booleans())
    def batch_or_stream(self, source: int, plans: list[Plan], *, streams: bool) -> None:
        name = self._source(source)
        requests = [self.scribe.request(name, plan) for plan in plans]
        caller = self.server.callers[name]
        for part in _independent(requests):
            settled: list[Message] = []
            expected: list[Answer | No] = []
            for request in part:
                if self._is_settled(name, request):
                    settled.append(request)
                    expected.append(self.reference.send(name, request))
            if not settled:
                continue
            answers = caller.stream(settled) if streams else caller.batch(settled)
            way = f"{'stream' if streams else 'batch'} of {len(settled)}"
            if len(answers) != len(settled):
                self._fail(f"{way}: {len(answers)} outcomes")
            for request, wanted, answer in zip(settled, expected, answers, strict=True):
                self._compare(name, way, request, wanted, answer)
            self._finish([(name, request) for request in settled])

    @invariant()
    def balances_and_rounds_are_the_references(self) -> None:
        """Those that the last step touched; at the end all of them are read once more."""
        self._check_players(self.touched)
        self.touched.clear()

    def teardown(self) -> None:
        self._check_players(range(self.first_player_id, self.first_player_id + PLAYERS))
        for key in self.rounds:
            self._check_round(key)

    # ---------------------------------------------------------------------------------------------------------- steps

    def _source(self, number: int) -> str:
        """Mostly the first: what one source did is then met more often."""
        names = list(self.server.callers)
        return names[0] if number < 6 else names[number % len(names)]

    def _is_settled(self, source: str, request: Any) -> bool:
        """Leave out what the contract does not settle: whether an ending makes another's withdrawal one's own."""
        if not isinstance(request, pb.RollbackRequest):
            return True
        known = self.reference.withdrawals.get(request.reference_transaction_id)
        return known is None or known.reservation.source == source or known.ending is None

    def _finish(self, requests: Iterable[tuple[str, Any]]) -> None:
        self.count.steps += 1
        for source, request in requests:
            player_id = getattr(request, "player_id", 0)
            if not player_id:
                known = self.reference.withdrawals.get(request.withdrawal_id)
                player_id = known.reservation.request.player_id if known else 0
            if player_id:
                self.touched.add(player_id)
            played: Any = request
            if isinstance(request, pb.RollbackRequest):
                stored = self.reference.own.get((source, own_id_of(request)))
                played = stored.target.request if stored and stored.target else request
            if getattr(played, "game_code", "") and played.round_id:
                key = round_of(source, played)
                self.rounds[key] = None
                self._check_round(key)

    def _compare(self, source: str, way: str, request: Message, expected: Answer | No, answer: Any) -> None:
        wire = text_format.MessageToString(request, as_one_line=True)
        told = answer if isinstance(answer, Refusal) else text_format.MessageToString(answer, as_one_line=True)
        self.told.append(f"{source} {way}: {type(request).__name__} {wire}\n    -> {told}")
        try:
            if isinstance(expected, No):
                self._compare_refusal(expected, answer)
            else:
                self._compare_answer(expected, answer)
        except AssertionError as error:
            self._fail(f"{error}\nexpected {expected}")
        self.count.add(expected.reason if isinstance(expected, No) else pb.OperationStatus.Name(expected.status)[17:])

    def _compare_refusal(self, expected: No, answer: Any) -> None:
        refusal = check_refusal(answer, expected.reason)
        if expected.fields:
            assert refusal.metadata["field"] in expected.fields
        if expected.balance_minor is not None:
            assert refusal.metadata["balance_minor"] == str(expected.balance_minor)

    def _compare_answer(self, expected: Answer, answer: Any) -> None:
        assert isinstance(answer, pb.OperationResult), "it was refused"
        assert answer.status == expected.status
        assert answer.replayed is expected.replayed
        assert answer.transaction_id == expected.transaction_id
        assert answer.balance_after_minor == _text(expected.main_after)
        assert answer.current_balance_minor == _text(expected.main_now)
        assert answer.HasField("created_at")
        stored = expected.facts_of
        if stored is None:
            assert answer.tx_id == ""
            return
        facts = (answer.tx_id, answer.created_at.ToNanoseconds())
        if stored in self.facts:
            assert facts == self.facts[stored], "another tx_id or created_at than the first time"
            return
        assert bool(answer.tx_id) is stored.has_tx_id
        assert answer.tx_id not in self.tx_ids, "another transaction has this tx_id"
        self.tx_ids.update({answer.tx_id} - {""})
        self.facts[stored] = facts

    # ---------------------------------------------------------------------------------------------------------- reads

    def _check_players(self, player_ids: Iterable[int]) -> None:
        caller = next(iter(self.server.callers.values()))
        for player_id in player_ids:
            for network in sorted(set(NETWORKS)):
                request = pb.GetBalanceRequest(player_id=player_id, currency_network_id=network)
                answer = caller.attempt(request)
                main, hold = self.reference.main[player_id, network], self.reference.hold[player_id, network]
                wanted = pb.GetBalanceResponse(
                    available_minor=str(main),
                    withdraw_hold_minor=str(hold),
                    session_hold_minor="0",
                    bonus_minor="0",
                    total_minor=str(main + hold),
                    state=self.reference.state(player_id),
                )
                if answer != wanted:
                    self._fail(f"the balance of {player_id} in {network} is {answer}\nexpected {wanted}")

    def _check_round(self, key: Round) -> None:
        source, player_id, network, game_code, round_id = key
        request = pb.GetRoundRequest(
            player_id=player_id, currency_network_id=network, game_code=game_code, round_id=round_id
        )
        answer = self.server.callers[source].attempt(request)
        totals = self.reference.round(key)
        if totals is None:
            if not isinstance(answer, Refusal) or answer.reason != "ROUND_NOT_FOUND":
                self._fail(f"the round {key} is {answer}\nexpected none")
        elif answer != _response(totals):
            self._fail(f"the round {key} is {answer}\nexpected {totals}")

    def _fail(self, what: str) -> None:
        history = "\n".join(self.told[-_TOLD_MAX:])
        raise DifferenceError(f"on {self.server.name}, after:\n{history}\n{what}")


def _independent(requests: Iterable[Message]) -> Iterable[list[Message]]:
    """Part requests so that in no part two players name one id: across players no order is promised (rule 10)."""
    part: list[Message] = []
    owners: dict[str, set[object]] = {}
    for request in requests:
        names, whose = _names(request)
        if any(owners.get(name, {whose}) != {whose} for name in names):
            yield part
            part, owners = [], {}
        for name in names:
            owners.setdefault(name, set()).add(whose)
        part.append(request)
    if part:
        yield part


def _names(request: Any) -> tuple[set[str], object]:
    """Give what a request names, and for whom. An ending waits for all that was sent before it, so it parts nothing."""
    if isinstance(request, pb.SettleWithdrawalRequest | pb.FailWithdrawalRequest):
        return set(), None
    ids = ("transaction_id", "reference_transaction_id", "withdrawal_id", "deposit_id", "tx_hash")
    return {own_id_of(request)} | {getattr(request, name, "") for name in ids} - {""}, request.player_id


def _text(amount: int | None) -> str:
    return "" if amount is None else str(amount)


def _response(totals: RoundTotals) -> pb.GetRoundResponse:
    return pb.GetRoundResponse(
        closed=totals.closed,
        bets_minor=str(totals.bets),
        wins_minor=str(totals.wins),
        rolled_back_bets_minor=str(totals.rolled_back_bets),
        rolled_back_wins_minor=str(totals.rolled_back_wins),
        transactions=totals.transactions,
    )
