"""Who may call, and where their sessions are settled: keys and rails."""

from __future__ import annotations

import dataclasses

import click

from wallet_cli import console
from wallet_grpc.domain.sessions.state import Rail
from wallet_grpc.settings import Environment
from wallet_grpc.store.operator import keys as key_store
from wallet_grpc.store.operator import rails as rail_store
from wallet_grpc.store.reads.keys import Role

from .options import admin_connection, json_option, read_settings, source_of

_RATE = click.IntRange(1, 1_000_000)


@click.group("keys")
def keys() -> None:
    """Callers' keys: who may call, and what."""


@keys.command("create")
@click.option("--source", required=True, help="The caller's name: the namespace of its transaction ids.")
@click.option(
    "--role",
    "roles",
    required=True,
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    help="What it may do, and read; `auditor` reads everything and changes nothing. Several times for several.",
)
@click.option(
    "--rate-per-s",
    type=_RATE,
    help="Calls and operations a second that it may send to each server process. Default: as many as it will.",
)
@json_option
def create_key(source: str, roles: tuple[str, ...], rate_per_s: int | None, *, as_json: bool) -> None:
    """Make a key and print it, for the only time."""
    source_of(source)
    settings = read_settings()
    prefix = "sk_live_" if settings.environment is Environment.LIVE else "sk_test_"
    with admin_connection(settings) as connection:
        made = key_store.create_key(
            connection,
            prefix=prefix,
            source=source,
            roles=[Role(role) for role in dict.fromkeys(roles)],
            rate_per_s=rate_per_s,
        )
    if as_json:
        console.print_json(dataclasses.asdict(made))
        return
    click.echo(f"{made.key}\n")
    click.echo(f"This is {made.key_id}, for {source} ({', '.join(made.roles)}). It is not shown again.", err=True)


@keys.command("list")
@json_option
def list_keys(*, as_json: bool) -> None:
    """List all keys, without their secrets."""
    with admin_connection(read_settings()) as connection:
        rows = key_store.list_keys(connection)
    console.print_rows(rows, as_json=as_json, empty="there are no keys; make one with `wallet keys create`")


@keys.command("limit")
@click.argument("key_id")
@click.option("--rate-per-s", type=_RATE, help="As in `keys create`. Without it, the key has no bound any more.")
@json_option
def limit_key(key_id: str, rate_per_s: int | None, *, as_json: bool) -> None:
    """Set a key's rate, or take it away; it is in force within 5 seconds."""
    with admin_connection(read_settings()) as connection:
        known = key_store.limit_key(connection, key_id, rate_per_s=rate_per_s)
    if not known:
        raise click.ClickException(f"there is no key {key_id}; `wallet keys list` shows them")
    if as_json:
        console.print_json({"key_id": key_id, "rate_per_s": rate_per_s})
    else:
        click.echo(f"{key_id} may send {'any number' if rate_per_s is None else rate_per_s} a second")


@keys.command("revoke")
@click.argument("key_id")
@json_option
def revoke_key(key_id: str, *, as_json: bool) -> None:
    """Revoke a key for good; it stops working within 5 seconds."""
    with admin_connection(read_settings()) as connection:
        known = key_store.revoke_key(connection, key_id)
    if not known:
        raise click.ClickException(f"there is no key {key_id}; `wallet keys list` shows them")
    if as_json:
        console.print_json({"key_id": key_id, "revoked": True})
    else:
        click.echo(f"{key_id} is revoked")


@click.group("rails")
def rails() -> None:
    """Settlement rails: where a source's game sessions are settled. A LIVE installation opens none without."""


@rails.command("set")
@click.option("--source", required=True, help="The caller's name, as in `wallet keys list`.")
@click.option("--currency-network", "network_id", required=True, type=int, help="Its id, as in `currencies list`.")
@click.option(
    "--rail",
    required=True,
    type=click.Choice([rail.value for rail in Rail]),
    help="`ledger`: here alone. `payments`: events also tell the payments side what to mirror on chain.",
)
@json_option
def set_rail(source: str, network_id: int, rail: str, *, as_json: bool) -> None:
    """Set where new sessions of a source are settled. Sessions that are open keep the rail they were opened with."""
    with admin_connection(read_settings()) as connection:
        known = rail_store.set_rail(connection, source=source, currency_network_id=network_id, rail=Rail(rail))
    if not known:
        raise click.ClickException(f"there is no currency network {network_id}; `wallet currencies list` shows them")
    if as_json:
        console.print_json({"source": source, "currency_network_id": network_id, "rail": rail})
    else:
        click.echo(f"sessions of {source} in currency network {network_id} are settled by rail {rail}")


@rails.command("list")
@json_option
def list_rails(*, as_json: bool) -> None:
    """List the rails."""
    with admin_connection(read_settings()) as connection:
        rows = rail_store.list_rails(connection)
    console.print_rows(rows, as_json=as_json, empty="there are none; set one with `wallet rails set`")
