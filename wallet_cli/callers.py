"""Who may call, and where their sessions are settled: keys and rails."""

from __future__ import annotations

import dataclasses

import click

from wallet_cli import console
from wallet_grpc.domain.operators import OPERATOR_NAME_LENGTH_MAX, is_operator_name
from wallet_grpc.domain.sessions.state import Rail
from wallet_grpc.settings import Environment
from wallet_grpc.store.operator import keys as key_store
from wallet_grpc.store.operator import rails as rail_store
from wallet_grpc.store.reads.keys import Role

from .options import NETWORK, admin_connection, json_option, read_settings, reason_option, source_of

_RATE = click.IntRange(1, 1_000_000)


def _operator(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_operator_name(value):
        raise click.BadParameter(f"must be 1 to {OPERATOR_NAME_LENGTH_MAX} characters of ASCII 0x21 to 0x7E")
    return value


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
@click.option(
    "--operator",
    callback=_operator,
    help="Whose key with role `backoffice` it is: the person's name, as no other has it. Default: that of the source, "
    "on TEST alone.",
)
@click.option(
    "--speaks-for-logins",
    is_flag=True,
    help="With role `backoffice`: its calls name the person who is logged in where they come from (docs/operating.md).",
)
@reason_option
@json_option
def create_key(
    source: str,
    roles: tuple[str, ...],
    rate_per_s: int | None,
    operator: str | None,
    reason: str,
    *,
    speaks_for_logins: bool,
    as_json: bool,
) -> None:
    """Make a key and print it, for the only time."""
    source_of(source)
    _see_that_persons_fit(roles, operator, speaks_for_logins=speaks_for_logins)
    settings = read_settings()
    if settings.environment is Environment.LIVE:
        _see_that_a_live_key_has_one_duty(roles, is_somebodys=operator is not None or speaks_for_logins)
    prefix = "sk_live_" if settings.environment is Environment.LIVE else "sk_test_"
    with admin_connection(settings) as connection:
        made = key_store.create_key(
            connection,
            prefix=prefix,
            source=source,
            roles=[Role(role) for role in dict.fromkeys(roles)],
            rate_per_s=rate_per_s,
            operator=operator,
            speaks_for_logins=speaks_for_logins,
            reason=reason,
        )
    if as_json:
        console.print_json(dataclasses.asdict(made))
        return
    click.echo(f"{made.key}\n")
    click.echo(f"This is {made.key_id}, for {source} ({', '.join(made.roles)}). It is not shown again.", err=True)
    if made.operator is not None:
        click.echo(f"What is done with it is done by the person {made.operator}.", err=True)


def _see_that_persons_fit(roles: tuple[str, ...], operator: str | None, *, speaks_for_logins: bool) -> None:
    """Refuse a person where there can be none, or two."""
    if (operator is not None or speaks_for_logins) and Role.BACKOFFICE.value not in roles:
        raise click.UsageError("--operator and --speaks-for-logins are for keys with --role backoffice")
    if operator is not None and speaks_for_logins:
        raise click.UsageError("a key is one person's (--operator), or speaks for those who log in; not both")


def _see_that_a_live_key_has_one_duty(roles: tuple[str, ...], *, is_somebodys: bool) -> None:
    """Refuse a key of operators that names nobody, and one that moves players' money by itself as well."""
    if Role.BACKOFFICE.value not in roles:
        return
    if not is_somebodys:
        raise click.UsageError(
            "on LIVE a key with --role backoffice names its person: add --operator NAME, or --speaks-for-logins for "
            "what people log in to"
        )
    others = [role for role in (Role.GAME.value, Role.PAYMENTS.value) if role in roles]
    if others:
        raise click.UsageError(
            f"on LIVE no key has role backoffice together with {' and '.join(others)}: make two keys, one for the "
            "person and one for the system"
        )


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
@reason_option
@json_option
def limit_key(key_id: str, rate_per_s: int | None, reason: str, *, as_json: bool) -> None:
    """Set a key's rate, or take it away; it is in force within 5 seconds."""
    with admin_connection(read_settings()) as connection:
        known = key_store.limit_key(connection, key_id, rate_per_s=rate_per_s, reason=reason)
    if not known:
        raise click.ClickException(f"there is no key {key_id}; `wallet keys list` shows them")
    if as_json:
        console.print_json({"key_id": key_id, "rate_per_s": rate_per_s})
    else:
        click.echo(f"{key_id} may send {'any number' if rate_per_s is None else rate_per_s} a second")


@keys.command("revoke")
@click.argument("key_id")
@reason_option
@json_option
def revoke_key(key_id: str, reason: str, *, as_json: bool) -> None:
    """Revoke a key for good; it stops working within 5 seconds."""
    with admin_connection(read_settings()) as connection:
        known = key_store.revoke_key(connection, key_id, reason=reason)
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
@click.option("--currency-network", "network_id", required=True, type=NETWORK, help="Its id, as in `currencies list`.")
@click.option(
    "--rail",
    required=True,
    type=click.Choice([rail.value for rail in Rail]),
    help="`ledger`: here alone. `payments`: events also tell the payments side what to mirror on chain.",
)
@reason_option
@json_option
def set_rail(source: str, network_id: int, rail: str, reason: str, *, as_json: bool) -> None:
    """Set where new sessions of a source are settled. Sessions that are open keep the rail they were opened with."""
    with admin_connection(read_settings()) as connection:
        known = rail_store.set_rail(
            connection, source=source, currency_network_id=network_id, rail=Rail(rail), reason=reason
        )
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
