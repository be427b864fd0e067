"""The demo's story: what a game and a payments system send in the life of one player, and what must come of it.

Every step knows how it has to come out; at the first that does not, the story stops. Player, rounds and ids are new in
each run, so it can be told again and again to the same wallet.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from google.protobuf.message import Message

from devstack.demo.page import Page, Step
from devstack.demo.running_wallet import Accepted, DemoWallet, Refused
from wallet.v1 import wallet_pb2 as pb

USDT_TRON = 1
DECIMALS = 6
_GAME = "book-of-ledgers"
_PLAYER_ID_MAX = 2**53 - 1  # JSON's numbers hold it as well, for whoever looks at the player by buf curl


class SurpriseError(Exception):
    """Something came out otherwise than the story says."""


@dataclass(slots=True, kw_only=True)
class Story:
    """One telling."""

    wallet: DemoWallet
    page: Page
    player_id: int = field(default_factory=lambda: secrets.randbelow(_PLAYER_ID_MAX) + 1)
    _tag: str = field(default_factory=lambda: secrets.token_hex(4))
    _round_id: str = ""
    _settlement_tx_id: str = ""

    def tell(self) -> None:
        """Send everything, in order.

        Raises:
            SurpriseError: Something came out otherwise.
            StackError: The wallet does not answer.
        """
        self._fresh_player()
        self._deposit()
        self._round()
        self._sent_twice()
        self._rollback_first()
        self._win_rolled_back()
        self._too_large()
        self._withdrawal()
        self._batch()
        self._books()

    # ---- chapters

    def _fresh_player(self) -> None:
        self.page.chapter(
            "A fresh player",
            f"Player {self.player_id} in currency network {USDT_TRON}: USDT on TRON, {DECIMALS} decimals. The wallet "
            "has never seen the player, and needs no registration. Amounts are whole minor units, 1000000 for 1 USDT. "
            f"The ids of this run end in {self._tag}.",
        )
        self._show_balances(available=0, withdraw_hold=0)

    def _deposit(self) -> None:
        self.page.chapter("A deposit", "The payments system tells of 100 USDT that settled on chain.")
        request = pb.DepositSettlementRequest(
            deposit_id=self._id("deposit"),
            player_id=self.player_id,
            currency_network_id=USDT_TRON,
            amount_minor=_usdt(100),
            tx_hash=secrets.token_hex(16),
            output_index=0,
        )
        self._say((request, _applied(100)))

    def _round(self) -> None:
        self._begin_round("round-1")
        self.page.chapter(
            "A round",
            "Two bets and a win. The second bet loses and closes the round, which then takes no more.",
            place=self._place,
        )
        self._say(
            (self._bet("bet-1", 2), _applied(98)),
            (self._win("win-1", 5, of="bet-1"), _applied(103)),
            (self._bet("bet-2", 3, round_closed=True), _applied(100)),
            (self._bet("bet-too-late", 1), Refused(reason="ROUND_CLOSED")),
        )
        self._show_round(bets=5, wins=5, transactions=3, closed=True)

    def _sent_twice(self) -> None:
        self._begin_round("round-2")
        self.page.chapter(
            "The same bet twice",
            "The game saw no answer and sends its bet again: it gets the stored one, and the stake is taken once. "
            "The same id with another amount is refused, naming the field that differs.",
            place=self._place,
        )
        self._say(
            (self._bet("bet-3", 4), _applied(96)),
            (self._bet("bet-3", 4), _applied(96, replayed=True)),
            (self._bet("bet-3", 40), Refused(reason="IDEMPOTENCY_KEY_REUSED", metadata={"field": "amount_minor"})),
        )
        self._show_round(bets=4, wins=0, transactions=1, closed=False)

    def _rollback_first(self) -> None:
        self._begin_round("round-3")
        self.page.chapter(
            "A rollback before its bet",
            "The game gives up on a bet that is still under way. The rollback voids the bet's id for ever, so that the "
            "bet takes nothing when it comes late. A rollback without an id of its own is known as `rollback:` and "
            "the id that it names.",
            place=self._place,
        )
        self._say(
            (self._rollback(of="bet-4"), _applied(96, status="VOIDED")),
            (self._bet("bet-4", 7), Refused(reason="TRANSACTION_VOIDED")),
        )

    def _win_rolled_back(self) -> None:
        self._begin_round("round-4")
        self.page.chapter(
            "A win rolled back, then its bet",
            "A bet that has a win stays until the win is rolled back. A rollback names no amount: what was moved is "
            "moved back, once, whatever id asks again.",
            place=self._place,
        )
        self._say(
            (self._bet("bet-5", 6), _applied(90)),
            (self._win("win-5", 10, of="bet-5"), _applied(100)),
            (self._rollback(of="bet-5"), Refused(reason="BET_ALREADY_SETTLED")),
            (self._rollback(of="win-5"), _applied(90)),
            (self._rollback(of="bet-5"), _applied(96)),
            (self._rollback("undo-5", of="bet-5"), _applied(96, status="ALREADY_ROLLED_BACK")),
        )

    def _too_large(self) -> None:
        self._begin_round("round-5")
        self.page.chapter("A bet too large", "It is refused with the balance; nothing moves.", place=self._place)
        self._say((self._bet("bet-6", 1_000), _out_of_funds(96)))

    def _withdrawal(self) -> None:
        self.page.chapter(
            "A withdrawal",
            "50 USDT are held while the payout is under way; then they leave, 1 USDT of them as the fee.",
        )
        withdrawal_id = self._id("withdrawal")
        reservation = pb.ReserveWithdrawalRequest(
            withdrawal_id=withdrawal_id,
            player_id=self.player_id,
            currency_network_id=USDT_TRON,
            amount_minor=_usdt(50),
        )
        self._say((reservation, _applied(46)))
        self._show_balances(available=46, withdraw_hold=50)
        settlement = pb.SettleWithdrawalRequest(
            withdrawal_id=withdrawal_id, fee_minor=_usdt(1), tx_hash=secrets.token_hex(16)
        )
        (self._settlement_tx_id,) = self._say((settlement, _applied(46)))

    def _batch(self) -> None:
        self._begin_round("round-6")
        self.page.chapter(
            "A batch",
            "Four operations in one ExecuteBatch, in order. One is refused; the others stand.",
            place=self._place,
        )
        bet_and_win = pb.BetAndWinRequest(
            transaction_id=self._id("spin-9"),
            amount_minor=_usdt(3),
            win_amount_minor=_usdt(1),
            player_id=self.player_id,
            currency_network_id=USDT_TRON,
            game_code=_GAME,
            round_id=self._round_id,
        )
        told: list[tuple[Message, Accepted | Refused]] = [
            (self._bet("bet-7", 5), _applied(41)),
            (self._win("win-7", 12, of="bet-7"), _applied(53)),
            (self._bet("bet-8", 500), _out_of_funds(53)),
            (bet_and_win, _applied(51)),
        ]
        answers = self.wallet.send_batch([request for request, _ in told])
        self._check_equal(len(answers), len(told), "outcomes of the batch")
        self._tell_steps([_step(*pair, answer) for pair, answer in zip(told, answers, strict=True)])

    def _books(self) -> None:
        self.page.chapter(
            "The player's books",
            "The balances at the end: 100 deposited, 50 withdrawn, and 1 won in all.",
        )
        self._show_balances(available=51, withdraw_hold=0)
        self.page.text(
            f"The ledger's rows of the settled withdrawal (tx_id {self._settlement_tx_id}), summing to zero:"
        )
        postings = self.wallet.transaction(self._settlement_tx_id).postings
        self.page.postings(postings)
        self._check_equal(
            sorted((row.account, row.amount_minor) for row in postings),
            [("HOUSE", _usdt(49)), ("HOUSE:FEES", _usdt(1)), ("WITHDRAW_HOLD", f"-{_usdt(50)}")],
            "postings of the settlement",
        )

    # ---- requests

    @property
    def _place(self) -> str:
        return f"Game {_GAME}, round {self._round_id}."

    def _begin_round(self, name: str) -> None:
        self._round_id = self._id(name)

    def _id(self, name: str) -> str:
        return f"{name}-{self._tag}"

    def _bet(self, name: str, amount_usdt: int, *, round_closed: bool = False) -> pb.BetRequest:
        return pb.BetRequest(
            transaction_id=self._id(name),
            player_id=self.player_id,
            currency_network_id=USDT_TRON,
            amount_minor=_usdt(amount_usdt),
            game_code=_GAME,
            round_id=self._round_id,
            round_closed=round_closed,
        )

    def _win(self, name: str, amount_usdt: int, *, of: str) -> pb.WinRequest:
        return pb.WinRequest(
            transaction_id=self._id(name),
            player_id=self.player_id,
            currency_network_id=USDT_TRON,
            amount_minor=_usdt(amount_usdt),
            game_code=_GAME,
            round_id=self._round_id,
            reference_transaction_id=self._id(of),
            win_kind=pb.WIN_KIND_REGULAR,
        )

    def _rollback(self, name: str = "", *, of: str) -> pb.RollbackRequest:
        return pb.RollbackRequest(
            transaction_id=self._id(name) if name else "",
            player_id=self.player_id,
            currency_network_id=USDT_TRON,
            reference_transaction_id=self._id(of),
        )

    # ---- telling and checking

    def _say(self, *told: tuple[Message, Accepted | Refused]) -> list[str]:
        """Send mutations one after the other, tell them, and return the tx_id of each; empty where it has none."""
        steps: list[Step] = []
        for request, expected in told:
            steps.append(_step(request, expected, self.wallet.send(request)))
            if steps[-1].surprise:
                break
        self._tell_steps(steps)
        return [step.answer.tx_id if isinstance(step.answer, Accepted) else "" for step in steps]

    def _tell_steps(self, steps: Sequence[Step]) -> None:
        self.page.steps(steps)
        for step in steps:
            if step.surprise:
                raise SurpriseError(step.surprise)

    def _show_balances(self, *, available: int, withdraw_hold: int) -> None:
        answer = self.wallet.balances(self.player_id, USDT_TRON)
        amounts = {
            field.name: getattr(answer, field.name)
            for field in answer.DESCRIPTOR.fields
            if field.name.endswith("_minor")
        }
        self.page.amounts(amounts.items(), title="GetBalance")
        expected = dict.fromkeys(amounts, "0") | {
            "available_minor": _usdt(available),
            "withdraw_hold_minor": _usdt(withdraw_hold),
            "total_minor": _usdt(available + withdraw_hold),
        }
        self._check_equal(amounts, expected, "balances")

    def _show_round(self, *, bets: int, wins: int, transactions: int, closed: bool) -> None:
        answer = self.wallet.round(
            pb.GetRoundRequest(
                player_id=self.player_id, currency_network_id=USDT_TRON, game_code=_GAME, round_id=self._round_id
            )
        )
        self.page.amounts(
            [("bets_minor", answer.bets_minor), ("wins_minor", answer.wins_minor)],
            title=f"GetRound: {'closed' if answer.closed else 'open'}, transactions {answer.transactions}",
        )
        self._check_equal(
            (answer.bets_minor, answer.wins_minor, answer.transactions, answer.closed),
            (_usdt(bets), _usdt(wins), transactions, closed),
            "round",
        )

    def _check_equal(self, found: object, expected: object, what: str) -> None:
        if found != expected:
            raise SurpriseError(f"{what}: expected {expected}, found {found}")


def _usdt(amount: int) -> str:
    return str(amount * 10**DECIMALS)


def _applied(balance_usdt: int, *, status: str = "APPLIED", replayed: bool = False) -> Accepted:
    return Accepted(status=status, balance_after_minor=_usdt(balance_usdt), replayed=replayed)


def _out_of_funds(balance_usdt: int) -> Refused:
    return Refused(reason="INSUFFICIENT_FUNDS", metadata={"balance_minor": _usdt(balance_usdt)})


def _step(request: Message, expected: Accepted | Refused, answer: Accepted | Refused) -> Step:
    match expected, answer:
        case Refused(reason=reason, metadata=metadata), Refused() if reason == answer.reason:
            as_told = metadata.items() <= answer.metadata.items()  # an error may tell more
        case _:
            as_told = expected == answer
    return Step(request=request, answer=answer, surprise="" if as_told else f"expected {expected}")
