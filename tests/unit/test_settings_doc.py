"""docs/settings.md has one row for each setting of the service, HTTP API, console and gateway: default, meaning.

`python tests/unit/test_settings_doc.py` writes the tables anew.
"""

import re
from enum import Enum
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from wallet_api.settings import ApiSettings
from wallet_console.settings import ConsoleSettings
from wallet_gateway.settings import GatewaySettings
from wallet_grpc.secret_files import EnvironmentSettings
from wallet_grpc.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
HEAD = ["| variable | default | meaning |", "|---|---|---|"]
TABLES: tuple[type[EnvironmentSettings], ...] = (Settings, ApiSettings, ConsoleSettings, GatewaySettings)
"""In the order of the page."""

_TABLE = re.compile("\n".join(map(re.escape, HEAD)) + r"\n(?:\|.*\n)+")


def rows(settings: type[EnvironmentSettings]) -> list[str]:
    """Write a row for each field: `| `WALLET_X` | default | meaning |`. Of a secret, its file is named as well."""
    secrets = settings.secrets()
    return [
        f"| `WALLET_{name.upper()}`{f', `WALLET_{name.upper()}_FILE`' if name in secrets else ''} "
        f"| {_default_text(field.default)} | {field.description} |"
        for name, field in settings.model_fields.items()
    ]


def _default_text(default: object) -> str:
    match default:
        case None | "":
            return "none"
        case Enum():
            return f"`{str(default.value).lower()}`"
        case _ if default is PydanticUndefined:
            return "required"
        case _:
            return f"`{default}`"


def _tables() -> list[str]:
    """Write the tables as they should stand on the page."""
    return ["\n".join([*HEAD, *rows(settings), ""]) for settings in TABLES]


def test_every_setting_has_its_row() -> None:
    assert _TABLE.findall(PAGE.read_text(encoding="utf-8")) == _tables()


@pytest.mark.parametrize("settings", TABLES)
def test_every_setting_has_a_meaning(settings: type[EnvironmentSettings]) -> None:
    assert [name for name, field in settings.model_fields.items() if not field.description] == []


if __name__ == "__main__":
    tables = iter(_tables())
    PAGE.write_text(_TABLE.sub(lambda _: next(tables), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
