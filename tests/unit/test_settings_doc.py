"""docs/settings.md has one row for each setting, with its default and its meaning.

`python tests/unit/test_settings_doc.py` writes the table anew.
"""

from enum import Enum
from pathlib import Path

from pydantic_core import PydanticUndefined

from wallet_grpc.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
HEAD = ["| variable | default | meaning |", "|---|---|---|"]


def rows() -> list[str]:
    """Write a row for each field: `| `WALLET_X` | default | meaning |`."""
    return [
        f"| `WALLET_{name.upper()}` | {_default_text(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]


def _default_text(default: object) -> str:
    match default:
        case None:
            return "none"
        case Enum():
            return f"`{str(default.value).lower()}`"
        case _ if default is PydanticUndefined:
            return "required"
        case _:
            return f"`{default}`"


def _table(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("| `WALLET_")]


def test_every_setting_has_its_row() -> None:
    assert _table(PAGE.read_text(encoding="utf-8").splitlines()) == rows()


def test_every_setting_has_a_meaning() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8").splitlines()
    before = page[: page.index(HEAD[0])]
    last = max(number for number, line in enumerate(page) if line.startswith("|"))
    PAGE.write_text("\n".join([*before, *HEAD, *rows(), *page[last + 1 :]]) + "\n", encoding="utf-8")
