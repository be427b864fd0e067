"""`wallet certify` tells a good caller from those that each break a rule, and says which one."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from certify import callers
from certify.callers import (
    BetsOn,
    BooksTwice,
    GoodCaller,
    Impatient,
    Insists,
    LostRollback,
    NewIdOnRetry,
    OneIdForTwo,
    RollbackSentOnce,
    WinWithoutBet,
    WithoutDeadline,
)  # fmt: skip
from certify.grouped_callers import (
    BatchCaller,
    ForgetsABrokenStream,
    ImpatientForABatch,
    LooksAtNoOutcome,
    NewIdsForABatch,
    StreamCaller,
)  # fmt: skip
from certify.session_callers import OpensAnew, SessionCaller, SettlesOnce
from support.wallet import Wallet

from wallet_certify.run import Report, report_of, serving

GOOD = (GoodCaller, SessionCaller, BatchCaller, StreamCaller)
BAD: dict[type[GoodCaller], str] = {
    NewIdOnRetry: "same_id",
    WinWithoutBet: "win_names_its_bet",
    LostRollback: "until_answered",
    RollbackSentOnce: "until_answered",
    BooksTwice: "own_books",
    OneIdForTwo: "one_use",
    Impatient: "comes_later",
    BetsOn: "closed_rounds",
    Insists: "takes_no",
    WithoutDeadline: "has_deadline",
    OpensAnew: "same_id",
    SettlesOnce: "until_answered",
    NewIdsForABatch: "same_id",
    LooksAtNoOutcome: "own_books",
    ImpatientForABatch: "comes_later",
    ForgetsABrokenStream: "until_answered",
}
"""Each bad caller, and the rule that it breaks."""


@pytest.fixture(scope="module")
def certified(shared_servers: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """Let all callers play, side by side, each before a front of its own."""
    wallet: Wallet = shared_servers("group-commit").wallet
    folder = tmp_path_factory.mktemp("books")

    async def certify(kind: type[GoodCaller]) -> tuple[str, Report]:
        player = await asyncio.to_thread(wallet.player, "1000000")
        async with serving(wallet.target, "127.0.0.1:0") as (sightings, address):
            caller = kind(address, key=wallet.keys["games"], player_id=player.player_id, name=kind.__name__)
            with contextlib.suppress(*([] if kind in GOOD else [callers.UnansweredError, callers.RefusedError])):
                await caller.play()
        books = folder / f"{kind.__name__}.csv"
        callers.write_books(caller.books, books)
        return kind.__name__, report_of(sightings, books)

    async def certify_all() -> dict[str, Report]:
        return dict(await asyncio.gather(*map(certify, (*GOOD, *BAD))))

    return asyncio.run(certify_all())


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_caller_keeps_every_rule(certified: dict[str, Report], kind: type[GoodCaller]) -> None:
    report = certified[kind.__name__]
    unseen = {"comes_later"} if kind is StreamCaller else set()  # a stream is read more slowly, and never called busy
    assert {finding.rule: (finding.verdict.value, finding.breaches) for finding in report.findings} == {
        finding.rule: ("unseen" if finding.rule in unseen else "kept", []) for finding in report.findings
    }
    met = {"lost_request", "lost_answer", "late_answer", "duplicate", "busy", "unreachable", "no_funds", "round_closed"}
    assert set(report.mishaps) >= (met - {"busy"} if kind is StreamCaller else met)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_caller_is_told_what_it_broke(certified: dict[str, Report], kind: type[GoodCaller]) -> None:
    report = certified[kind.__name__]
    broken = {finding.rule: finding.breaches for finding in report.findings if finding.breaches}
    assert BAD[kind] in broken, report.as_json()
    assert report.verdict.value == "broken"
    assert all(breach.transaction_id and breach.what for breaches in broken.values() for breach in breaches)


def test_what_was_not_played_is_no_rule_that_was_kept(wallet_address: str) -> None:
    async def nothing() -> Report:
        async with serving(wallet_address, "127.0.0.1:0") as (sightings, _):
            return report_of(sightings, None)

    assert {finding.verdict.value for finding in asyncio.run(nothing()).findings} == {"unseen"}


@pytest.fixture
def wallet_address(shared_servers: Callable[..., Any]) -> str:
    target: str = shared_servers("group-commit").wallet.target
    return target


def test_the_command_runs_a_caller_and_prints_what_it_found(shared_servers: Callable[..., Any], tmp_path: Path) -> None:
    shared = shared_servers("group-commit")
    wallet: Wallet = shared.wallet
    player = wallet.player("1000000")
    play = [sys.executable, str(Path(callers.__file__)), wallet.keys["games"], str(player.player_id)]
    books = tmp_path / "books.csv"
    command = ["certify", "--wallet", wallet.target, "--books", str(books), "--json", "--", *play]
    done = shared.installation.run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["verdict"], {rule["verdict"] for rule in told["rules"]}) == ("kept", {"kept"})
    idle = shared.installation.run("certify", "--wallet", wallet.target, "--", sys.executable, "-c", "")
    assert idle.returncode == 3, idle.stderr
    assert "UNSEEN  same_id" in idle.stdout
    nowhere = shared.installation.run("certify", "--wallet", wallet.target, "--listen", wallet.target, "--", "true")
    assert (nowhere.returncode, "cannot be bound" in nowhere.stderr) == (1, True)
