"""What is set up once: the schema, currency networks and ledgers."""

from __future__ import annotations

from dataclasses import asdict

import click
import psycopg

from wallet_cli import console
from wallet_grpc.domain.cells import CELLS_MAX
from wallet_grpc.store.operator import ledgers as ledger_store
from wallet_grpc.store.operator import networks as network_store
from wallet_grpc.store.operator.migrate import MigrationError, migrate, plan
from wallet_grpc.store.operator.migration_plan import PlannedMigration
from wallet_grpc.store.reads.moments import ClockAheadError

from .options import (
    NETWORK,
    admin_connection,
    failed,
    json_option,
    read_admin_settings,
    read_settings,
    reason_option,
    source_of,
)

_LEDGER_NAME_LENGTH_MAX = 256


@click.command("migrate")
@click.option("--dry-run", is_flag=True, help="Change nothing; print what would be applied.")
@click.option("--plan", "is_plan", is_flag=True, help="Change nothing; print each statement with its lock.")
@click.option(
    "--cells",
    type=click.IntRange(1, CELLS_MAX),
    help="How many cells a new installation has, for ever (docs/scaling.md). Default: one.",
)
@json_option
def migrate_command(*, dry_run: bool, is_plan: bool, cells: int | None, as_json: bool) -> None:
    """Create the schema or bring it up to date. Safe to run at once in several pods, and again after a kill.

    It needs WALLET_ADMIN_DATABASE_URL, and runs beside a service under load: it holds nobody up for more than half
    a second, tries again, and tells whom it waits for.
    """
    settings = read_admin_settings()
    try:
        if is_plan:
            _show_plan(plan(settings.admin_dsn, settings.environment.value, cells=cells), as_json=as_json)
            return
        versions = migrate(
            settings.admin_dsn,
            settings.environment.value,
            cells=cells,
            on_applied=lambda version: None if as_json else click.echo(f"applied {version}"),
            on_wait=lambda waiting: click.echo(str(waiting), err=True),
            dry_run=dry_run,
        )
    except psycopg.errors.InsufficientPrivilege as error:
        raise click.ClickException(
            f"{str(error).strip()}\nmigrate needs the login that owns the schema: WALLET_ADMIN_DATABASE_URL"
        ) from error
    except psycopg.Error as error:
        raise failed(error, settings) from error
    except MigrationError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        console.print_json({"pending" if dry_run else "applied": versions, "environment": settings.environment.value})
    elif not versions:
        click.echo(f"the {settings.environment.value} installation is up to date")
    elif dry_run:
        for version in versions:
            click.echo(f"would apply {version}")


def _show_plan(planned: list[PlannedMigration], *, as_json: bool) -> None:
    """Print what migrations would do to those who use the database meanwhile."""
    if as_json:
        console.print_json([asdict(migration) for migration in planned])
        return
    if not planned:
        click.echo("nothing is to be applied")
    for migration in planned:
        how = "in one transaction: its locks are held until it ends" if migration.in_transaction else "in single steps"
        click.echo(f"{migration.name}, {how}")
        for statement in migration.statements:
            click.echo(f"  {statement}")


@click.group("currencies")
def currencies() -> None:
    """Currency networks: which currencies there are, on which networks."""


@currencies.command("add")
@click.argument("currency")
@click.argument("network")
@click.option("--decimals", required=True, type=click.IntRange(0, 18), help="Decimals of a major unit.")
@click.option("--id", "network_id", type=NETWORK, help="Its id. Default: the next one.")
@reason_option
@json_option
def add_currency(
    currency: str, network: str, decimals: int, network_id: int | None, reason: str, *, as_json: bool
) -> None:
    """Add a currency network with its house accounts. Adding the same again changes nothing."""
    with admin_connection(read_settings()) as connection:
        try:
            added = network_store.add_network(
                connection, currency=currency, network=network, decimals=decimals, network_id=network_id, reason=reason
            )
        except network_store.NetworkConflictError as error:
            raise click.ClickException(str(error)) from error
    if as_json:
        console.print_json({"currency_network_id": added})
    else:
        click.echo(f"{currency} on {network} is currency network {added}")


@currencies.command("list")
@json_option
def list_currencies(*, as_json: bool) -> None:
    """List the currency networks."""
    with admin_connection(read_settings()) as connection:
        rows = network_store.list_networks(connection)
    console.print_rows(rows, as_json=as_json, empty="there are none; add one with `wallet currencies add`")


@click.group("ledgers")
def ledgers() -> None:
    """Ledgers of callers' own: what credit wallets and direct entries live in."""


@ledgers.command("create")
@click.argument("name")
@click.option("--source", required=True, help="Whose it is: the caller's name, as in `keys list`. No other uses it.")
@click.option("--currency-network", "network_id", required=True, type=NETWORK, help="Its id, as in `currencies list`.")
@reason_option
@json_option
def create_ledger(name: str, source: str, network_id: int, reason: str, *, as_json: bool) -> None:
    """Create a ledger for a source and print its id. Each call creates another one."""
    if not (name.isprintable() and 0 < len(name) <= _LEDGER_NAME_LENGTH_MAX):
        raise click.BadParameter(f"must be 1 to {_LEDGER_NAME_LENGTH_MAX} printable characters", param_hint="NAME")
    with admin_connection(read_settings()) as connection:
        try:
            ledger_id = ledger_store.create_ledger(
                connection, source=source_of(source), name=name, currency_network_id=network_id, reason=reason
            )
        except ClockAheadError as error:
            raise click.ClickException(str(error)) from error
    if ledger_id is None:
        raise click.ClickException(f"there is no currency network {network_id}; `wallet currencies list` shows them")
    if as_json:
        made = {"ledger_id": ledger_id, "source": source, "name": name, "currency_network_id": network_id}
        console.print_json(made)
    else:
        click.echo(ledger_id)


@ledgers.command("list")
@json_option
def list_ledgers(*, as_json: bool) -> None:
    """List the ledgers, oldest first."""
    with admin_connection(read_settings()) as connection:
        rows = ledger_store.list_ledgers(connection)
    console.print_rows(rows, as_json=as_json, empty="there are none; create one with `wallet ledgers create`")
