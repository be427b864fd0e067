"""The `wallet` command: serve, migrate, verify, and the small things that an operator does."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # before grpc is imported: a fork handler would stall workers

import click
import psycopg
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from wallet_grpc import console
from wallet_grpc.domain.receipts import ReceiptState
from wallet_grpc.domain.sessions import Rail
from wallet_grpc.logs import configure_logs
from wallet_grpc.settings import Environment, Settings
from wallet_grpc.store import credit_reads as credit_store
from wallet_grpc.store import inbox as inbox_store
from wallet_grpc.store import keys as key_store
from wallet_grpc.store import networks as network_store
from wallet_grpc.store import outbox_queue as outbox_store
from wallet_grpc.store import rails as rail_store
from wallet_grpc.store import reconcile as reconciliation
from wallet_grpc.store.keys import Role
from wallet_grpc.store.migrations import MigrationError, migrate
from wallet_grpc.store.preflight import UnfitDatabaseError, check_database
from wallet_grpc.store.rebuild import rebuild_balances
from wallet_grpc.store.verify import verify

AnySettings = TypeVar("AnySettings", bound=BaseSettings)

_CONNECT_TIMEOUT_S = 10
_SOURCE_LENGTH_MAX = 64
_LEDGER_NAME_LENGTH_MAX = 256

_TRANSACTION_COLUMNS = (
    "session_token", "transaction_id", "kind", "status", "player_id", "currency_network_id", "game_code", "round_id",
    "round_closed", "amount_minor", "win_amount_minor", "reference_transaction_id", "late", "tx_id", "created_at",
)  # fmt: skip
_ROUND_COLUMNS = (
    "session_token", "player_id", "currency_network_id", "game_code", "round_id", "closed", "bets_minor", "wins_minor",
    "rolled_back_bets_minor", "rolled_back_wins_minor", "transactions",
)  # fmt: skip
_DIFFERENCE_COLUMNS = ("finding", "session_token", "transaction_id", "detail")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wallet")
def main() -> None:
    """The wallet: the balance authority of a gaming platform.

    Settings come from the environment (WALLET_DATABASE_URL and others; see docs/settings.md).
    """


@main.command()
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes. Default: WALLET_WORKERS.")
def serve(workers: int | None) -> None:
    """Serve gRPC until SIGTERM or Ctrl-C; finishes what it accepted."""
    settings = _settings()
    configure_logs(settings.log_level, settings.log_format)
    workers = workers or settings.workers
    from wallet_grpc import supervisor

    number = os.environ.get(supervisor.WORKER_NUMBER)
    if number is None:
        _check_database(settings)
        if workers > 1:
            try:
                sys.exit(
                    supervisor.supervise(
                        workers, settings.grpc_address, stop_timeout_s=settings.stop_timeout_ms / 1000 * 2 + 1
                    )
                )
            except supervisor.AddressInUseError as error:
                raise click.ClickException(str(error)) from error
    import uvloop

    from wallet_grpc.app.server import serve as serve_worker
    from wallet_grpc.rpc.server import AddressInUseError

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve_worker(settings, worker=None if number is None else int(number)))
    except AddressInUseError as error:
        raise click.ClickException(str(error)) from error


@main.command("consume")
def consume_command() -> None:
    """Take payment events from RabbitMQ until SIGTERM or Ctrl-C. Any number may run at once."""
    settings = _messaging_settings()
    import uvloop

    from wallet_grpc.app.consumer import consume
    from wallet_grpc.messaging.topology import TopologyConflictError

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(consume(settings))
    except TopologyConflictError as error:
        raise click.ClickException(str(error)) from error


@main.command("relay")
def relay_command() -> None:
    """Publish the outbox to RabbitMQ until SIGTERM or Ctrl-C. Any number may run at once."""
    settings = _messaging_settings()
    import uvloop

    from wallet_grpc.app.relay import relay
    from wallet_grpc.messaging.topology import TopologyConflictError

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(relay(settings))
    except TopologyConflictError as error:
        raise click.ClickException(str(error)) from error


@main.command("api")
def api_command() -> None:
    """Serve the read-only HTTP API until SIGTERM or Ctrl-C. Any number may run at once, each at its own address."""
    from wallet_api import server
    from wallet_api.cookie_keys import UnusableKeysError
    from wallet_api.settings import ApiSettings

    settings = _read(ApiSettings)
    configure_logs(settings.log_level, settings.log_format)
    try:
        server.run(settings)
    except (server.AddressInUseError, server.UnfitLoginError, UnusableKeysError) as error:
        raise click.ClickException(str(error)) from error


@main.command("token")
@click.option("--player", "player_id", required=True, type=click.IntRange(1, 2**63 - 1), help="Whose cookie.")
@click.option("--ttl", "ttl_s", default=3_600, type=click.IntRange(1, 86_400), show_default=True, help="In seconds.")
def token_command(player_id: int, ttl_s: int) -> None:
    """Print a cookie for trying the HTTP API: `wallet_session=...`, signed with WALLET_COOKIE_SECRET.

    Without that variable, the secret of a running `make run` is taken, from dev.json in WALLET_DATA_DIR.
    """
    from wallet_api.session import COOKIE, issue

    secret = os.environ.get("WALLET_COOKIE_SECRET") or _development_secret()
    click.echo(f"{COOKIE}={issue(secret=secret, player_id=player_id, ttl_s=ttl_s)}")


def _development_secret() -> str:
    path = Path(os.environ.get("WALLET_DATA_DIR") or ".wallet") / "dev.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["cookie_secret"])
    except (OSError, ValueError, KeyError):
        raise click.ClickException(
            f"there is no secret: set WALLET_COOKIE_SECRET, or start `make run` ({path} is not there)"
        ) from None


@main.command("migrate")
@json_option
def migrate_command(*, as_json: bool) -> None:
    """Create the schema or bring it up to date. Safe to run at once in several pods, and again after a kill."""
    settings = _settings()
    try:
        applied = migrate(
            settings.admin_dsn,
            settings.environment.value,
            on_applied=lambda version: None if as_json else console.out.print(f"applied {version}"),
        )
    except (MigrationError, psycopg.Error) as error:
        raise click.ClickException(str(error).strip()) from error
    if as_json:
        console.print_json({"applied": applied, "environment": settings.environment.value})
    elif not applied:
        console.out.print(f"the {settings.environment.value} installation is up to date")


@main.group("keys")
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
    help="What it may do; give it several times for several.",
)
@json_option
def create_key(source: str, roles: tuple[str, ...], *, as_json: bool) -> None:
    """Make a key and print it, for the only time."""
    if not (source.isascii() and source.isprintable() and " " not in source and 0 < len(source) <= _SOURCE_LENGTH_MAX):
        raise click.BadParameter(f"must be 1 to {_SOURCE_LENGTH_MAX} printable ASCII characters", param_hint="--source")
    settings = _settings()
    prefix = "sk_live_" if settings.environment is Environment.LIVE else "sk_test_"
    with _admin_connection(settings) as connection:
        made = key_store.create_key(
            connection, prefix=prefix, source=source, roles=[Role(role) for role in dict.fromkeys(roles)]
        )
    if as_json:
        console.print_json({"key_id": made.key_id, "key": made.key, "source": made.source, "roles": made.roles})
        return
    console.out.print(f"{made.key}\n")
    console.err.print(f"This is {made.key_id}, for {source} ({', '.join(made.roles)}). It is not shown again.")


@keys.command("list")
@json_option
def list_keys(*, as_json: bool) -> None:
    """List all keys, without their secrets."""
    with _admin_connection(_settings()) as connection:
        rows = key_store.list_keys(connection)
    console.print_rows(rows, as_json=as_json, empty="there are no keys; make one with `wallet keys create`")


@keys.command("revoke")
@click.argument("key_id")
@json_option
def revoke_key(key_id: str, *, as_json: bool) -> None:
    """Revoke a key for good; it stops working within 5 seconds."""
    with _admin_connection(_settings()) as connection:
        known = key_store.revoke_key(connection, key_id)
    if not known:
        raise click.ClickException(f"there is no key {key_id}; `wallet keys list` shows them")
    if as_json:
        console.print_json({"key_id": key_id, "revoked": True})
    else:
        console.out.print(f"{key_id} is revoked")


@main.group("currencies")
def currencies() -> None:
    """Currency networks: which currencies there are, on which networks."""


@currencies.command("add")
@click.argument("currency")
@click.argument("network")
@click.option("--decimals", required=True, type=click.IntRange(0, 18), help="Decimals of a major unit.")
@click.option("--id", "network_id", type=click.IntRange(1, 2**31 - 1), help="Its id. Default: the next one.")
@json_option
def add_currency(currency: str, network: str, decimals: int, network_id: int | None, *, as_json: bool) -> None:
    """Add a currency network with its house accounts. Adding the same again changes nothing."""
    with _admin_connection(_settings()) as connection:
        try:
            added = network_store.add_network(
                connection, currency=currency, network=network, decimals=decimals, network_id=network_id
            )
        except network_store.NetworkConflictError as error:
            raise click.ClickException(str(error)) from error
    if as_json:
        console.print_json({"currency_network_id": added})
    else:
        console.out.print(f"{currency} on {network} is currency network {added}")


@currencies.command("list")
@json_option
def list_currencies(*, as_json: bool) -> None:
    """List the currency networks."""
    with _admin_connection(_settings()) as connection:
        rows = network_store.list_networks(connection)
    console.print_rows(rows, as_json=as_json, empty="there are none; add one with `wallet currencies add`")


@main.group("rails")
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
    with _admin_connection(_settings()) as connection:
        known = rail_store.set_rail(connection, source=source, currency_network_id=network_id, rail=Rail(rail))
    if not known:
        raise click.ClickException(f"there is no currency network {network_id}; `wallet currencies list` shows them")
    if as_json:
        console.print_json({"source": source, "currency_network_id": network_id, "rail": rail})
    else:
        console.out.print(f"sessions of {source} in currency network {network_id} are settled by rail {rail}")


@rails.command("list")
@json_option
def list_rails(*, as_json: bool) -> None:
    """List the rails."""
    with _admin_connection(_settings()) as connection:
        rows = rail_store.list_rails(connection)
    console.print_rows(rows, as_json=as_json, empty="there are none; set one with `wallet rails set`")


@main.group("ledgers")
def ledgers() -> None:
    """Ledgers of callers' own: what credit wallets and direct entries live in."""


