"""Random scripts: requests that keep meeting each other's ids, rounds, players and balances."""

import random
from typing import Any

from google.protobuf.message import Message

from support.requests import USDT_ETHEREUM, USDT_TRON, Player, fail, fresh_id, settle
from wallet.v1 import wallet_pb2 as pb

_CALLS = {
    "bet": 24,
    "win": 22,
    "rollback": 22,
    "bet_and_win": 10,
    "reserve": 5,
    "settle": 4,
    "fail": 3,
    "deposit": 5,
    "adjust": 3,
    "state": 2,
}
_SENT_AGAIN = 0.1  # how often an earlier request is sent once more
_SEEN_AGAIN = 0.2  # how often an id was used before
_ELSEWHERE = 0.06  # how often a request is about another round or network than most


class Script:
    """Builds requests one after another, from a seed; another naming makes the same script with other ids."""

    def __init__(self, seed: int, players: list[Player]) -> None:
        self._random = random.Random(seed)
        self._players = players
        self._naming = fresh_id("s")
        self._ids: dict[str, list[str]] = {"t": [], "w": [], "d": []}
        self._bets: list[Any] = []
        self._played: list[str] = []  # ids of what may be rolled back

    def requests(self, length: int) -> list[Message]:
        """Return the next requests of the script, some of them sent again."""
        made: list[Message] = []
        for call in self._random.choices(list(_CALLS), weights=list(_CALLS.values()), k=length):
            is_again = made and self._random.random() < _SENT_AGAIN
            made.append(self._random.choice(made[-20:]) if is_again else getattr(self, f"_{call}")(self._player()))
        return made

    def _bet(self, player: Player) -> Message:
        return self._remember(player.bet(self._amount(), **self._play()))

    def _bet_and_win(self, player: Player) -> Message:
        return self._remember(player.bet_and_win(self._amount(), self._amount(), **self._play()))

    def _win(self, player: Player) -> Message:
        fields = self._play()
        if self._random.random() < 0.12:  # of a game of its own
            fields |= {"game_code": "jackpots", "win_kind": pb.WIN_KIND_JACKPOT}
            return self._play_out(player.win(self._amount(), reference_transaction_id=self._used("t"), **fields))
        if not self._bets or self._random.random() < _ELSEWHERE:
            return player.win(self._amount(), reference_transaction_id=self._used("t"), **fields)
        bet = self._random.choice(self._bets[-6:])
        if self._random.random() > _ELSEWHERE:
            player = player.on(bet.currency_network_id)
            fields |= {"game_code": bet.game_code, "round_id": bet.round_id}
        return self._play_out(player.win(self._amount(), reference_transaction_id=bet.transaction_id, **fields))

    def _rollback(self, player: Player) -> Message:
        name = "" if self._random.random() < 0.4 else self._id("t")
        reference = (
            self._random.choice(self._played[-8:]) if self._played and self._random.random() < 0.6 else self._used("t")
        )
        if name == reference:  # INVALID_FIELD, a fault of shape
            name = ""
        return player.rollback(reference, transaction_id=name, round_closed=self._random.random() < 0.1)

    def _reserve(self, player: Player) -> Message:
        return player.reserve(self._positive(), withdrawal_id=self._id("w"))

    def _settle(self, _: Player) -> Message:
        return settle(self._used("w"), self._random.choice(["0", "1", "2", "60"]))

    def _fail(self, _: Player) -> Message:
        return fail(self._used("w"))

    def _deposit(self, player: Player) -> Message:
        return player.deposit(self._positive(), deposit_id=self._id("d"))

    def _adjust(self, player: Player) -> Message:
        direction = self._random.choice([pb.DIRECTION_CREDIT, pb.DIRECTION_DEBIT])
        return player.adjust(self._positive(), direction, transaction_id=self._id("t"))

    def _state(self, player: Player) -> Message:
        not_active = [pb.PLAYER_STATE_BLOCKED, pb.PLAYER_STATE_CLOSED, pb.PLAYER_STATE_EXCLUDED]
        states = [pb.PLAYER_STATE_ACTIVE] * 3 + not_active
        return player.state(self._random.choice(states), transaction_id=self._id("t"))

    def _player(self) -> Player:
        player = self._random.choice(self._players)
        return player.on(USDT_ETHEREUM if self._random.random() < _ELSEWHERE else USDT_TRON)

    def _play(self) -> dict[str, Any]:
        return {
            "transaction_id": self._id("t"),
            "game_code": "g2" if self._random.random() < _ELSEWHERE else "g1",
            "round_id": f"{self._naming}-{self._random.randrange(4)}",
            "round_closed": self._random.random() < 0.12,
        }

    def _amount(self) -> str:
        return str(self._random.choice([0, 5, 5, 10, 10, 20, 40, 80]))

    def _positive(self) -> str:
        return str(self._random.choice([10, 20, 50]))

    def _id(self, space: str) -> str:
        if self._ids[space] and self._random.random() < _SEEN_AGAIN:
            return self._random.choice(self._ids[space][-8:])
        return self._next(space)

    def _used(self, space: str) -> str:
        """Return an id that was used, now and then one that is yet to come."""
        if not self._ids[space] or self._random.random() < 0.1:
            return self._next(space)
        return self._random.choice(self._ids[space][-8:])

    def _next(self, space: str) -> str:
        name = f"{self._naming}-{space}{len(self._ids[space])}"
        self._ids[space].append(name)
        return name

    def _remember(self, bet: Any) -> Any:
        self._bets.append(bet)
        return self._play_out(bet)

    def _play_out(self, request: Any) -> Any:
        self._played.append(request.transaction_id)
        return request
