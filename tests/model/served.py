"""A running server: requests go through its services, several calls at once; in the end everything is read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from time import sleep
from typing import Any

from google.protobuf.message import Message
from model.comparing import check, check_events, check_list
from model.core import Answer, Unknown
from model.driven import Driven
from model.wallet import Model
from support.credit import CreditCaller
from support.database import Installation
from support.outbox import told
from support.server import ENGINE_MODES, WalletServer
from support.sessions import SessionCaller
from support.wallet import Sender

from wallet.v1 import credit_wallet_pb2, ledger_pb2, session_pb2
from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.store.operator.keys import create_key
from wallet_grpc.store.reads.keys import Role

SOURCES = ("model-a", "model-b", "model-c")
_CALLS_AT_ONCE = 8
_MARGIN_S = 0.1
_PAGE = 1_000


class Served(Driven):
    """A server on a database of its own, with callers that may do everything."""

    sources = SOURCES
    short_ttl_s = 3

    def __init__(self, name: str, server: WalletServer, keys: dict[str, str], pool: ThreadPoolExecutor) -> None:
        self.name = name
        self.cells = server.installation.cells
        self._installation = server.installation
        self._pool = pool
        wallet = server.wallet()
        self._callers: dict[str, dict[object, Sender]] = {}
        for source, key in keys.items():
            caller = wallet.caller(key)
            credit = CreditCaller(caller, wallet.channel())
            self._callers[source] = {
                pb.DESCRIPTOR: caller,
                session_pb2.DESCRIPTOR: SessionCaller(caller, wallet.channel()),
                credit_wallet_pb2.DESCRIPTOR: credit,
                ledger_pb2.DESCRIPTOR: credit,
            }

    def begin(self) -> None:
        """Go on: other histories stay where they are, and none touches them."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def may_wait(self, seconds: int) -> bool:
        """Seldom: seconds are long here."""
        return seconds == 63

    def wait(self, seconds: int) -> None:
        """Wait for what was opened or reserved for a short time, whatever was asked: an edge cannot be hit here."""
        del seconds
        sleep(self.short_ttl_s + _MARGIN_S)

    def send(self, batches: Sequence[tuple[str, list[Message]]], way: str) -> list[list[Any]]:
        calls = [lambda one=one: self._call(one[0], one[1], way) for one in batches]  # type: ignore[misc]
        return self._at_once(calls) if len(calls) > 1 else [call() for call in calls]

    def _call(self, source: str, requests: list[Message], way: str) -> list[Any]:
        caller = self._callers[source][requests[0].DESCRIPTOR.file]
        is_ledgers = requests[0].DESCRIPTOR.file is ledger_pb2.DESCRIPTOR
        if way == "alone" or is_ledgers:
            return [caller.attempt(request) for request in requests]
        if way == "batch" or isinstance(caller, CreditCaller):
            return list(caller.batch(requests))  # type: ignore[attr-defined]
        return list(caller.stream(requests))  # type: ignore[attr-defined]

    def _at_once(self, calls: Iterable[Callable[[], Any]]) -> list[Any]:
        return [future.result() for future in [self._pool.submit(call) for call in calls]]

    # ---------------------------------------------------------------------------------------------------------- reads

    def check(self, model: Model) -> None:
        reads = [
            *self._of_players(model),
            *self._of_sessions(model),
            *self._of_credit(model),
            *self._of_ledgers(model),
        ]
        answers = self._at_once(lambda one=one: self._reader(one[0]).attempt(one[0]) for one in reads)  # type: ignore[misc]
        for (request, expected), answer in zip(reads, answers, strict=True):
            try:
                if isinstance(expected, Answer):
                    check(model, expected, answer)
                else:
                    name, rows = expected
                    check_list(model, name, rows, getattr(answer, name))
            except AssertionError as error:
                raise AssertionError(f"{type(request).__name__} {request}: {error}\ngot {answer}") from error
        players = [one.player_id for one in model.books.events]
        if players:
            check_events(model, list(told(self._installation, min(players), max(players))))

    def _reader(self, request: Any) -> Sender:
        source = request.source if isinstance(request, pb.GetRoundRequest) else SOURCES[0]
        return self._callers[source or SOURCES[0]][request.DESCRIPTOR.file]

    def _of_players(self, model: Model) -> Iterator[tuple[Message, Any]]:
        for player_id, network in {key[1:] for key in model.books.balances}:
            request = pb.GetBalanceRequest(player_id=player_id, currency_network_id=network)
            yield request, model.players.balance((player_id, network))
        for key in model.players.rounds():
            source, player_id, network, game_code, round_id = key
            request: Message = pb.GetRoundRequest(
                source=source,
                player_id=player_id,
                currency_network_id=network,
                game_code=game_code,
                round_id=round_id,
            )
            yield request, model.players.round(key)

    def _of_sessions(self, model: Model) -> Iterator[tuple[Message, Any]]:
        for token, session in model.sessions.by_token.items():
            yield session_pb2.GetSessionRequest(session_token=token), model.sessions.session(session)
            journal = session_pb2.ListSessionTransactionsRequest(session_token=token, page_size=_PAGE)
            yield journal, ("transactions", model.sessions.journal(session))
            for round_id in {row.round_id for row in session.rows.values()} - {""}:
                request = session_pb2.GetSessionRoundRequest(session_token=token, round_id=round_id)
                yield request, model.sessions.round(session, round_id)

    def _of_credit(self, model: Model) -> Iterator[tuple[Message, Any]]:
        for key, purse in model.credit.purses.items():
            yield credit_wallet_pb2.GetWalletRequest(wallet_key=key), model.credit.wallet(purse)
            entries = credit_wallet_pb2.ListWalletEntriesRequest(wallet_key=key, page_size=_PAGE)
            yield entries, ("entries", model.credit.journal(purse))

    def _of_ledgers(self, model: Model) -> Iterator[tuple[Message, Any]]:
        for ledger_id, ledger in model.ledgers.by_id.items():
            for code in ledger.balances:
                request = ledger_pb2.GetLedgerAccountRequest(ledger_id=ledger_id, account_code=code)
                yield request, model.ledgers.account(ledger, code)
            for entry in ledger.entries:
                tx_id = model.names[Unknown("tx_id", entry)]
                yield (
                    ledger_pb2.GetJournalEntryRequest(ledger_id=ledger_id, tx_id=tx_id),
                    model.ledgers.entry(ledger, entry),
                )


@contextmanager
def served(installations: Sequence[Installation]) -> Iterator[list[Served]]:
    """Start a server for each way of committing, each on a database of its own.

    No worker settles what is over: that is a race, which has tests of its own.
    """
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(_CALLS_AT_ONCE))
        wallets = []
        for (name, mode), installation in zip(ENGINE_MODES.items(), installations, strict=True):
            keys = _all_roles(installation)
            server = stack.enter_context(WalletServer(installation, **mode, WALLET_SESSION_EXPIRY_GRACE_MS="600000"))
            wallets.append(Served(name, server, keys, pool))
        yield wallets


def _all_roles(installation: Installation) -> dict[str, str]:
    with installation.connect() as connection:
        return {
            source: create_key(connection, prefix="sk_test_", source=source, roles=list(Role)).key for source in SOURCES
        }
