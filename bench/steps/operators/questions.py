"""Every call that operators have, with each filter; what it is about differs from one time to the next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from bench.steps.operators.names import Names
from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import backoffice_pb2_grpc, session_pb2, session_pb2_grpc, wallet_pb2, wallet_pb2_grpc

MANY = 1
"""The player who has a twentieth of all transactions."""
NOBODY = 2**62
_TIMEOUT_S = 30.0
_DEEP_ROWS_MAX = 5_000
_PAGE = 100
_LONG_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call, asked several times."""

    name: str
    requests: Sequence[Any]
    is_search: bool = False


class Asker:
    """Asks the wallet as an operator does."""

    def __init__(self, address: str, key: str) -> None:
        self._channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
        self._metadata = (("authorization", f"Bearer {key}"),)
        self._stubs: Sequence[Any] = [
            backoffice_pb2_grpc.BackofficeServiceStub(self._channel),
            wallet_pb2_grpc.WalletServiceStub(self._channel),
            session_pb2_grpc.LedgerSessionServiceStub(self._channel),
        ]

    def ask(self, request: Any) -> Any:
        """Make the call that a request is for."""
        name = type(request).__name__.removesuffix("Request")
        method = next(found for stub in self._stubs if (found := getattr(stub, name, None)) is not None)
        return method(request, metadata=self._metadata, timeout=_TIMEOUT_S)

    def deep(self, request: Any) -> Any:
        """Give a list's request for a page of 100 that lies some 5,000 rows behind the first, if it has as many."""
        asked = type(request)()
        asked.CopyFrom(request)
        asked.page_size = _LONG_PAGE
        for _ in range(_DEEP_ROWS_MAX // _LONG_PAGE):
            token = self.ask(asked).next_page_token
            if not token:
                break
            asked.page_token = token
        asked.page_size = request.page_size
        return asked

    def close(self) -> None:
        """Hang up."""
        self._channel.close()


def questions_of(names: Names, asker: Asker, *, ledger_id: str, wallet_key: str, count: int) -> list[Question]:
    """Give every question, each so many times."""

    def listed(name: str, requests: Sequence[Any]) -> list[Question]:
        """Give the first page of a list, and one that lies deep."""
        first = Question(name=name, requests=list(islice(cycle(requests), count)))
        deep = Question(name=f"{name}, a deep page", requests=[asker.deep(requests[0])] * count)
        return [first, deep]

    def asked(name: str, requests: Sequence[Any]) -> list[Question]:
        return [Question(name=name, requests=list(islice(cycle(requests), count)))]

    return [
        *_searches(names, ledger_id=ledger_id, wallet_key=wallet_key, count=count),
        *_transactions(names, listed, asked),
        *_players(names, listed, asked),
        *_others(names, listed, asked, ledger_id=ledger_id, wallet_key=wallet_key),
        *_figures(names, listed, asked),
    ]


_Listed = Callable[[str, Sequence[Any]], list[Question]]


def _searches(names: Names, *, ledger_id: str, wallet_key: str, count: int) -> list[Question]:
    hexadecimal = [uuid4().hex + uuid4().hex for _ in range(count)]
    texts: Mapping[str, Sequence[str]] = {
        "a player": [str(row.owner_id) for row in names.bets],
        "a tx_id": [row.tx_id for row in names.bets],
        "a transaction_id": [row.reference for row in names.bets],
        "a deposit": [row.reference for row in names.deposits],
        "a withdrawal": [row.reference for row in names.withdrawals],
        "a hash": [row.tx_hash for row in names.deposits],
        "an output": [f"0x{row.tx_hash.upper()}:0" for row in names.deposits],
        "a round": [row.round_id for row in names.bets],
        "a session": [row.token for row in names.sessions],
        "a session's id": [row.session_id for row in names.sessions],
        "a play in a session": [row.transaction_id for row in names.sessions],
        "a round in a session": [row.round_id for row in names.sessions],
        "a wallet": [wallet_key],
        "a ledger": [ledger_id],
        "an event": names.event_ids,
        "a text that nothing has": [f"nothing-{text[:20]}" for text in hexadecimal],
        "a uuid that nothing has": [str(uuid4()) for _ in range(count)],
        "a hash that nothing has": hexadecimal,
        "a number that nothing has": [str(NOBODY + number) for number in range(count)],
    }
    return [
        Question(
            name=f"search, {what}",
            requests=[pb.SearchRequest(query=text) for text in islice(cycle(found), count)],
            is_search=True,
        )
        for what, found in texts.items()
    ]


def _transactions(names: Names, listed: _Listed, asked: _Listed) -> list[Question]:
    def page(**filters: Any) -> pb.ListTransactionsRequest:
        return pb.ListTransactionsRequest(page_size=_PAGE, **filters)

    def kinds(*wanted: str) -> list[int]:
        return [wallet_pb2.TransactionKind.Value(f"TRANSACTION_KIND_{name}") for name in wanted]

    periods = [
        _period(names.now - timedelta(days=days), names.now - timedelta(days=days - 0.5)) for days in range(3, 25)
    ]
    return [
        *listed("transactions, all", [page()]),
        *listed("transactions of a player", [page(player_id=row.owner_id) for row in names.bets]),
        *listed("transactions of a player who has many", [page(player_id=MANY)]),
        *listed("transactions of a source", [page(source=row.source) for row in names.bets]),
        *asked("transactions of a source that has none", [page(source="none")]),
        *listed("transactions of a kind that is rare", [page(kinds=kinds("DEPOSIT", "ADJUSTMENT"))]),
        *asked("transactions of a kind that nobody did", [page(kinds=kinds("BET_AND_WIN"))]),
        *listed("transactions of a player, wins", [page(player_id=MANY, kinds=kinds("WIN"))]),
        *asked("transactions of a player, a rare kind", [page(player_id=MANY, kinds=kinds("ADJUSTMENT"))]),
        *listed("transactions of a game", [page(game_code=row.game_code) for row in names.bets]),
        *asked(
            "transactions of a player's round",
            [page(player_id=row.owner_id, round_id=row.round_id, game_code=row.game_code) for row in names.bets],
        ),
        *asked("transactions of a currency network that has none", [page(currency_network_id=2)]),
        *listed("transactions of a period", [page(**period) for period in periods]),
        *asked("transactions of a player in a period", [page(player_id=MANY, **period) for period in periods]),
        *asked("1,000 transactions", [pb.ListTransactionsRequest(page_size=_LONG_PAGE)]),
        *asked("a chain of a bet", [pb.GetTransactionChainRequest(tx_id=row.tx_id) for row in names.bets]),
        *asked(
            "a chain of a withdrawal", [pb.GetTransactionChainRequest(tx_id=row.tx_id) for row in names.withdrawals]
        ),
    ]


def _players(names: Names, listed: _Listed, asked: _Listed) -> list[Question]:
    blocked = wallet_pb2.PLAYER_STATE_BLOCKED
    return [
        *asked("a player", [pb.GetPlayerRequest(player_id=row.owner_id) for row in names.bets]),
        *asked("a player who has many", [pb.GetPlayerRequest(player_id=MANY)]),
        *asked("a player who is none", [pb.GetPlayerRequest(player_id=NOBODY)]),
        *listed("players", [pb.ListPlayersRequest(page_size=_PAGE)]),
        *listed("players who are blocked", [pb.ListPlayersRequest(page_size=_PAGE, state=blocked)]),
        *asked(
            "a statement of a month",
            [
                pb.GetStatementRequest(
                    player_id=row.owner_id,
                    page_size=_PAGE,
                    **_period(names.now - timedelta(days=30), names.now - timedelta(minutes=5)),
                )
                for row in names.bets
                if row.owner_id != MANY
            ],
        ),
        *asked(
            "a statement of a day of a player who has many",
            [
                pb.GetStatementRequest(
                    player_id=MANY,
                    page_size=_PAGE,
                    **_period(names.now - timedelta(days=1), names.now - timedelta(minutes=5)),
                )
            ],
        ),
    ]


def _others(names: Names, listed: _Listed, asked: _Listed, *, ledger_id: str, wallet_key: str) -> list[Question]:
    old = Duration(seconds=86_400)
    under_way = [pb.WITHDRAWAL_STATE_RESERVED, pb.WITHDRAWAL_STATE_BROADCASTED]
    received, published = pb.EVENT_DIRECTION_RECEIVED, pb.EVENT_DIRECTION_PUBLISHED
    sessions = [pb.ListSessionsRequest(page_size=_PAGE, player_id=row.owner_id) for row in names.sessions]
    return [
        *listed("withdrawals", [pb.ListWithdrawalsRequest(page_size=_PAGE, newest_first=True)]),
        *listed("withdrawals under way", [pb.ListWithdrawalsRequest(page_size=_PAGE, states=under_way)]),
        *asked(
            "withdrawals that are old", [pb.ListWithdrawalsRequest(page_size=_PAGE, states=under_way, older_than=old)]
        ),
        *asked(
            "withdrawals of a player",
            [pb.ListWithdrawalsRequest(page_size=_PAGE, player_id=row.owner_id) for row in names.withdrawals],
        ),
        *listed("sessions", [pb.ListSessionsRequest(page_size=_PAGE)]),
        *asked("sessions of a player", sessions),
        *listed("sessions of a source", [pb.ListSessionsRequest(page_size=_PAGE, source="studio-7")]),
        *listed(
            "sessions that are open", [pb.ListSessionsRequest(page_size=_PAGE, status=session_pb2.SESSION_STATUS_OPEN)]
        ),
        *asked(
            "sessions that expired",
            [pb.ListSessionsRequest(page_size=_PAGE, status=session_pb2.SESSION_STATUS_EXPIRED)],
        ),
        *asked(
            "a session's journal",
            [session_pb2.ListSessionTransactionsRequest(session_token=row.token) for row in names.sessions],
        ),
        *asked(
            "a round",
            [
                wallet_pb2.GetRoundRequest(
                    player_id=row.owner_id,
                    currency_network_id=1,
                    game_code=row.game_code,
                    round_id=row.round_id,
                    source=row.source,
                )
                for row in names.bets
            ],
        ),
        *listed("credit wallets", [pb.ListCreditWalletsRequest(ledger_id=ledger_id, page_size=_PAGE)]),
        *asked("reservations", [pb.ListReservationsRequest(wallet_key=wallet_key, page_size=_PAGE)]),
        *asked("the overview", [pb.GetOverviewRequest()]),
        *asked("the last verification", [pb.GetLastVerificationRequest()]),
        *asked("keys", [pb.ListKeysRequest(page_size=_PAGE, revoked=True)]),
        *asked("rails", [pb.ListRailsRequest()]),
        *listed("events received", [pb.ListParkedEventsRequest(page_size=_PAGE, direction=received)]),
        *listed("events published", [pb.ListParkedEventsRequest(page_size=_PAGE, direction=published)]),
        *asked("an event", [pb.GetParkedEventRequest(event_ref=ref) for ref in names.events]),
        *listed("the trail", [pb.ListOperatorActionsRequest(page_size=_PAGE)]),
        *asked(
            "the trail of an operator",
            [pb.ListOperatorActionsRequest(page_size=_PAGE, actor=f"operator-{number}") for number in range(20)],
        ),
        *asked("the trail of nobody", [pb.ListOperatorActionsRequest(page_size=_PAGE, actor="nobody")]),
        *asked(
            "the trail of a kind",
            [pb.ListOperatorActionsRequest(page_size=_PAGE, kind=pb.OPERATOR_ACTION_KIND_APPROVAL)],
        ),
        *listed("proposals", [pb.ListProposalsRequest(page_size=_PAGE)]),
        *asked("proposals that are open", [pb.ListProposalsRequest(page_size=_PAGE, state=pb.PROPOSAL_STATE_OPEN)]),
        *asked(
            "proposals of a player",
            [pb.ListProposalsRequest(page_size=_PAGE, player_id=row.owner_id) for row in names.bets],
        ),
        *asked("a proposal", [pb.GetProposalRequest(proposal_id=name) for name in names.proposals]),
    ]


def _figures(names: Names, listed: _Listed, asked: _Listed) -> list[Question]:
    month = _period(names.now - timedelta(days=40), names.now + timedelta(days=1))
    yesterday = _stamp(names.now - timedelta(days=1))
    day, source, game = pb.REVENUE_BY_DAY, pb.REVENUE_BY_SOURCE, pb.REVENUE_BY_GAME

    def revenue(*by: pb.RevenueBy) -> pb.GetGamingRevenueRequest:
        return pb.GetGamingRevenueRequest(by=by, page_size=_PAGE, **month)

    return [
        *asked("trial balance, now", [pb.GetTrialBalanceRequest()]),
        *asked("trial balance, yesterday", [pb.GetTrialBalanceRequest(at=yesterday)]),
        *asked("liabilities, now", [pb.GetLiabilitiesRequest()]),
        *asked("liabilities, yesterday", [pb.GetLiabilitiesRequest(at=yesterday)]),
        *asked("revenue of a month", [revenue()]),
        *asked("revenue by day", [revenue(day)]),
        *asked("revenue by source", [revenue(source)]),
        *listed("revenue by source and game", [revenue(source, game)]),
        *listed("revenue by day, source and game", [revenue(day, source, game)]),
    ]


def _period(begins: datetime, ends: datetime) -> Any:
    return {"from": _stamp(begins), "to": _stamp(ends)}


def _stamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
