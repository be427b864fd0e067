"""Days of random play on lanes, by a clock that the test sets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from store.lanes import SteppedLane
from support.database import Installation
from unit.desk import GAMES, OTHER_GAMES, TRON, adjust, bet, bet_and_win, deposit, fail, reserve, rollback, settle, win
from unit.session_desk import SessionDesk, opening

from wallet_grpc.domain.identifiers import PlayerId
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.domain.sessions.commands import SettleSession
from wallet_grpc.domain.sessions.outcomes import SessionFacts
from wallet_grpc.domain.sessions.state import session_address
from wallet_grpc.domain.transactions import Direction, WinKind
from wallet_grpc.store.connection import kinds

BEGINNING = datetime(2026, 3, 1, 20, 30, tzinfo=UTC)
_FAKE_CLOCK = """
    CREATE TABLE public.test_clock (shift INTERVAL NOT NULL);
    INSERT INTO public.test_clock VALUES ('0');
    CREATE FUNCTION public.clock_timestamp() RETURNS TIMESTAMPTZ LANGUAGE sql VOLATILE AS
        'SELECT pg_catalog.clock_timestamp() + shift FROM public.test_clock';
    GRANT SELECT ON public.test_clock TO PUBLIC;
"""


@dataclass(slots=True)
class Clock:
    """The database's clock as the wallet sees it: it goes on from where it is set."""

    installation: Installation

    def set(self, moment: datetime) -> None:
        with self.installation.connect(autocommit=True) as connection:
            connection.execute(
                "UPDATE public.test_clock SET shift = %s::TIMESTAMPTZ - pg_catalog.clock_timestamp()", [moment]
            )

    def turn(self, by: timedelta) -> None:
        with self.installation.connect(autocommit=True) as connection:
            connection.execute("UPDATE public.test_clock SET shift = shift + %s", [by])


