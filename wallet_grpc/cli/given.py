"""What commands are given: settings, a database that was looked at, a connection of the schema's owner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import psycopg
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.settings import Settings
from wallet_grpc.store.connections import ConnectionKind, command, connect
from wallet_grpc.store.preflight import UnfitDatabaseError, check_database

AnySettings = TypeVar("AnySettings", bound=BaseSettings)

_SOURCE_LENGTH_MAX = 64

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def source_of(name: str) -> Source:
    """Check the name of a caller."""
    if not (name.isascii() and name.isprintable() and " " not in name and 0 < len(name) <= _SOURCE_LENGTH_MAX):
        raise click.BadParameter(f"must be 1 to {_SOURCE_LENGTH_MAX} printable ASCII characters", param_hint="--source")
    return Source(name)


def read_settings() -> Settings:
    """Read the settings of the service, or tell which one is wrong."""
    return read_as(Settings)


def read_as(settings: type[AnySettings]) -> AnySettings:
    """Read settings, or tell which one is wrong."""
    try:
        return settings()
    except ValidationError as error:
        problems = [
            f"WALLET_{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}"
            if problem["loc"]
            else problem["msg"]
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise click.ClickException("settings are wrong (docs/settings.md):\n  " + "\n  ".join(problems)) from None


def check_fitness(settings: Settings, kinds: Sequence[ConnectionKind]) -> None:
    """Refuse to serve on an unfit database, or by connections that would not do, saying why."""
    import structlog

    try:
        warnings = check_database(
            settings.service_dsn,
            settings.environment.value,
            timeout_s=max(2, settings.database_timeout_ms // 1000),
            kinds=kinds,
        )
    except UnfitDatabaseError as error:
        raise click.ClickException(f"refusing to start: {error}") from error
    for message in warnings.messages:
        structlog.get_logger(__name__).warning("database_setting", hint=message)


@contextmanager
def admin_connection(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """Connect as the schema's owner."""
    try:
        with connect(settings.admin_dsn, command()) as connection:
            yield connection
    except psycopg.Error as error:
        raise click.ClickException(str(error).strip()) from error
