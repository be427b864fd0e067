"""Random histories for Hypothesis: commands that keep meeting each other's ids, rounds, players and balances."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from hypothesis import strategies as st
from unit.desk import (
    ANN,
    BOB,
    ETHEREUM,
    GAMES,
    OTHER_GAMES,
    TRON,
    Desk,
    adjust,
    bet,
    bet_and_win,
    deposit,
    fail,
    reserve,
    rollback,
    settle,
    state,
    win,
)

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.players.commands import FailWithdrawal, ReserveWithdrawal, SettleWithdrawal
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.transactions import Direction, WinKind

IDS = tuple("abcdefgh")


def together(**choices: Sequence[Any]) -> list[dict[str, Any]]:
    """Give each way to choose one of each: one draw is a fraction of what a draw for each costs."""
    return [dict(zip(choices, chosen, strict=True)) for chosen in product(*choices.values())]


WHOSE = {"player": [ANN, ANN, BOB], "network": [TRON, TRON, TRON, TRON, ETHEREUM]}
SENT_BY = {"source": [GAMES, GAMES, GAMES, OTHER_GAMES]}
PLAYED_IN = {"game": ["g1", "g1", "g2"], "round": ["r1", "r1", "r2"], "closes": [False, False, False, True]}

whose = st.sampled_from(together(**WHOSE, **SENT_BY))
played_in = st.sampled_from(together(**PLAYED_IN))
ids = st.sampled_from(IDS)
references = st.sampled_from([*IDS, "p", "q", "d"])  # a caller's own, and those of withdrawals and deposits
amounts = st.sampled_from([0, 1, 5, 10, 20, 60])
positive = st.sampled_from([1, 5, 10, 20, 60, 10**30])
kinds = st.sampled_from([WinKind.REGULAR] * 4 + [WinKind.FREE_ROUND, WinKind.JACKPOT, WinKind.PROMO])
withdrawal_ids = st.sampled_from(["p", "q", "a"])

bets = st.builds(lambda own, amount, who, play: bet(own, amount, **who, **play), ids, amounts, whose, played_in)
wins = st.builds(
    lambda own, amount, of, kind, who, play: win(own, amount, of=of, kind=kind, **who, **play),
    ids, amounts, ids, kinds, whose, played_in,
)  # fmt: skip
bets_and_wins = st.builds(
    lambda own, amount, won, who, play: bet_and_win(own, amount, won, **who, **play),
    ids, amounts, amounts, whose, played_in,
)  # fmt: skip
rollbacks = st.builds(
    lambda own, of, who, closes: rollback(own, of, **who, closes=closes),
    st.sampled_from([*IDS, "r1", "r2", "r3"]),
    references,
    whose,
    st.sampled_from([False, False, True]),
).filter(lambda command: command.transaction_id != command.reference_transaction_id)
reservations = st.builds(lambda own, amount, who: reserve(own, amount, **who), withdrawal_ids, positive, whose)
sources = st.sampled_from(SENT_BY["source"])
settlements = st.builds(settle, withdrawal_ids, st.sampled_from([0, 1, 5, 60]), source=sources)
failures = st.builds(fail, withdrawal_ids, source=sources)
deposits = st.builds(
    lambda own, amount, who, output: deposit(own, amount, **who, **output),
    st.sampled_from(["d", "e", "f", "a"]),
    positive,
    whose,
    st.sampled_from(together(tx_hash=["", "", "0x1"], output_index=[None, 0, 1])),
)
adjustments = st.builds(
    lambda own, amount, direction, who: adjust(own, amount, direction, **who),
    ids, positive, st.sampled_from(Direction), whose,
)  # fmt: skip
states = st.builds(
    lambda own, chosen, who: state(own, chosen, **who),
    ids,
    st.sampled_from([PlayerState.ACTIVE] * 2 + [PlayerState.BLOCKED, PlayerState.CLOSED, PlayerState.EXCLUDED]),
    st.sampled_from(together(player=WHOSE["player"], **SENT_BY)),
)

commands: st.SearchStrategy[Command] = st.one_of(
    bets, bets, bets, wins, wins, wins, bets_and_wins, rollbacks, rollbacks, rollbacks, reservations, settlements,
    failures, deposits, deposits, adjustments, states,
)  # fmt: skip
histories = st.lists(commands, min_size=1, max_size=40)


def located(history: list[Command]) -> list[Command]:
    """Give endings the player and network of their reservation, as the engine does; those without one are left out."""
    reserved: dict[str, ReserveWithdrawal] = {}
    made: list[Command] = []
    desk = Desk()  # an id may be refused to one player and given to another: the reservation is the accepted one
    for command in history:
        if isinstance(command, SettleWithdrawal | FailWithdrawal):
            reservation = reserved.get(command.withdrawal_id)
            if reservation is None:
                continue
            shorthand = {
                "player": reservation.player_id,
                "network": reservation.currency_network_id,
                "source": command.source,
            }
            made.append(
                settle(command.withdrawal_id, command.fee_minor, **shorthand)
                if isinstance(command, SettleWithdrawal)
                else fail(command.withdrawal_id, **shorthand)
            )
        else:
            made.append(command)
        outcome = desk.send(made[-1])
        if isinstance(command, ReserveWithdrawal) and isinstance(outcome, Accepted):
            reserved.setdefault(command.withdrawal_id, command)
    return made
