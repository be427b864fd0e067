"""Random histories for Hypothesis: commands that keep meeting each other's ids, rounds, players and balances."""

from __future__ import annotations

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

mostly_tron = st.sampled_from([TRON, TRON, TRON, TRON, ETHEREUM])
whose = {
    "player": st.sampled_from([ANN, ANN, BOB]),
    "network": mostly_tron,
    "source": st.sampled_from([GAMES, GAMES, GAMES, OTHER_GAMES]),
}
ids = st.sampled_from(IDS)
references = st.sampled_from([*IDS, "p", "q", "d"])  # a caller's own, and those of withdrawals and deposits
amounts = st.sampled_from([0, 1, 5, 10, 20, 60])
positive = st.sampled_from([1, 5, 10, 20, 60, 10**30])
play = {
    **whose,
    "game": st.sampled_from(["g1", "g1", "g2"]),
    "round": st.sampled_from(["r1", "r1", "r2"]),
    "closes": st.sampled_from([False, False, False, True]),
}
kinds = st.sampled_from([WinKind.REGULAR] * 4 + [WinKind.FREE_ROUND, WinKind.JACKPOT, WinKind.PROMO])
withdrawal_ids = st.sampled_from(["p", "q", "a"])

bets = st.builds(bet, ids, amounts, **play)
wins = st.builds(win, ids, amounts, of=ids, kind=kinds, **play)
bets_and_wins = st.builds(bet_and_win, ids, amounts, amounts, **play)
rollbacks = st.builds(
    rollback,
    st.sampled_from([*IDS, "r1", "r2", "r3"]),
    references,
    **whose,
    closes=st.sampled_from([False, False, True]),
).filter(lambda command: command.transaction_id != command.reference_transaction_id)
reservations = st.builds(reserve, withdrawal_ids, positive, **whose)
settlements = st.builds(settle, withdrawal_ids, st.sampled_from([0, 1, 5, 60]), source=whose["source"])
failures = st.builds(fail, withdrawal_ids, source=whose["source"])
deposits = st.builds(
    deposit,
    st.sampled_from(["d", "e", "f", "a"]),
    positive,
    **whose,
    tx_hash=st.sampled_from(["", "", "0x1"]),
    output_index=st.sampled_from([None, 0, 1]),
)
adjustments = st.builds(adjust, ids, positive, st.sampled_from(Direction), **whose)
states = st.builds(
    state,
    ids,
    st.sampled_from([PlayerState.ACTIVE] * 2 + [PlayerState.BLOCKED, PlayerState.CLOSED, PlayerState.EXCLUDED]),
    player=whose["player"],
    source=whose["source"],
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
