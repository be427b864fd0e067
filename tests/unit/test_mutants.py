"""What the type checker and the properties are for: spoilt in these ways, the code must be red.

Each row once was a mistake that nothing saw. The text that it spoils has to be found, so that no row can rot.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from unit.desk import Desk
from unit.loads import decided, loaded, needs_for
from unit.need_cases import every_case

from wallet_grpc.domain import needs as top
from wallet_grpc.domain.commands import Command, owner_of
from wallet_grpc.domain.credit import needs as credit_needs
from wallet_grpc.domain.ledgers import needs as ledger_needs
from wallet_grpc.domain.players import needs as player_needs
from wallet_grpc.domain.sessions import needs as session_needs

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """A file of wallet_grpc, and what is done to its text."""

    file: str
    spoil: Callable[[str], str]


def changed(before: str, after: str) -> Callable[[str], str]:
    """Put one text in another's place; it must be there once."""

    def spoil(text: str) -> str:
        assert text.count(before) == 1, f"{text.count(before)} times: {before!r}"
        return text.replace(before, after)

    return spoil


def swapped(one: str, other: str) -> Callable[[str], str]:
    """Swap two texts; each must be there once."""

    def spoil(text: str) -> str:
        assert (text.count(one), text.count(other)) == (1, 1), (one, other)
        return text.replace(one, "\0").replace(other, one).replace("\0", other)

    return spoil


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the service and the unit tests, to be spoilt."""
    folder = tmp_path_factory.mktemp("mutants")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "wallet_grpc", folder / "wallet_grpc", ignore=ignore)
    shutil.copytree(ROOT / "tests" / "unit", folder / "tests" / "unit", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(copy: Path, mutant: Mutant | None, *command: str) -> subprocess.CompletedProcess[str]:
    """Run something on the copy, spoilt or not."""
    file = copy / "wallet_grpc" / (mutant.file if mutant else "__init__.py")
    before = file.read_text()
    if mutant:
        file.write_text(mutant.spoil(before))
    try:
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy / "tests")},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        file.write_text(before)


# --------------------------------------------------------------------------------------------------------------- types

SEEN_BY_MYPY = {
    "a command is another's subclass": Mutant(
        "domain/players/commands.py", changed("class BetAndWin(Struct, frozen", "class BetAndWin(Bet, frozen")
    ),
    "two cases of decide are swapped": Mutant("domain/decide.py", swapped("case Win():", "case BetAndWin():")),
    "two classes that decide asks for first are swapped": Mutant(
        "domain/decide.py", swapped("type(command) is Bet:", "type(command) is SessionBet:")
    ),
    "a class that decide asks for first is forgotten": Mutant(
        "domain/decide.py", changed(" or type(command) is Debit:", ":")
    ),
    "two cases of needs are swapped": Mutant("domain/players/needs.py", swapped("case Bet():", "case Win():")),
    "two cases of sessions' needs are swapped": Mutant(
        "domain/sessions/needs.py", swapped("case SessionBet():", "case OpenSession():")
    ),
    "two cases of rule 1 are swapped": Mutant("domain/idempotency.py", swapped("case Bet():", "case Win():")),
    "a case of decide is forgotten": Mutant(
        "domain/decide.py", changed("case Commit() | Release():", "case Commit():")
    ),
    "a case of needs is forgotten": Mutant(
        "domain/credit/needs.py", changed("case Credit() | Debit():", "case Credit():")
    ),
    "a case of ranges is forgotten": Mutant("domain/ranges.py", changed(" | CreateLedger())", ")")),
}


def mypy(copy: Path, mutant: Mutant | None) -> subprocess.CompletedProcess[str]:
    return run(copy, mutant, "mypy", "-p", "wallet_grpc.domain", "--cache-dir", str(copy / "cache"))


def test_what_the_types_do_not_allow_is_red(copy: Path) -> None:
    as_it_is = mypy(copy, None)
    assert as_it_is.returncode == 0, as_it_is.stdout
    green = [name for name, mutant in SEEN_BY_MYPY.items() if mypy(copy, mutant).returncode != 1]
    assert green == []


# --------------------------------------------------------------------------------------------------------------- tests

SEEN_BY_TESTS = {
    "two cases of rule 1 that have the same fields are swapped": (
        Mutant("domain/idempotency.py", swapped("case ReserveWithdrawal():", "case ApplyDeposit():")),
        "test_idempotency.py",
    ),
    "a parameter of one step is given to another": (
        Mutant(
            "store/batch/transactions.sql",
            changed("%(ledger_entries__owner_id)s", "%(ledger_transactions__owner_id)s"),
        ),
        "test_steps.py",
    ),
    "two columns are swapped where a row is inserted": (
        Mutant(
            "store/batch/transactions.sql",
            changed("amount_minor, win_amount_minor,", "win_amount_minor, amount_minor,"),
        ),
        "test_steps.py",
    ),
    "the fields of two cases of ranges are swapped": (
        Mutant("domain/ranges.py", swapped("case BetAndWin():", "case Rollback() | SessionRollback():")),
        "test_ranges.py",
    ),
}


@pytest.mark.parametrize(("mutant", "test"), SEEN_BY_TESTS.values(), ids=SEEN_BY_TESTS)
def test_what_the_types_allow_is_red_in_the_tests(copy: Path, mutant: Mutant, test: str) -> None:
    done = run(copy, mutant, "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/unit/{test}")
    assert done.returncode == 1, done.stdout
    assert "1 failed" in done.stdout


# --------------------------------------------------------------------------------------------------------------- needs

NEEDS = (player_needs, session_needs, credit_needs, ledger_needs)
_is_need = re.compile(r"^( +)(?:shared|needs)\.\w+(?:\.append\(|\.extend\(|\(|\[)").match


def without_each_need(module: ModuleType) -> Iterator[tuple[int, str]]:
    """Give the source of a module without each line that adds a need in turn, by the number of the line."""
    assert module.__file__ is not None
    lines = Path(module.__file__).read_text().splitlines()
    for first, line in enumerate(lines):
        found = _is_need(line)
        if found:
            last = first
            while "".join(lines[first : last + 1]).count("(") != "".join(lines[first : last + 1]).count(")"):
                last += 1
            yield first + 1, "\n".join([*lines[:first], f"{found[1]}pass", *lines[last + 1 :]])


def fails(desk: Desk, command: Command) -> bool:
    """Tell whether a command is not decided over what its needs name, or not under its owner's lock."""
    needs = needs_for([command])
    if owner_of(command) not in needs.owner_ids:
        return True
    try:
        decided(desk, loaded(desk.book, needs), [command])
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("module", NEEDS, ids=[module.__name__ for module in NEEDS])
def test_without_any_line_of_needs_something_is_not_decided(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = list(every_case())
    assert not any(fails(desk, command) for desk, command in cases)
    name = next(name for name in vars(module) if name.startswith("add_"))
    green, tried = [], 0
    for line, source in without_each_need(module):
        spoilt = dict(vars(module))
        exec(compile(source, f"{module.__file__} without line {line}", "exec"), spoilt)  # noqa: S102 - our own source
        with monkeypatch.context() as patch:
            patch.setattr(top, name, spoilt[name])
            if not any(fails(desk, command) for desk, command in cases):
                green.append(line)
        tried += 1
    assert green == []
    assert tried >= 4
