"""docs/architecture.md is held against the code: its tree against the folders, its two pictures against the imports.

A picture is a staircase: each row ends with a name, and a mark in a row says that the name at the head of the mark's
column imports the row's. There is no place for an import from below, so one that appears cannot be drawn and is red.
"""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = (
    "wallet",
    "wallet_api",
    "wallet_certify",
    "wallet_cli",
    "wallet_client",
    "wallet_console",
    "wallet_gateway",
    "wallet_grpc",
)
ROOMS = ("players", "sessions", "credit", "ledgers")
STEP = 3
"""Characters from one column of a picture to the next."""

Import = tuple[str, str]
"""Who imports, and what."""


def block_after(heading: str, page: str) -> list[str]:
    """Give the lines of the first block of code after a heading."""
    found = re.search(rf"^#+ {re.escape(heading)}$.*?^```\w*\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1].splitlines()


# ------------------------------------------------------------------------------------------------------------ the tree


def told_entries(lines: list[str]) -> Iterator[str]:
    """Give the path of each entry of a tree: the words before the description which end as folders and files do."""
    folders: list[tuple[int, str]] = []
    for line in lines:
        indent = len(line) - len(line.lstrip())
        while folders and folders[-1][0] >= indent:
            folders.pop()
        above = folders[-1][1] if folders else ""
        names = list(takewhile(lambda word: re.search(r"(?:/|\.\w+)$", word), line.split()))
        assert names, line
        yield from (above + name for name in names)
        folders.append((indent, above + names[-1]))


def test_every_entry_of_the_tree_is_there() -> None:
    told = list(told_entries(block_after("The layout", PAGE.read_text())))
    assert [entry for entry in told if not (ROOT / entry).exists()] == []
    assert [entry for entry in told if (ROOT / entry).is_dir() != entry.endswith("/")] == []


def test_every_folder_and_every_module_beside_the_folders_is_in_the_tree() -> None:
    told = set(told_entries(block_after("The layout", PAGE.read_text())))
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    files = [Path(name) for name in listed if (ROOT / name).is_file() and not name.startswith(".")]
    tops = {f"{file.parts[0]}/" for file in files if len(file.parts) > 1}
    rooms = {f"{file.parent}/" for file in files if file.parts[0] in PACKAGES and file.suffix in {".py", ".sql"}}
    beside = {str(file) for file in files if file.parent == Path("wallet_grpc") and file.name != "__init__.py"}
    # A folder of folders need not be named beside them: protos/wallet/v1/ tells of protos/.
    assert {name for name in tops if not any(entry.startswith(name) for entry in told)} == set()
    assert (rooms | beside) - told - {"wallet/"} == set()


# -------------------------------------------------------------------------------------------------------- the pictures


def drawn(lines: list[str]) -> tuple[list[str], set[Import]]:
    """Read a picture: its names from top to bottom, and the imports that are marked."""
    names: list[str] = []
    imports: set[Import] = set()
    for row, line in enumerate(lines):
        marks, name = line[: STEP * row], line[STEP * row :].split()[0]
        assert re.fullmatch(r"(?:[x.]  )*", marks), f"row {row + 1}: {line!r}"
        assert re.fullmatch(r"\w\w+", name), f"row {row + 1}: {line!r}"
        imports |= {(names[column], name) for column in range(row) if marks[STEP * column] == "x"}
        names.append(name)
    return names, imports


def imported_by(file: Path) -> Iterator[str]:
    """Give the full name of all that a file imports, wherever in the file it does."""
    package = ".".join(file.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imports_between(folders: list[Path], part_of: Callable[[str], str | None]) -> set[Import]:
    """Give the imports among parts of the program that the files in some folders make."""
    found = set()
    for file in (file for folder in folders for file in folder.rglob("*.py")):
        importer = part_of(".".join(file.relative_to(ROOT).with_suffix("").parts))
        found |= {(importer, part_of(name)) for name in imported_by(file)}
    return {(one, other) for one, other in found if one is not None and other is not None and one != other}


def layer_of(module: str) -> str | None:
    """Give the layer that a module is of: what stands directly in wallet_grpc, or the package beside it."""
    top, _, rest = module.partition(".")
    if top not in PACKAGES:
        return None
    return rest.split(".")[0] if top == "wallet_grpc" and rest else top


def room_of(module: str) -> str | None:
    """Give the capability whose room a module of the domain or of rpc lies in."""
    found = re.match(rf"wallet_grpc\.(?:domain|rpc)\.({'|'.join(ROOMS)})(?:\.|$)", module)
    return found[1] if found else None


def layers() -> set[str]:
    inside = {module.parts[-1] for module in (ROOT / "wallet_grpc").iterdir() if (module / "__init__.py").exists()}
    beside = {module.stem for module in (ROOT / "wallet_grpc").glob("[!_]*.py")}
    return inside | beside | (set(PACKAGES) - {"wallet_grpc"})


PICTURES: dict[str, tuple[Callable[[], AbstractSet[str]], Callable[[], set[Import]]]] = {
    "The layers": (layers, lambda: imports_between([ROOT / package for package in PACKAGES], layer_of)),
    "The rooms": (
        lambda: set(ROOMS),
        lambda: imports_between([ROOT / "wallet_grpc" / layer for layer in ("domain", "rpc")], room_of),
    ),
}


@pytest.mark.parametrize("heading", PICTURES)
def test_the_picture_shows_every_import_and_no_other(heading: str) -> None:
    names, shown = drawn(block_after(heading, PAGE.read_text()))
    expected_names, real = (read() for read in PICTURES[heading])
    assert sorted(names) == sorted(expected_names)
    assert sorted(real - shown) == [], "not in the picture"
    assert sorted(shown - real) == [], "in the picture only"


def test_every_service_has_the_same_three_files() -> None:
    rooms = {name: {file.name for file in (ROOT / "wallet_grpc" / "rpc" / name).glob("*.py")} for name in ROOMS}
    assert rooms == {name: {"__init__.py", "service.py", "requests.py", "answers.py"} for name in ROOMS}


def test_the_rooms_of_rpc_are_strangers_to_each_other() -> None:
    """What two services share stands beside their rooms; only rules lean on rules."""

    def room_of_rpc(module: str) -> str | None:
        return room_of(module) if module.startswith("wallet_grpc.rpc.") else None

    assert imports_between([ROOT / "wallet_grpc" / "rpc"], room_of_rpc) == set()


# ---------------------------------------------------------------------------------------------- the readers themselves


def test_a_picture_is_read_by_its_columns() -> None:
    names, imports = drawn(["top   what is above", "x  middle", ".  x  bottom"])
    assert names == ["top", "middle", "bottom"]
    assert imports == {("top", "middle"), ("middle", "bottom")}


@pytest.mark.parametrize("row", ["x  x  bottom", "-  bottom", "x bottom"])
def test_a_picture_that_is_no_staircase_is_refused(row: str) -> None:
    with pytest.raises(AssertionError):
        drawn(["top", row])


def test_a_tree_is_read_by_its_indents() -> None:
    lines = ["a/       first", "  b/ c/  both", "    d.py", "e/", "  f/"]
    assert list(told_entries(lines)) == ["a/", "a/b/", "a/c/", "a/c/d.py", "e/", "e/f/"]
