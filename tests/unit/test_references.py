"""References to files, folders and modules of the repository lead to what is there: in comments, docstrings and docs.

A reference may leave out what stands before it (`rpc/gate.py`, `gate.py`), and none may name what was moved away.
"""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
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
_ELSEWHERE = re.compile(r"google/|.*NNNN_|first_calls\.py")
"""Other people's files, and what stands for a file that is to be written."""


@cache
def tracked() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(name for name in listed.splitlines() if (ROOT / name).exists())


@cache
def leads_to_a_file(reference: str) -> bool:
    end = "/" + re.sub(r"^(?:\.\./)+", "", reference)
    return any(f"/{name}".endswith(end) for name in tracked()) or (ROOT / reference).exists()


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


def lost_in(text: str) -> list[str]:
    """Give the references in a text that lead nowhere."""
    kinds = (
        (_FILE, leads_to_a_file),
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
            lost += [f"{name}: {reference}" for reference in lost_in(told)]
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("see `rpc/gate.py` and gate.py", []),
        ("see rpc/calls.py", ["rpc/calls.py"]),
        ("as architecture.md tells, or docs/nowhere.md", ["docs/nowhere.md"]),
        ("the rules (`domain/players/`), once `domain/rules/`", ["domain/rules/"]),
        ("wallet_grpc.rpc.gate.CallGate, wallet_grpc.rpc.calls", ["wallet_grpc.rpc.calls"]),
        ("run python -m wallet_cli, never python -m wallet_grpc", ["wallet_grpc"]),
        ("python -m venv", []),
    ],
)
def test_a_reference_that_leads_nowhere_is_found(text: str, lost: list[str]) -> None:
    assert lost_in(text) == lost