@contextmanager
def clock_of(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Have the wallet's connections of this process find the test's clock before PostgreSQL's own."""
    with installation.connect(autocommit=True) as connection:
        connection.execute(_FAKE_CLOCK)
    monkeypatch.setattr(kinds, "SHARED_SCHEMA", "public, pg_catalog")
    clock = Clock(installation)
    clock.set(BEGINNING)
    yield clock


@dataclass(slots=True)
class Play:
    """Random play of a few players on one lane; what is refused is part of it."""

    lane: SteppedLane
    draw: random.Random
    count: int = 0
    bets: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    undoable: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    held: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sessions: list[tuple[SessionDesk, list[str]]] = field(default_factory=list)

    async def fund(self) -> None:
        for player in (1, 2, 3):
            for network in (1, 2):
                await self.lane.accepted(deposit(self._id(), 5_000, player=PlayerId(player), network=network))

    async def step(self) -> None:
        """Do one thing."""
        what = self.draw.choice(["bet"] * 5 + ["win"] * 4 + ["undo"] * 3 + ["money"] * 2 + ["session"] * 8)
        await getattr(self, f"_{what}")()

    async def come_late(self) -> None:
        """Bet and win in a session that is settled, and roll both back."""
        named = {"player_id": PlayerId(1), "currency_network_id": TRON, "source": GAMES}
        desk = await self._opened(20, named)
        assert desk is not None
        bet_, win_, undone = self._id(), self._id(), self._id()
        for made in (
            desk.bet(bet_, 7),
            desk.win(win_, 4, kind=WinKind.PROMO),
            desk.win(undone, 3, kind=WinKind.PROMO),
            desk.rollback(self._id(), undone),
            desk.settlement(),
        ):
            assert await self._send(made)
        await self._send(desk.win(self._id(), 6, kind=WinKind.JACKPOT))
        for of in (win_, bet_):
            assert await self._send(desk.rollback(self._id(), of))

    async def _opened(self, lock: int, named: dict[str, Any]) -> _OwnSession | None:
        (facts,) = await self.lane.send(opening(self._id(), lock, ttl_s=10**7, **named))
        if not isinstance(facts, SessionFacts):
            return None
        address = session_address(facts.session_token)
        assert address is not None
        desk = _OwnSession()
        desk.session_id, desk.named = address.session_id, named
        return desk

    async def _send(self, command: Any) -> bool:
        (outcome,) = await self.lane.send(command)
        return not isinstance(outcome, Refusal)

    async def _bet(self) -> None:
        whose = self._whose() | {"game": self.draw.choice(["g1", "g2"]), "round": self._id()}
        name, amount = self._id(), self.draw.choice([0, 1, 7, 300])
        made = (
            bet_and_win(name, amount, self.draw.choice([0, 5, 400]), **whose)
            if self.draw.random() < 0.3
            else bet(name, amount, **whose)
        )
        if await self._send(made):
            self.bets.append((name, whose))
            self.undoable.append((name, whose))

    async def _win(self) -> None:
        name = self._id()
        if self.bets and self.draw.random() < 0.7:
            of, whose = self.draw.choice(self.bets)
            made = win(name, self.draw.choice([0, 3, 50]), of=of, **whose)
        else:
            whose = self._whose() | {"game": "g1", "round": ""}
            kind = self.draw.choice([WinKind.FREE_ROUND, WinKind.JACKPOT, WinKind.PROMO])
            made = win(name, self.draw.choice([0, 11]), kind=kind, **whose)
        if await self._send(made):
            self.undoable.append((name, whose))

    async def _undo(self) -> None:
        if self.undoable and self.draw.random() < 0.9:
            of, whose = self.draw.choice(self.undoable)
        else:
            of, whose = f"never-{self.count}", self._whose()
        await self._send(rollback(self._id(), of, **{k: v for k, v in whose.items() if k not in {"game", "round"}}))

    async def _money(self) -> None:
        whose = {name: value for name, value in self._whose().items() if name != "source"}
        name = self._id()
        match self.draw.randrange(4):
            case 0:
                await self._send(deposit(name, self.draw.choice([1, 900]), **whose))
            case 1:
                await self._send(adjust(name, 5, self.draw.choice(list(Direction)), **whose))
            case 2:
                if await self._send(reserve(name, 40, **whose)):
                    self.held.append((name, whose))
            case _ if self.held:
                withdrawal, whose = self.held.pop()
                ends = settle(withdrawal, 3, **whose) if self.draw.random() < 0.5 else fail(withdrawal, **whose)
                await self._send(ends)

    async def _session(self) -> None:
        if len(self.sessions) < 4 or self.draw.random() < 0.1:
            opened = await self._opened(self.draw.choice([10, 80]), _named(self._whose()))
            if opened is not None:
                self.sessions.append((opened, []))
            return
        desk, played = self.draw.choice(self.sessions)
        name = self._id()
        match self.draw.randrange(8):
            case 0 | 1 | 2:
                made = desk.bet(name, self.draw.choice([0, 1, 9]), round_id=name)
            case 3 | 4:
                made = desk.win(name, self.draw.choice([0, 2, 20]), kind=WinKind.PROMO)
            case 5 if played:
                made = desk.rollback(name, self.draw.choice(played))
            case 6:
                made = desk.rollback(name, f"never-{name}")
            case _:
                if self.draw.random() < 0.4:
                    await self._send(desk.settlement())
                return
        if await self._send(made):
            played.append(name)

    def _whose(self) -> dict[str, Any]:
        return {
            "player": PlayerId(self.draw.choice([1, 2, 3])),
            "network": self.draw.choice([1, 2]),
            "source": self.draw.choice([GAMES, OTHER_GAMES]),
        }

    def _id(self) -> str:
        self.count += 1
        return f"t{self.count}"


def _named(whose: dict[str, Any]) -> dict[str, Any]:
    return {"player_id": whose["player"], "currency_network_id": whose["network"], "source": whose["source"]}


class _OwnSession(SessionDesk):
    """Commands about a session of any player and source."""

    __slots__ = ("named",)
    named: dict[str, Any]

    def _whose(self, transaction_id: str) -> dict[str, Any]:
        return self.named | {"session_id": self.session_id, "transaction_id": transaction_id}

    def settlement(self, *, closed_rounds: bool = False) -> SettleSession:
        return SettleSession(**self.named, session_id=self.session_id, require_closed_rounds=closed_rounds)
