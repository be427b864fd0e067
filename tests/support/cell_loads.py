"""Bets in every cell of an installation at once: what each cell answered, and how long it was without an answer."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from threading import Event, Thread
from types import TracebackType
from typing import Self

from support.contests import player_of
from support.database import Installation
from support.ledger import verify
from support.load import Load, Senders
from support.refusals import Refusal
from support.requests import Player
from support.wallet import Caller, Wallet

_FUNDS_MINOR = "1000000"
_LOOKS_EVERY_S = 0.01
_DEADLINE_S = 10.0
_PAUSE_S = 0.05
_STORED = "SELECT reference FROM ledger_transactions WHERE kind = 'BET'"
_DEPOSITS = "SELECT reference FROM ledger_transactions JOIN claims USING (tx_id) WHERE kind = 'DEPOSIT'"


class CellLoads:
    """A load for each cell, watched while the block lasts."""

    def __init__(self, wallet: Wallet, cells: int, *, threads: int = 4, again: bool = False) -> None:
        """Prepare so many callers a cell, each with a player of its own; `again`: what is refused is sent again."""
        self._loads = []
        for cell in range(cells):
            players = [wallet.fund(player_of(cell), _FUNDS_MINOR) for _ in range(threads)]
            self._loads.append(Load(wallet, players, threads=threads, again=again))
        self.longest_pauses_s = [0.0] * cells
        """Of each cell, since the block began or `forget` was called."""
        self._since = [(0, 0.0)] * cells
        self._ended = Event()
        self._watching = Thread(target=self._watch)
        self._running = ExitStack()

    def __enter__(self) -> Self:
        for load in self._loads:
            self._running.enter_context(load)
        self.forget()
        self._watching.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._watching.join()
        self._running.close()

    def __str__(self) -> str:
        """Tell what each cell has done until now."""
        told = []
        for cell, pause_s in enumerate(self.longest_pauses_s):
            refused = dict(Counter(self.refused(cell))) or 0
            told.append(f"cell {cell}: {self.answered(cell)} bets, longest pause {pause_s:.2f} s, refused {refused}")
        return "; ".join(told)

    def goes_on(self, *cells: int) -> None:
        """Wait until a good deal more is answered in these cells, or in each of them."""
        for cell in cells or range(len(self._loads)):
            self._loads[cell].goes_on()

    def answered(self, cell: int) -> int:
        """Return how many bets a cell has answered."""
        return len(self._loads[cell].answered)

    def refused(self, cell: int) -> list[str]:
        """Return why bets of a cell were not answered, or not at once; since `forget` was called."""
        load = self._loads[cell]
        return [refusal.reason or refusal.message for refusal in (*load.failed.values(), *load.refused)]

    def forget(self) -> None:
        """Count refusals and measure pauses from now on."""
        for load in self._loads:
            load.failed.clear()
            load.refused.clear()
        now = time.monotonic()
        self._since = [(self.answered(cell), now) for cell in range(len(self._loads))]
        self.longest_pauses_s = [0.0] * len(self._loads)

    def check_all_is_there(self, installation: Installation) -> None:
        """Compare what was acknowledged with what all cells hold, each of it once."""
        references = [reference for (reference,) in installation.rows(_STORED)]
        assert len(references) == len(set(references)), "a bet is stored twice"
        for load in self._loads:
            lost = set(load.answered) - set(references)
            assert not lost, f"{len(lost)} of {len(load.answered)} acknowledged bets are lost"
        verify(installation)

    def _watch(self) -> None:
        while not self._ended.wait(_LOOKS_EVERY_S):
            now = time.monotonic()
            for cell, (answered, since) in enumerate(self._since):
                if (more := self.answered(cell)) > answered:
                    self._since[cell] = more, now
                else:
                    self.longest_pauses_s[cell] = max(self.longest_pauses_s[cell], now - since)


class DepositLoad(Senders):
    """Deposits of a player of each cell, each sent again until it is answered."""

    def __init__(self, wallet: Wallet, cells: int) -> None:
        super().__init__()
        for cell in range(cells):
            self._add(self._run, wallet.caller(wallet.keys["payments"]), player_of(cell))

    def _run(self, caller: Caller, player: Player) -> None:
        while not self._stop.is_set():
            deposit = player.deposit("1")
            answer = caller.attempt(deposit, timeout_s=_DEADLINE_S)
            while isinstance(answer, Refusal) and not self._stop.is_set():
                self._stop.wait(_PAUSE_S)
                answer = caller.attempt(deposit, timeout_s=_DEADLINE_S)
            if not isinstance(answer, Refusal):
                self.answered[deposit.deposit_id] = answer

    def check_all_is_there(self, installation: Installation) -> None:
        """Compare what was acknowledged with what all cells hold, each of it once and with its claim."""
        references = [reference for (reference,) in installation.rows(_DEPOSITS)]
        assert len(references) == len(set(references)), "a deposit is stored twice"
        lost = set(self.answered) - set(references)
        assert not lost, f"{len(lost)} of {len(self.answered)} acknowledged deposits are lost"
