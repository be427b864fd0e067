"""References to files, folders and modules of the repository lead to what is there: in comments, docstrings and docs.

A path is read from the folder of the file that tells it or from one above, or it is the end of the path of exactly one
file (`rpc/gate.py`). A name alone is not looked for anywhere: it is that of a file beside the one that tells it or
above, in a page also of one in a folder that the same section names.
"""

import ast
import io
import os
import re
import subprocess
import tokenize
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_TOLD_IN = (".py", ".sql", ".proto", ".toml", ".ini", ".md", ".yaml", ".yml", "Makefile", "Dockerfile", ".ci/run")
_FILE = re.compile(r"(?<![\w./{}*<>$-])((?:\.\./)*(?:[\w-]+/)*[\w-]+\.(?:py|sql|md|proto|ini))(?![\w/*}-])")
_FOLDER = re.compile(r"`((?:[a-z]\w*/){2,})`")
_MODULE = re.compile(r"(?<![\w./-])(wallet_(?:api|cli|client|grpc)(?:\.[a-z]\w*)+)(?![\w./])")
_COMMAND = re.compile(r"python3? -m ([a-z]\w*(?:\.\w+)*)")
_APPLIED = "migrations/"
"""Files that databases know by their hash: they name what was there when they were written, and are never edited."""
_ELSEWHERE = re.compile(r"google/|.*NNNN_|first_calls\.py|publish_again\.py|__init__\.py")
"""Other people's files, what stands for a file that is to be written, and what every package has."""
_NAMED_FOLDER = re.compile(r"(?<![\w./{}<-])((?:[\w-]+/)+)(?:[\w-]+\.\w+)?(?![\w{<])")
_HEADING = re.compile(r"^(?=#)", re.MULTILINE)


@cache
def tracked() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(name for name in listed.splitlines() if (ROOT / name).exists())


@cache
def files() -> frozenset[str]:
    return frozenset(tracked())


@cache
def folders() -> frozenset[str]:
    return frozenset(str(folder) for name in tracked() for folder in Path(name).parents)


def from_here(reference: str, told_in: str) -> str:
    """Give what a path is, read from the folder of the file that tells it or from one above; empty if it is nothing."""
    here = Path(told_in).parent
    for folder in (here, *here.parents):
        path = os.path.normpath(folder / reference)
        if path in files() or path in folders():
            return path
        if reference.startswith("../"):
            break
    return ""


@cache
def leads_to_a_file(reference: str, told_in: str, named: frozenset[str] = frozenset()) -> bool:
    """Tell whether a path is that of one file. `named`: folders that a page names beside it."""
    if from_here(reference, told_in):
        return True
    if "/" in reference:
        return sum(f"/{name}".endswith(f"/{reference}") for name in tracked()) == 1
    return any(f"{folder}/{reference}" in files() for folder in named)


def named_in(section: str, told_in: str) -> frozenset[str]:
    """Give the folders that a section of a page names, by themselves or in a path."""
    named = set()
    for found in _NAMED_FOLDER.finditer(section):
        folder = found[1].rstrip("/")
        ends = {known for known in folders() if f"/{known}".endswith(f"/{folder}")}
        here = from_here(folder, told_in)
        named |= {here} if here else ends
    return frozenset(named)


@cache
def leads_to_a_folder(reference: str) -> bool:
    return any(f"/{reference}" in f"/{name}" for name in tracked())


@cache
def leads_to_a_module(reference: str) -> bool:
    """A module, a package, or a name in one of them."""
    parts = reference.split(".")
    for length in range(len(parts), 1, -1):
        path = ROOT.joinpath(*parts[:length])
        if path.is_dir() or path.with_suffix(".py").exists():
            file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            return length == len(parts) or _defines(file, parts[length])
    return False


def _defines(file: Path, name: str) -> bool:
    return bool(re.search(rf"^(?:async def |def |class )?{name}\b", file.read_text(), flags=re.MULTILINE))


def leads_to_a_program(reference: str) -> bool:
    """A package or module of ours that can be run; what is not ours is taken at its word."""
    path = ROOT.joinpath(*reference.split("."))
    ours = (ROOT / reference.partition(".")[0]).is_dir()
    return not ours or (path / "__main__.py").exists() or path.with_suffix(".py").exists()


def lost_in(text: str, told_in: str) -> list[str]:
    """Give the references in a text that lead nowhere."""
    if told_in.endswith(".md"):
        sections = _HEADING.split(text)
        return [lost for section in sections for lost in _lost_in(section, told_in, named_in(section, told_in))]
    return _lost_in(text, told_in, frozenset())


def _lost_in(text: str, told_in: str, named: frozenset[str]) -> list[str]:
    kinds: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
        (_FILE, lambda reference: leads_to_a_file(reference, told_in, named)),
        (_FOLDER, leads_to_a_folder),
        (_MODULE, leads_to_a_module),
        (_COMMAND, leads_to_a_program),
    )
    return [
        found[1]
        for pattern, leads in kinds
        for found in pattern.finditer(text)
        if not _ELSEWHERE.match(found[1]) and not leads(found[1])
    ]


def prose_of(python: str) -> Iterator[str]:
    """Give what a Python file tells its readers: comments, docstrings, and strings that stand as statements."""
    for token in tokenize.generate_tokens(io.StringIO(python).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(python)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def test_every_reference_leads_to_what_is_there() -> None:
    lost = []
    for name in tracked():
        path = ROOT / name
        told_here = name.endswith(_TOLD_IN) and not name.startswith(_APPLIED)
        if told_here and not path.is_symlink() and path != Path(__file__).resolve():
            text = path.read_text()
            told = "\n".join(prose_of(text)) if path.suffix == ".py" else text
            lost += [f"{name}: {reference}" for reference in lost_in(told, name)]
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize(
    ("told_in", "text", "lost"),
    [
        ("wallet_grpc/rpc/status.py", "see `rpc/gate.py` and gate.py", []),
        ("wallet_grpc/rpc/status.py", "see rpc/calls.py", ["rpc/calls.py"]),
        ("wallet_grpc/rpc/status.py", "see app/server.py, lane.py and README.md", ["lane.py"]),
        ("wallet_grpc/rpc/status.py", "each has its service.py, players/service.py", ["service.py"]),
        ("wallet_grpc/settings.py", "two of them: sql/history.sql", ["sql/history.sql"]),
        ("docs/rules.md", "as architecture.md tells, or docs/nowhere.md", ["docs/nowhere.md"]),
        ("docs/rules.md", "# A\n`engine/lane.py` and turns.py\n# B\nturns.py", ["turns.py"]),
        ("docs/rules.md", "in `wallet_api/`: gate.py, not lane.py", ["lane.py"]),
        (
            "docs/rules.md",
            "[a page](../bench/README.md), [none](../README.txt), ../wallet_api.md",
            ["../wallet_api.md"],
        ),
        ("docs/rules.md", "the rules (`domain/players/`), once `domain/rules/`", ["domain/rules/"]),
        ("docs/rules.md", "wallet_grpc.rpc.gate.CallGate, wallet_grpc.rpc.calls", ["wallet_grpc.rpc.calls"]),
        ("docs/rules.md", "run python -m wallet_cli, never python -m wallet_grpc", ["wallet_grpc"]),
        ("docs/rules.md", "python -m venv", []),
    ],
)
def test_a_reference_that_leads_nowhere_is_found(told_in: str, text: str, lost: list[str]) -> None:
    assert lost_in(text, told_in) == lost