@ledgers.command("create")
@click.argument("name")
@click.option("--currency-network", "network_id", required=True, type=int, help="Its id, as in `currencies list`.")
@json_option
def create_ledger(name: str, network_id: int, *, as_json: bool) -> None:
    """Create a ledger and print its id. Each call creates another one."""
    if not (name.isprintable() and 0 < len(name) <= _LEDGER_NAME_LENGTH_MAX):
        raise click.BadParameter(f"must be 1 to {_LEDGER_NAME_LENGTH_MAX} printable characters", param_hint="NAME")
    with _admin_connection(_settings()) as connection:
        ledger_id = credit_store.create_ledger(connection, name=name, currency_network_id=network_id)
    if ledger_id is None:
        raise click.ClickException(f"there is no currency network {network_id}; `wallet currencies list` shows them")
    if as_json:
        console.print_json({"ledger_id": ledger_id, "name": name, "currency_network_id": network_id})
    else:
        console.out.print(ledger_id)


@ledgers.command("list")
@json_option
def list_ledgers(*, as_json: bool) -> None:
    """List the ledgers, oldest first."""
    with _admin_connection(_settings()) as connection:
        rows = credit_store.list_ledgers(connection)
    console.print_rows(rows, as_json=as_json, empty="there are none; create one with `wallet ledgers create`")


