"""The rules alone, over one book in memory: requests become commands, decisions become answers, as in a server.

What a server does beside them (rights, networks, transactions, lanes) is not there, so a history takes milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from google.protobuf.message import Message
from model.comparing import check_events, check_list
from model.driven import Driven
from model.wallet import Model
from support.credit import OPERATIONS as CREDIT_NAMES
from support.database import CURRENCY_NETWORKS
from support.refusals import refusal_of_status
from support.requests import OPERATIONS as PLAYER_NAMES
from support.sessions import OPERATIONS as SESSION_NAMES
from unit.desk import BEGINNING, Desk

from wallet.v1 import ledger_pb2, session_pb2
from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.credit.commands import CreditCommand
from wallet_grpc.domain.credit.state import ReservationState
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId, OwnerId, Source, withdrawal_key
from wallet_grpc.domain.ledgers.outcomes import JournalPosted
from wallet_grpc.domain.players.commands import UnlocatedEnding
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.domain.refusals import Refusal as Refused
from wallet_grpc.domain.sessions.state import Rail
from wallet_grpc.domain.transactions import Kind
from wallet_grpc.rpc.credit.service import OPERATIONS as CREDIT
from wallet_grpc.rpc.ledgers import answers as ledger_answers
from wallet_grpc.rpc.ledgers import requests as ledger_requests
from wallet_grpc.rpc.ledgers.service import OPERATIONS as LEDGERS
from wallet_grpc.rpc.operations import Operation
from wallet_grpc.rpc.players.requests import AdjustmentLimits
from wallet_grpc.rpc.players.service import operations_of as operations_of_players
from wallet_grpc.rpc.sessions.answers import journal_row
from wallet_grpc.rpc.sessions.requests import SessionTimes
from wallet_grpc.rpc.sessions.service import operations_of
from wallet_grpc.rpc.status import status_of
from wallet_grpc.store.queues.event_data import NetworkNames, event_data
from wallet_grpc.store.reads.sessions import SessionJournalRow

SOURCES = ("model-a", "model-b", "model-c")
_NETWORKS = {number: NetworkNames(currency, network) for number, (currency, network, _) in CURRENCY_NETWORKS.items()}
_ACCOUNTS = (AccountType.MAIN, AccountType.WITHDRAW_HOLD, AccountType.SESSION_HOLD)
_PLAYERS = operations_of_players(AdjustmentLimits())
_SESSIONS = operations_of(SessionTimes(ttl_default_s=3_600, ttl_max_s=86_400))
_OPERATIONS: dict[type[Message], Operation] = {
    **{kind: _PLAYERS[name] for kind, (name, _) in PLAYER_NAMES.items()},
    **{kind: _SESSIONS[name] for kind, (name, _) in SESSION_NAMES.items()},
    **{kind: CREDIT[name] for kind, name in CREDIT_NAMES.items()},
    ledger_pb2.CreateLedgerRequest: LEDGERS["create_ledger"],
}


class InMemory(Driven):
    """A book, and the clock that tests set."""

    name = "in memory"
    sources = SOURCES
    short_ttl_s = 2

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.desk = Desk()
        self.desk.book.sessions.rails |= {
            (Source(source), CurrencyNetworkId(network)): Rail.LEDGER for source in SOURCES for network in _NETWORKS
        }
        self.seconds = 1

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.seconds)

    def may_wait(self, seconds: int) -> bool:
        return seconds % 3 == 0

    def wait(self, seconds: int) -> None:
        self.seconds += seconds % 4

    def send(self, batches: Sequence[tuple[str, list[Message]]], way: str) -> list[list[Any]]:
        """One after the other: at once they can be where there are lanes."""
        del way
        return [[self._answer(Source(source), request) for request in requests] for source, requests in batches]

    def _answer(self, source: Source, request: Message) -> Any:
        try:
            command = self._command(source, request)
        except MalformedError as error:
            return refusal_of_status(status_of(error.refusal, "none"))
        outcome = self._decided(command)
        if isinstance(outcome, Refused):
            return refusal_of_status(status_of(outcome, "none"))
        if isinstance(outcome, JournalPosted):
            return ledger_answers.journal_posted(outcome)
        answer = _OPERATIONS[type(request)].answer
        return answer.fill(outcome, answer.message())

    def _command(self, source: Source, request: Any) -> Command:
        if isinstance(request, ledger_pb2.PostJournalEntryRequest):
            ledger = self._ledger(source, ledger_requests.ledger_id_of(request.ledger_id))
            return ledger_requests.journal_entry_of(request, source, ledger, ledger_requests.legs_of(request.postings))
        command = _OPERATIONS[type(request)].command(request, source)
        if isinstance(command, UnlocatedEnding):
            reservation = self.desk.book.transactions.get(withdrawal_key(command.withdrawal_id))
            if reservation is None:
                raise MalformedError(Refused(reason=Reason.WITHDRAWAL_NOT_FOUND, message="as the engine finds"))
            return command.located(reservation.owner_id, reservation.currency_network_id)  # type: ignore[arg-type]
        if isinstance(command, CreditCommand):
            self._ledger(source, command.wallet.ledger_id)
        return command

    def _ledger(self, source: Source, ledger_id: str) -> Any:
        """Find a ledger, as the directory of a server does."""
        for ledger in self.desk.book.ledgers.created.values():
            if ledger.ledger_id == ledger_id and ledger.source == source:
                return ledger
        raise MalformedError(Refused(reason=Reason.LEDGER_NOT_FOUND, message="as the directory finds"))

    def _decided(self, command: Command) -> Any:
        if isinstance(command, CreditCommand):
            self._pass_time(command)
        self.desk.seconds = self.seconds - 1  # sending takes one
        return self.desk.send(command)

    def _pass_time(self, command: CreditCommand) -> None:
        """Do what a load does: what is over by now holds nothing."""
        wallet = self.desk.book.credit.wallets.get(command.wallet.wallet_id)
        if wallet is not None:
            wallet.now = self.now()
            wallet.held_minor = sum(
                it.amount_minor
                for it in wallet.reservations.values()
                if it.wallet_id == wallet.wallet_id and it.state is ReservationState.OPEN and wallet.now < it.expires_at
            )

    # ---------------------------------------------------------------------------------------------------------- check

    def check(self, model: Model) -> None:
        book, books = self.desk.book, model.books
        for player_id, network in {key[1:] for key in books.balances}:
            for account_type in _ACCOUNTS:
                wanted = books.balances[account_type, player_id, network]
                found = book.balance(OwnerId(player_id), CurrencyNetworkId(network), account_type)
                assert found == wanted, f"{account_type} of {player_id} in {network} is {found}, not {wanted}"
            wanted = books.versions[player_id, network]
            found = book.version(OwnerId(player_id), CurrencyNetworkId(network), AccountType.MAIN)
            assert found == wanted, f"the version of {player_id} in {network} is {found}, not {wanted}"
        house = {(str(account), int(network)): amount for (network, account), amount in book.house.items() if amount}
        assert house == {key: amount for key, amount in books.house.items() if amount}
        for token, session in model.sessions.by_token.items():
            check_list(model, f"the journal of {token}", model.sessions.journal(session), self._journal(token))
        check_events(model, self._events())

    def _journal(self, token: str) -> list[session_pb2.SessionTransaction]:
        """List a session's journal as a server does."""
        session = next(one for one in self.desk.book.sessions.by_id.values() if one.token == token)
        rows = [
            SessionJournalRow(
                entry=entry,
                reversed_by_transaction_id=rollback.transaction_id
                if (rollback := session.reversal_of(entry))
                else None,
            )
            for entry in sorted(session.entries.values(), key=attrgetter("entry_no"))
            if entry.kind is not Kind.SESSION_SETTLEMENT
        ]
        return [journal_row(row, session_pb2.SessionTransaction()) for row in rows]

    def _events(self) -> list[tuple[str, int, int, dict[str, Any]]]:
        return [
            (
                str(event.event_type),
                int(event.transaction.owner_id),
                event.sequence,
                json.loads(event_data(event, _NETWORKS.get(event.transaction.currency_network_id or 0), "now")),
            )
            for change in self.desk.book.changes
            for event in change.events
        ]
