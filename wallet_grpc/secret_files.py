"""Secrets in files: each setting `WALLET_X` that is a secret may be given as `WALLET_X_FILE`, the file that holds it.

So an orchestrator's mounted secrets need no environment variable, which every child process inherits and crash reports
tend to show. A file is read once, when the settings are. What is wrong with one is told by name, never by its content.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

FILE_BYTES_MAX = 65_536

_PREFIX = "WALLET_"


class EnvironmentSettings(BaseSettings):
    """Settings that are read from the environment, `WALLET_` + the name, and their secrets from files as well."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    @classmethod
    def secrets(cls) -> list[str]:
        """Name the settings that are secrets."""
        return [name for name, field in cls.model_fields.items() if _is_secret(field.annotation)]

    @model_validator(mode="before")
    @classmethod
    def _with_secret_files(cls, given: Any) -> Any:
        """Add what files hold to what the environment says.

        Raises:
            ValueError: A secret is given twice, or its file cannot be used.
        """
        assert isinstance(given, Mapping)
        held: dict[str, str] = {}
        problems: list[str] = []
        for name in cls.secrets():
            variable, file = _PREFIX + name.upper(), file_of(_PREFIX + name.upper())
            if file is None:
                continue
            if given.get(name) is not None:
                problems.append(f"{variable} and {variable}_FILE are both set: one of them has to go")
                continue
            try:
                held[name] = read_secret(file)
            except ValueError as error:
                problems.append(f"{variable}_FILE: {error}")
        if problems:
            raise ValueError("; ".join(problems))
        return {**given, **held}


def file_of(variable: str) -> Path | None:
    """Give the file that holds what an environment variable would, if `{variable}_FILE` names one."""
    named = os.environ.get(f"{variable}_FILE")
    return Path(named) if named else None


def content_of(file: Path, *, bytes_max: int) -> bytes:
    """Read a file that is mounted for the wallet, up to a size.

    Raises:
        ValueError: It cannot be read, or is larger. The message tells nothing of what it holds.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(bytes_max + 1)
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > bytes_max:
        raise ValueError(f"{file} is larger than {bytes_max} bytes")
    return content


def read_secret(file: Path) -> str:
    """Read a file that holds one secret; a line's end after it is not part of it.

    Raises:
        ValueError: It cannot be read, or holds none. The message tells nothing of what it holds.
    """
    content = content_of(file, bytes_max=FILE_BYTES_MAX)
    try:
        secret = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8") from None
    if not secret or "\0" in secret:
        raise ValueError(f"{file} is empty" if not secret else f"{file} holds a NUL")
    return secret


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))
