"""Names and sizes: in what is shipped a class's name means one thing; any file is short or tells why it is not."""

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from support.database import ROOT

_SHIPPED = ("wallet_grpc", "wallet_api", "wallet_cli", "wallet_client")
_LINES_MAX = 350
_REASON = "Long because "
"""How the sentence begins that tells it, in a module's docstring or in the comment at the head of an SQL file."""
_excused = re.compile(r"noqa:.*\b(C901|PLR0911|PLR0912|PLR0915)\b")


def shipped(*endings: str) -> Iterator[Path]:
    """Give the files of what is shipped, each once: `wallet_grpc/migrations` leads to `migrations`."""
    yield from files_in((*_SHIPPED, "migrations"), endings)


def files_in(folders: Iterable[str], endings: Collection[str]) -> Iterator[Path]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in endings and file == file.resolve():
                yield file


def head_of(file: Path) -> str:
    """Give what a file says of itself before anything else."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        return ast.get_docstring(ast.parse(text)) or ""
    head = re.match(r"(--[^\n]*\n)*", text)
    return " ".join(line.removeprefix("--").strip() for line in head[0].splitlines()) if head else ""


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for file in shipped(".py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert places["WalletServer"], "nothing was looked at"
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_long_file_tells_why_it_is_long() -> None:
    long = {
        str(file.relative_to(ROOT)): lines
        for file in files_in((*_SHIPPED, "migrations", "bench", "devstack", "tests", "tools"), (".py", ".sql"))
        if "node_modules" not in file.parts
        and (lines := len(file.read_text(encoding="utf-8").splitlines())) > _LINES_MAX
        and _REASON not in head_of(file)
    }
    assert long == {}


def test_nothing_in_the_store_is_excused_for_being_complex() -> None:
    store = ROOT / "wallet_grpc" / "store"
    lines = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in shipped(".py")
        if file.is_relative_to(store)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if _excused.search(line)
    ]
    assert lines == []