@main.command("reconcile")
@click.option("--source", required=True, help="The caller whose game transactions are told.")
@click.option("--from", "begins_at", required=True, help="From this time on, ISO 8601; without an offset it is UTC.")
@click.option("--to", "ends_at", required=True, help="Up to this time, exclusive.")
@click.option("--rounds", "by_round", is_flag=True, help="One row a round instead of one a transaction.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How rows are printed.",
)
@click.option(
    "--against",
    type=click.File("r", encoding="utf-8"),
    help="A CSV of the source's own: print what is missing here, extra or different. Exits with 1 if anything is.",
)
def reconcile_command(
    *, source: str, begins_at: str, ends_at: str, by_round: bool, file_format: str, against: TextIO | None
) -> None:
    """Export what a source played in a period, inside sessions and outside, or compare it with the source's own file.

    Rows are printed as they are read, so a period may hold any number of them. docs/sessions.md tells the columns.
    """
    if by_round and against is not None:
        raise click.UsageError("--against compares transactions; leave --rounds out")
    period = reconciliation.Period(source=source, begins_at=_time(begins_at, "--from"), ends_at=_time(ends_at, "--to"))
    dsn = _settings().service_dsn
    columns: tuple[str, ...]
    try:
        if against is not None:
            rows, columns = reconciliation.differences(dsn, period, against), _DIFFERENCE_COLUMNS
        elif by_round:
            rows, columns = reconciliation.rounds(dsn, period), _ROUND_COLUMNS
        else:
            rows, columns = reconciliation.transactions(dsn, period), _TRANSACTION_COLUMNS
        count = console.print_stream(rows, columns=columns, file_format=file_format)
    except reconciliation.UnreadableFileError as error:
        raise click.ClickException(f"--against: {error}") from error
    except psycopg.Error as error:
        raise click.ClickException(f"could not reconcile: {str(error).strip()}") from error
    if against is not None and count:
        sys.exit(1)


