"""Players beyond their accounts: their states, rounds, withdrawals, and the outputs that deposits used up."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from msgspec import Struct

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.needs import Needs
from wallet_grpc.store.connection.arrays import uuids
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import statements

from .columns import BigInt, Integer, Numeric, Text, Uuid, Word
from .part import Decided, Query, Reading, Step, Steps

_SQL = statements(__package__, "players.sql")


# ---------------------------------------------------------------------------------------------------------------- load


class LoadedRound(NamedTuple):
    """A row of `load_rounds`."""

    position: int
    closers: int


class LoadedOutput(NamedTuple):
    """A row of `load_deposit_outputs`."""

    position: int


LOAD_ROUNDS = Query(_SQL["load_rounds"], LoadedRound)
LOAD_DEPOSIT_OUTPUTS = Query(_SQL["load_deposit_outputs"], LoadedOutput)


def ask(trip: RoundTrip, needs: Needs, standing_max: int) -> Iterator[Reading]:
    """Ask which rounds are closed, and which outputs are used up."""
    if needs.players.round_keys:
        parameters = {"round_keys": uuids(needs.players.round_keys), "closers_max": standing_max}
        yield LOAD_ROUNDS.ask(trip, parameters, partial(_read_round, needs.players.round_keys))
    if needs.players.output_keys:
        parameters = {"output_keys": uuids(needs.players.output_keys)}
        yield LOAD_DEPOSIT_OUTPUTS.ask(trip, parameters, partial(_read_output, needs.players.output_keys))


def _read_round(round_keys: list[Key], book: Book, row: LoadedRound) -> None:
    book.players.closers[round_keys[row.position - 1]] = row.closers


def _read_output(output_keys: list[Key], book: Book, row: LoadedOutput) -> None:
    book.players.deposit_outputs[output_keys[row.position - 1]] = 1


# --------------------------------------------------------------------------------------------------------------- store


class PlayerRow(Struct, frozen=True, gc=False):
    """A player's new state."""

    player_id: BigInt
    state: Word


class WithdrawalRow(Struct, frozen=True, gc=False):
    """A withdrawal that is reserved, or the new state of one that was; the times are the batch's."""

    withdrawal_id: Text
    owner_id: BigInt
    currency_network_id: Integer
    amount_minor: Numeric
    state: Word


class DepositOutputRow(Struct, frozen=True, gc=False):
    """An output that a deposit has used up."""

    output_hash: Uuid
    owner_id: BigInt
    tx_id: Uuid


PLAYERS = Step("players", _SQL, PlayerRow)
WITHDRAWALS = Step("withdrawals", _SQL, WithdrawalRow, order=lambda row: row.withdrawal_id)
DEPOSIT_OUTPUTS = Step("deposit_outputs", _SQL, DepositOutputRow, order=lambda row: row.output_hash)


def write(decided: Decided, steps: Steps) -> None:
    """Write states, withdrawals and outputs; of what changed more than once, the last state counts."""
    states: dict[int, PlayerRow] = {}
    withdrawals: dict[str, WithdrawalRow] = {}
    outputs: list[DepositOutputRow] = []
    for change in decided.book.changes:
        if change.player_state is not None:
            states[change.owner_id] = PlayerRow(player_id=change.owner_id, state=change.player_state)
        if change.withdrawal is not None:
            withdrawal = change.withdrawal
            withdrawals[withdrawal.withdrawal_id] = WithdrawalRow(
                withdrawal_id=withdrawal.withdrawal_id,
                owner_id=withdrawal.owner_id,
                currency_network_id=withdrawal.currency_network_id,
                amount_minor=withdrawal.amount_minor,
                state=withdrawal.state,
            )
        if change.deposit_output is not None:
            output = change.deposit_output
            outputs.append(DepositOutputRow(output_hash=output.key, owner_id=change.owner_id, tx_id=output.tx_id))
    steps.add(PLAYERS, states.values())
    steps.add(WITHDRAWALS, withdrawals.values())
    steps.add(DEPOSIT_OUTPUTS, outputs)
