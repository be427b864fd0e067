"""What commands are given: settings, a database that was looked at, a connection of the schema's owner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import psycopg
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from wallet_cli import running_stack
from wallet_grpc.domain.cells import Cells
from wallet_grpc.domain.fields import TEXT_LENGTH_MAX
from wallet_grpc.domain.identifiers import NETWORK_ID_MAX, Source
from wallet_grpc.settings import AdminSettings, Settings
from wallet_grpc.store.connection.kinds import ConnectionKind, command, connect
from wallet_grpc.store.operator.preflight import UnfitDatabaseError, check_database

AnySettings = TypeVar("AnySettings", bound=BaseSettings)

_SOURCE_LENGTH_MAX = 64
_INSUFFICIENT_PRIVILEGE = "42501"

NETWORK = click.IntRange(1, NETWORK_ID_MAX)
"""The type of an option that names a currency network."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def _reason(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if len(value) > TEXT_LENGTH_MAX or not value.isprintable():
        raise click.BadParameter(f"must be up to {TEXT_LENGTH_MAX} printable characters")
    return value


reason_option = click.option(
    "--reason",
    default="",
    callback=_reason,
    help="Why: kept in the trail of operators' actions, `wallet actions list`.",
)


def source_of(name: str) -> Source:
    """Check the name of a caller."""
    if not (name.isascii() and name.isprintable() and " " not in name and 0 < len(name) <= _SOURCE_LENGTH_MAX):
        raise click.BadParameter(f"must be 1 to {_SOURCE_LENGTH_MAX} printable ASCII characters", param_hint="--source")
    return Source(name)


def moment_of(text: str, option: str) -> datetime:
    """Read a time; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{text!r} is no time, such as 2026-01-31 or 2026-01-31T12:00:00Z", param_hint=option
        ) from error


def period_of(begins_at: str | None, ends_at: str | None) -> tuple[datetime | None, datetime | None]:
    """Read `--from` and `--to`, which are None where they are not given."""
    begins = None if begins_at is None else moment_of(begins_at, "--from")
    ends = None if ends_at is None else moment_of(ends_at, "--to")
    if begins is not None and ends is not None and ends < begins:
        raise click.BadParameter("is before --from", param_hint="--to")
    return begins, ends


def read_settings() -> Settings:
    """Read the settings of an operator's command: of the environment, or of the stack that `make run` has running."""
    return read_as(Settings, _of_running_stack())


def read_admin_settings() -> AdminSettings:
    """Read the settings of a command that needs the schema's owner alone; from where, as `read_settings`."""
    return read_as(AdminSettings, _of_running_stack())


def read_as(settings: type[AnySettings], known: Mapping[str, Any] | None = None) -> AnySettings:
    """Read settings from the environment, but for those that are known; or tell which one is wrong."""
    try:
        return settings(**(known or {}))
    except ValidationError as error:
        problems = [
            f"WALLET_{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}"
            if problem["loc"]
            else problem["msg"]
            for problem in error.errors(include_input=False, include_url=False)
        ]
        if known == {} and running_stack.is_asked_for():
            problems.append(f"(and no `make run` is running: there is no {running_stack.path_of_stack()})")
        raise click.ClickException("settings are wrong (docs/settings.md):\n  " + "\n  ".join(problems)) from None


def check_fitness(settings: Settings, kinds: Sequence[ConnectionKind], *, workers: int) -> Cells:
    """Refuse to serve on an unfit database, or by connections that would not do, saying why; gives what is served.

    `workers` is how many engines there will be; none in a process that stores nothing by lanes.
    """
    import structlog

    try:
        fitness = check_database(
            settings.service_dsn,
            settings.environment.value,
            timeout_s=max(2, settings.database_timeout_ms // 1000),
            kinds=kinds,
            served=settings.served_cells,
            owners_locked_max=settings.lanes * settings.batch_operations_max * workers,
        )
    except UnfitDatabaseError as error:
        raise click.ClickException(f"refusing to start: {error}") from error
    log = structlog.get_logger(__name__)
    for message in fitness.messages:
        log.warning("database_setting", hint=message)
    for cell, cause in fitness.cells_away.items():
        log.warning("cell_not_reached", cell=cell, cause=cause, hint="it is served when it is back")
    return fitness.cells


def _of_running_stack() -> Mapping[str, Any] | None:
    return running_stack.settings_of_stack() if running_stack.is_asked_for() else None


@contextmanager
def admin_connection(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """Connect as the schema's owner."""
    try:
        with connect(settings.admin_dsn, command()) as connection:
            yield connection
    except psycopg.Error as error:
        raise failed(error, settings) from error


def failed(
    error: psycopg.Error | TimeoutError, settings: Settings | AdminSettings, what: str = ""
) -> click.ClickException:
    """Tell what a command could not do, why it failed in the database, and what to do where that is known."""
    why = str(error) or "the database did not answer in time"
    sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
    hint = ""
    if sqlstate == _INSUFFICIENT_PRIVILEGE and settings.admin_database_url is None:
        hint = "\nThis needs the schema's owner: set WALLET_ADMIN_DATABASE_URL to its DSN (docs/settings.md)."
    elif (
        isinstance(error, (psycopg.OperationalError, TimeoutError))
        and sqlstate is None
        and running_stack.is_asked_for()
    ):
        hint = f"\n{running_stack.path_of_stack()} tells of a wallet that does not answer: is `make run` still running?"
    return click.ClickException(f"{what}: {why}".removeprefix(": ").strip() + hint)