def _time(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no time, such as 2026-01-31 or 2026-01-31T12:00:00Z", param_hint=option
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@main.command("verify")
@json_option
@click.option("--findings", "findings_max", default=1_000, show_default=True, help="How many findings to print.")
def verify_command(*, as_json: bool, findings_max: int) -> None:
    """Prove that the ledger is whole, on the live database. Exits with 1 if anything is wrong.

    Every transaction sums to zero and has all its entries, every derived balance equals its postings, no player account
    is negative, the whole ledger sums to zero; docs/operating.md tells what each check means and what to do.
    """
    settings = _settings()
    try:
        with console.progress(enabled=not as_json) as on_progress:
            report = verify(settings.service_dsn, on_progress=on_progress)
    except psycopg.Error as error:
        raise click.ClickException(f"could not verify: {str(error).strip()}") from error
    console.print_report(report, as_json=as_json, findings_max=findings_max)
    if not report.clean:
        sys.exit(1)


@main.group("inbox")
def inbox() -> None:
    """Payment events that wait or are parked. docs/events.md tells what to do with them."""


@inbox.command("list")
@click.option(
    "--state",
    type=click.Choice([state.value.lower() for state in ReceiptState]),
    help="Only these. Default: those that wait or are parked.",
)
@click.option("--after", type=int, default=0, help="Only those with a higher inbox_id: the next page.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many.")
@json_option
def list_inbox(state: str | None, after: int, limit: int, *, as_json: bool) -> None:
    """List received events, oldest first."""
    with _admin_connection(_settings()) as connection:
        rows = inbox_store.list_events(
            connection, state=None if state is None else ReceiptState(state.upper()), after=after, limit=limit
        )
    console.print_rows(rows, as_json=as_json, empty="there are none")


@inbox.command("show")
@click.argument("inbox_id", type=int)
@json_option
def show_inbox(inbox_id: int, *, as_json: bool) -> None:
    """Show everything about one received event."""
    with _admin_connection(_settings()) as connection:
        event = inbox_store.show_event(connection, inbox_id)
    if event is None:
        raise click.ClickException(f"there is no event {inbox_id}; `wallet inbox list` shows them")
    console.print_record(event, as_json=as_json)


@inbox.command("replay")
@click.argument("inbox_ids", type=int, nargs=-1)
@click.option("--parked", is_flag=True, help="All that are parked, but for IDEMPOTENCY_KEY_REUSED: name these.")
@json_option
def replay_inbox(inbox_ids: tuple[int, ...], *, parked: bool, as_json: bool) -> None:
    """Have events tried again now, by a consumer that runs."""
    _one_way(inbox_ids, parked=parked)
    with _admin_connection(_settings()) as connection:
        if parked:
            replayed = inbox_store.replay_parked_events(connection)
        else:
            replayed = [inbox_id for inbox_id in inbox_ids if inbox_store.replay_event(connection, inbox_id)]
    missing = sorted(set(inbox_ids) - set(replayed))
    _print_settled("replayed", replayed, missing, "neither waits nor is parked", as_json=as_json)


@inbox.command("discard")
@click.argument("inbox_ids", type=int, nargs=-1, required=True)
@json_option
def discard_inbox(inbox_ids: tuple[int, ...], *, as_json: bool) -> None:
    """Give events up for good: they keep their row, and never take effect."""
    with _admin_connection(_settings()) as connection:
        discarded = [inbox_id for inbox_id in inbox_ids if inbox_store.discard_event(connection, inbox_id)]
    missing = sorted(set(inbox_ids) - set(discarded))
    _print_settled("discarded", discarded, missing, "neither waits nor is parked", as_json=as_json)


@main.group("outbox")
def outbox() -> None:
    """Events of the wallet that are not published yet, or that no queue took."""


@outbox.command("list")
@click.option("--parked", is_flag=True, help="Only those that no queue took.")
@click.option("--after", type=int, default=0, help="Only those with a higher outbox_id: the next page.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many.")
@json_option
def list_outbox(*, parked: bool, after: int, limit: int, as_json: bool) -> None:
    """List events that are not published, oldest first."""
    with _admin_connection(_settings()) as connection:
        rows = outbox_store.list_events(connection, parked=parked, after=after, limit=limit)
    console.print_rows(rows, as_json=as_json, empty="there are none")


@outbox.command("show")
@click.argument("outbox_id", type=int)
@json_option
def show_outbox(outbox_id: int, *, as_json: bool) -> None:
    """Show everything about one event that is not published."""
    with _admin_connection(_settings()) as connection:
        event = outbox_store.show_event(connection, outbox_id)
    if event is None:
        raise click.ClickException(f"there is no event {outbox_id}: it was published, or never was")
    console.print_record(event, as_json=as_json)


@outbox.command("replay")
@click.argument("outbox_ids", type=int, nargs=-1)
@click.option("--parked", is_flag=True, help="All that no queue took.")
@json_option
def replay_outbox(outbox_ids: tuple[int, ...], *, parked: bool, as_json: bool) -> None:
    """Have parked events published again, by a relay that runs. They keep their ids; their outbox_id is a new one."""
    _one_way(outbox_ids, parked=parked)
    with _admin_connection(_settings()) as connection:
        if parked:
            replayed = outbox_store.replay_parked_events(connection)
        else:
            replayed = [outbox_id for outbox_id in outbox_ids if outbox_store.replay_event(connection, outbox_id)]
    missing = sorted(set(outbox_ids) - set(replayed))
    _print_settled("replayed", replayed, missing, "is not parked", as_json=as_json)


@outbox.command("discard")
@click.argument("outbox_ids", type=int, nargs=-1, required=True)
@json_option
def discard_outbox(outbox_ids: tuple[int, ...], *, as_json: bool) -> None:
    """Remove parked events for good, unpublished."""
    with _admin_connection(_settings()) as connection:
        discarded = [outbox_id for outbox_id in outbox_ids if outbox_store.discard_event(connection, outbox_id)]
    missing = sorted(set(outbox_ids) - set(discarded))
    _print_settled("discarded", discarded, missing, "is not parked", as_json=as_json)


@main.group("balances")
def balances() -> None:
    """Derived balances: what the postings sum to, kept beside them for speed."""


@balances.command("rebuild")
@json_option
def rebuild_command(*, as_json: bool) -> None:
    """Rebuild the derived balances from the postings, and tell each row that was wrong."""
    settings = _settings()
    try:
        corrections = list(rebuild_balances(settings.admin_dsn))
    except psycopg.Error as error:
        raise click.ClickException(str(error).strip()) from error
    console.print_rows(corrections, as_json=as_json, empty="every derived balance was right")


def _one_way(ids: tuple[int, ...], *, parked: bool) -> None:
    if bool(ids) == parked:
        raise click.UsageError("name the events by their ids, or give --parked for all that are")


def _print_settled(done: str, ids: list[int], missing: list[int], problem: str, *, as_json: bool) -> None:
    """Tell what was done and what could not be; the latter fails the command."""
    if as_json:
        console.print_json({done: ids, "failed": missing})
    else:
        console.out.print(f"{done}: {', '.join(map(str, ids)) or 'none'}")
    if missing:
        raise click.ClickException("; ".join(f"event {event_id} {problem}" for event_id in missing))


def _messaging_settings() -> Settings:
    """Read the settings of a process that speaks to RabbitMQ, and check its database."""
    settings = _settings()
    configure_logs(settings.log_level, settings.log_format)
    if settings.amqp_url is None:
        raise click.ClickException("WALLET_AMQP_URL is not set: where is RabbitMQ? (docs/settings.md)")
    _check_database(settings)
    return settings


def _settings() -> Settings:
    return _read(Settings)


def _read(settings: type[AnySettings]) -> AnySettings:
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


def _check_database(settings: Settings) -> None:
    """Refuse to serve on an unfit database, saying why."""
    import structlog

    try:
        warnings = check_database(
            settings.service_dsn,
            settings.environment.value,
            timeout_s=max(2, settings.database_timeout_ms // 1000),
        )
    except UnfitDatabaseError as error:
        raise click.ClickException(f"refusing to start: {error}") from error
    for message in warnings.messages:
        structlog.get_logger(__name__).warning("database_setting", hint=message)


@contextmanager
def _admin_connection(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """Connect as the schema's owner."""
    try:
        with psycopg.connect(settings.admin_dsn, connect_timeout=_CONNECT_TIMEOUT_S) as connection:
            yield connection
    except psycopg.Error as error:
        raise click.ClickException(str(error).strip()) from error


if __name__ == "__main__":
    main()
