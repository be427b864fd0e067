"""The operations that are sent: endless feeds of serialised requests, one for each slot of the client.

Amounts, ids and rounds look like those of a game studio: ids of 28 to 36 characters, cents as whole USDT minor units.
A feed's requests depend on its prefix alone, so that a run can be repeated.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, assert_never

from bench.clients.orders import Content, Order, Shape
from wallet.v1 import credit_wallet_pb2 as credit_pb
from wallet.v1 import ledger_pb2 as ledger_pb
from wallet.v1 import session_pb2 as session_pb
from wallet.v1 import wallet_pb2 as pb

NETWORK_ID = 1
DEPOSIT_MINOR = 10**15
_CENT_MINOR = 10_000
_STAKE_CENTS_MAX = 10_000
_GAMES = tuple(f"studio-{number % 5}:game-{number}" for number in range(40))

BET, WIN, ROLLBACK, DEPOSIT = "BET", "WIN", "ROLLBACK", "DEPOSIT"
SESSION_BET = "SESSION BET"
WALLET_WRITE = "WALLET WRITE"
JOURNAL_ENTRY = "JOURNAL_ENTRY"
"""Kinds as the ledger names them; what is played in a session stands in its journal alone."""
_ENTRIES = 2
"""Of a bet, a win, a rollback and a deposit alike: the player's and the house's. No amount here is 0."""
_MIXED_SHARES = (50, 45, 5)


@dataclass(frozen=True, slots=True)
class Item:
    """One request, ready to be sent, and the kinds of the operations in it."""

    request: bytes
    kinds: Sequence[str]

    @property
    def entries(self) -> int:
        """The ledger entries that one of its operations leaves."""
        return 0 if self.kinds[0] in {SESSION_BET, WALLET_WRITE} else _ENTRIES


Feed = Iterator[Item]


def feeds_of(order: Order) -> list[Feed]:
    """Return a feed for each slot of a load."""
    return [_feed(order, slot) for slot in range(order.in_flight)]


def _feed(order: Order, slot: int) -> Feed:  # noqa: PLR0911 - one for each content and shape
    prefix = f"{order.prefix}-{slot:02d}"
    match order.content:
        case Content.DEPOSITS:
            return _deposits(range(slot + 1, order.players + 1, order.in_flight), prefix, order.batch_operations)
        case Content.MIXED:
            return _mixed_batches(Bets(prefix, order.players), order.batch_operations)
        case Content.SESSION_BETS:
            return _session_feed(SessionBets(prefix, order.session_tokens), order)
        case Content.WALLET_WRITES:
            return _wallet_feed(order, slot, prefix)
        case Content.JOURNAL_ENTRIES:
            return _journal_entries(order, prefix)
        case Content.BETS:
            bets = Bets(prefix, order.players)
        case _:
            assert_never(order.content)
    match order.shape:
        case Shape.UNARY | Shape.PACED:
            return (Item(bet.SerializeToString(), (BET,)) for bet in bets)
        case Shape.STREAM:
            return (Item(pb.Operation(bet=bet).SerializeToString(), (BET,)) for bet in bets)
        case Shape.BATCH:
            return _bet_batches(bets, order.batch_operations)
        case _:
            assert_never(order.shape)


class Bets:
    """Bets of players drawn uniformly, each with an id and a round of its own."""

    def __init__(self, prefix: str, players: int) -> None:
        self._prefix = prefix
        self._players = players
        self._random = random.Random(prefix)
        self._number = 0

    def __iter__(self) -> Iterator[pb.BetRequest]:
        """Go on for ever."""
        return self

    def __next__(self) -> pb.BetRequest:
        """Return a new bet."""
        self._number += 1
        draw = self._random.random
        return pb.BetRequest(
            transaction_id=f"bet-{self._prefix}-{self._number:012d}",
            player_id=1 + int(draw() * self._players),
            currency_network_id=NETWORK_ID,
            amount_minor=str((1 + int(draw() * _STAKE_CENTS_MAX)) * _CENT_MINOR),
            game_code=_GAMES[int(draw() * len(_GAMES))],
            round_id=f"round-{self._prefix}-{self._number:012d}",
        )


class SessionBets:
    """Bets in sessions drawn uniformly, each with an id and a round of its own."""

    def __init__(self, prefix: str, tokens: Sequence[str]) -> None:
        self._prefix = prefix
        self._tokens = tokens
        self._random = random.Random(prefix)
        self._number = 0

    def __iter__(self) -> Iterator[session_pb.SessionBetRequest]:
        """Go on for ever."""
        return self

    def __next__(self) -> session_pb.SessionBetRequest:
        """Return a new bet."""
        self._number += 1
        draw = self._random.random
        return session_pb.SessionBetRequest(
            session_token=self._tokens[int(draw() * len(self._tokens))],
            transaction_id=f"bet-{self._prefix}-{self._number:012d}",
            amount_minor=str((1 + int(draw() * _STAKE_CENTS_MAX)) * _CENT_MINOR),
            round_id=f"round-{self._prefix}-{self._number:012d}",
        )


def _session_feed(bets: SessionBets, order: Order) -> Feed:
    match order.shape:
        case Shape.UNARY | Shape.PACED:
            return (Item(bet.SerializeToString(), (SESSION_BET,)) for bet in bets)
        case Shape.STREAM:
            return (Item(session_pb.SessionOperation(bet=bet).SerializeToString(), (SESSION_BET,)) for bet in bets)
        case Shape.BATCH:
            return _session_batches(bets, order.batch_operations)
        case _:
            assert_never(order.shape)


def _session_batches(bets: SessionBets, size: int) -> Feed:
    kinds = (SESSION_BET,) * size
    while True:
        operations = [session_pb.SessionOperation(bet=next(bets)) for _ in range(size)]
        yield Item(session_pb.ExecuteSessionBatchRequest(operations=operations).SerializeToString(), kinds)


def _wallet_feed(order: Order, slot: int, prefix: str) -> Feed:
    if order.funding:
        return _wallet_batches(_funding(order, slot, prefix), order.batch_operations)
    writes = _wallet_writes(order, prefix, credits_only=order.shape is not Shape.BATCH)
    if order.shape is Shape.BATCH:
        return _wallet_batches(writes, order.batch_operations)
    return (Item(write.credit.SerializeToString(), (WALLET_WRITE,)) for write in writes)


def _wallet_key(order: Order, number: int) -> str:
    return f"{order.ledger_ids[number % len(order.ledger_ids)]}:customer-{number:06d}"


def _funding(order: Order, slot: int, prefix: str) -> Iterator[credit_pb.WalletOperation]:
    for number in range(slot, order.players, order.in_flight):
        yield credit_pb.WalletOperation(
            credit=credit_pb.CreditRequest(
                wallet_key=_wallet_key(order, number),
                transaction_id=f"fund-{prefix}-{number:012d}",
                amount_minor=str(DEPOSIT_MINOR),
            )
        )


def _wallet_writes(order: Order, prefix: str, *, credits_only: bool) -> Iterator[credit_pb.WalletOperation]:
    """Credits and debits in turns: a token grant, then a burn."""
    draw = random.Random(prefix).random
    number = 0
    while True:
        number += 1
        named: Any = {
            "wallet_key": _wallet_key(order, int(draw() * order.players)),
            "transaction_id": f"write-{prefix}-{number:012d}",
            "amount_minor": str(1 + int(draw() * _STAKE_CENTS_MAX)),
        }
        if credits_only or number % 2:
            yield credit_pb.WalletOperation(credit=credit_pb.CreditRequest(**named))
        else:
            yield credit_pb.WalletOperation(debit=credit_pb.DebitRequest(**named))


def _wallet_batches(writes: Iterator[credit_pb.WalletOperation], size: int) -> Feed:
    while True:
        operations = list(islice(writes, size))
        if not operations:
            return
        request = credit_pb.ExecuteWalletBatchRequest(operations=operations)
        yield Item(request.SerializeToString(), (WALLET_WRITE,) * len(operations))


def _journal_entries(order: Order, prefix: str) -> Feed:
    draw = random.Random(prefix).random
    number = 0
    while True:
        number += 1
        amount = str(1 + int(draw() * _STAKE_CENTS_MAX))
        request = ledger_pb.PostJournalEntryRequest(
            ledger_id=order.ledger_ids[int(draw() * len(order.ledger_ids))],
            transaction_id=f"entry-{prefix}-{number:012d}",
            postings=[
                ledger_pb.JournalPosting(account_code="cash", amount_minor=amount),
                ledger_pb.JournalPosting(account_code=f"sales:{int(draw() * 10)}", amount_minor=f"-{amount}"),
            ],
        )
        yield Item(request.SerializeToString(), (JOURNAL_ENTRY,))


def _bet_batches(bets: Bets, size: int) -> Feed:
    kinds = (BET,) * size
    while True:
        batch = pb.ExecuteBatchRequest(operations=[pb.Operation(bet=next(bets)) for _ in range(size)])
        yield Item(batch.SerializeToString(), kinds)


def _mixed_batches(bets: Bets, size: int) -> Feed:
    """Yield batches of 50% bets, 45% wins and 5% rollbacks of the bets of the slot's batch before, in mixed order.

    A slot sends a batch when the one before is answered, so every win and rollback names an acknowledged bet. The first
    batch holds bets only. A win closes its round, as studios do.
    """
    new, won, rolled_back = (size * share // 100 for share in _MIXED_SHARES)
    assert new == won + rolled_back, "every bet is won or rolled back"
    order = list(range(size))
    random.Random(size).shuffle(order)
    kinds = (BET,) * new + (WIN,) * won + (ROLLBACK,) * rolled_back
    shuffled_kinds = tuple(kinds[place] for place in order)
    before = [next(bets) for _ in range(new)]
    first = pb.ExecuteBatchRequest(operations=[pb.Operation(bet=bet) for bet in before])
    yield Item(first.SerializeToString(), (BET,) * new)
    while True:
        now = [next(bets) for _ in range(new)]
        operations = [
            *(pb.Operation(bet=bet) for bet in now),
            *(pb.Operation(win=_win(bet)) for bet in before[:won]),
            *(pb.Operation(rollback=_rollback(bet)) for bet in before[won:]),
        ]
        batch = pb.ExecuteBatchRequest(operations=[operations[place] for place in order])
        yield Item(batch.SerializeToString(), shuffled_kinds)
        before = now


def _win(bet: pb.BetRequest) -> pb.WinRequest:
    return pb.WinRequest(
        transaction_id=f"win-{bet.transaction_id[4:]}",
        player_id=bet.player_id,
        currency_network_id=bet.currency_network_id,
        amount_minor=bet.amount_minor,
        game_code=bet.game_code,
        round_id=bet.round_id,
        round_closed=True,
        reference_transaction_id=bet.transaction_id,
        win_kind=pb.WIN_KIND_REGULAR,
    )


def _rollback(bet: pb.BetRequest) -> pb.RollbackRequest:
    return pb.RollbackRequest(
        transaction_id=f"undo-{bet.transaction_id[4:]}",
        player_id=bet.player_id,
        currency_network_id=bet.currency_network_id,
        reference_transaction_id=bet.transaction_id,
    )


def _deposits(player_ids: Sequence[int], prefix: str, size: int) -> Feed:
    for start in range(0, len(player_ids), size):
        deposits = [
            pb.DepositSettlementRequest(
                deposit_id=f"deposit-{prefix}-{player_id:012d}",
                player_id=player_id,
                currency_network_id=NETWORK_ID,
                amount_minor=str(DEPOSIT_MINOR),
            )
            for player_id in player_ids[start : start + size]
        ]
        operations = [pb.Operation(apply_deposit_settlement=deposit) for deposit in deposits]
        yield Item(pb.ExecuteBatchRequest(operations=operations).SerializeToString(), (DEPOSIT,) * len(deposits))
