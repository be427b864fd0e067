"""What the wallet promises in seconds is held on a machine that does nothing else: CI's tests leave it more time."""

import ast
from pathlib import Path

from soak import PLAYED

TESTS = Path(__file__).parents[1]
MARGIN = "BUSY_S"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def bounded_by_the_margin(source: str) -> set[str]:
    """Give the tests of a file that leave this margin, by it or by a constant of the file that it is in."""
    nodes = ast.parse(source).body
    known = {MARGIN}
    for node in nodes:
        if isinstance(node, ast.Assign) and known & named(node.value):
            known |= {name for target in node.targets for name in named(target)}
    return {
        node.name
        for node in nodes
        if isinstance(node, _FUNCTIONS) and node.name.startswith("test_") and known & named(node)
    }


def named(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def test_a_soak_plays_each_test_that_leaves_a_busy_machine_more_time_than_is_promised() -> None:
    bounded = {
        f"{path.relative_to(TESTS)}::{name}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for name in bounded_by_the_margin(path.read_text(encoding="utf-8"))
    }
    assert "rpc/test_auth.py::test_a_revoked_key_stops_working" in bounded
    played = tuple(part if "::" in part else f"{part}::" if part.endswith(".py") else f"{part}/" for part in PLAYED)
    assert {test for test in bounded if not test.startswith(played)} == set()


def test_all_that_a_soak_plays_is_there() -> None:
    for part in PLAYED:
        path, _, name = part.partition("::")
        assert (TESTS / path).exists(), part
        assert not name or f"def {name}(" in (TESTS / path).read_text(encoding="utf-8"), part
