"""Cells: where the owners of an installation live, and how it is left for one that has more or fewer."""

from __future__ import annotations

import dataclasses
import sys

import click
import psycopg

from wallet_cli import console
from wallet_grpc.settings import check_dsn
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.copying.comparing import Comparison
from wallet_grpc.store.copying.copy import compare, copy
from wallet_grpc.store.copying.transfer import CopyError
from wallet_grpc.store.operator import cells as cell_store
from wallet_grpc.store.operator.freeze import FreezeError, freeze, lift

from .options import admin_connection, json_option, read_admin_settings, read_settings, reason_option


@click.group("cells")
def cells() -> None:
    """Cells: where owners live. docs/scaling.md tells how many there should be, and how they are moved."""


@cells.command("list")
@json_option
def list_cells(*, as_json: bool) -> None:
    """List the cells: where each is, how large and how busy, and how far the relay is behind."""
    with admin_connection(read_settings()) as connection:
        rows = cell_store.list_cells(connection)
    console.print_rows(rows, as_json=as_json, empty="there are none; `wallet migrate` makes them")


@click.command("freeze")
@click.option("--lift", "is_lifted", is_flag=True, help="End the freeze.")
@reason_option
@json_option
def freeze_command(*, is_lifted: bool, reason: str, as_json: bool) -> None:
    """Freeze the installation: nothing is written any more, by any process, and all of it can be read.

    Callers are answered UNAVAILABLE, and may send again. Needs the schema's owner (WALLET_ADMIN_DATABASE_URL).
    """
    with admin_connection(read_settings()) as connection:
        connection.commit()
        connection.autocommit = True
        try:
            changed = lift(connection, reason=reason) if is_lifted else freeze(connection, reason=reason)
        except FreezeError as error:
            raise click.ClickException(str(error)) from error
    if as_json:
        console.print_json({"frozen": not is_lifted, "changed": changed})
    else:
        click.echo(("it is" if changed else "it was") + (" not frozen" if is_lifted else " frozen"))


def _dsn(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    try:
        check_dsn(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


@click.command("copy")
@click.option(
    "--from",
    "source_url",
    envvar="WALLET_COPY_FROM_DATABASE_URL",
    required=True,
    callback=_dsn,
    help="The DSN of the owner of the schemas to copy from; with a password better in WALLET_COPY_FROM_DATABASE_URL.",
)
@click.option("--finish", is_flag=True, help="Freeze the source, copy the rest, and make the target ready.")
@click.option("--compare", "only_compare", is_flag=True, help="Copy nothing; compare a target that is ready once more.")
@reason_option
@json_option
def copy_command(*, source_url: str, finish: bool, only_compare: bool, reason: str, as_json: bool) -> None:
    """Fill a new installation from one of another number of cells. docs/scaling.md tells how.

    The new one is where WALLET_ADMIN_DATABASE_URL leads, set up by `wallet migrate --cells N`, and nothing else.
    Without --finish the source serves on; what was broken off is gone on with by the same command.
    """
    if finish and only_compare:
        raise click.UsageError("--finish copies, --compare does not: take one")
    settings = read_admin_settings()
    try:
        with console.progress(enabled=not as_json) as on_progress:
            if only_compare:
                _tell_comparison(compare(source_url, settings.admin_dsn, on_progress=on_progress), as_json=as_json)
                return
            copied = copy(source_url, settings.admin_dsn, finish=finish, reason=reason, on_progress=on_progress)
    except (CopyError, FreezeError) as error:
        raise click.ClickException(str(error)) from error
    except (psycopg.Error, DatabaseUnavailableError) as error:
        raise click.ClickException(f"could not copy: {error}\nThe same command goes on where it was.") from error
    if as_json:
        console.print_json(dataclasses.asdict(copied))
        return
    for table, rows in copied.rows.items():
        if rows:
            click.echo(f"{table}: {rows:,} rows are the same")
    if copied.is_ready:
        click.echo(f"the target is ready, {copied.pause_s:.1f} s after the freeze: lead the callers to it")
    else:
        click.echo(f"copied up to {copied.settled_until:%Y-%m-%d %H:%M:%S} UTC; --finish freezes the source")


def _tell_comparison(found: Comparison, *, as_json: bool) -> None:
    if as_json:
        console.print_json({"rows": found.rows, "differences": found.differences})
    else:
        for difference in found.differences:
            click.echo(difference)
        click.echo(f"{sum(found.rows.values()):,} rows and sums compared: {len(found.differences)} differences")
    if found.differences:
        sys.exit(1)
