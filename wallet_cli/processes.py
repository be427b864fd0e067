"""The processes that run: serve, consume, relay, api, console, gateway; and what lets one into api and console."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Any

import click

from wallet_grpc.addresses import AddressInUseError
from wallet_grpc.domain.cells import Cells
from wallet_grpc.logs import configure_logs
from wallet_grpc.secret_files import file_of, read_secret
from wallet_grpc.settings import Settings
from wallet_grpc.store.connection import kinds
from wallet_grpc.telemetry import TracingError, sampling_of
from wallet_grpc.tls_files import UnusableTlsFilesError

from .options import check_fitness, read_as
from .running_stack import path_of_stack, read_stack


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes. Default: WALLET_WORKERS.")
def serve(workers: int | None) -> None:
    """Serve gRPC until SIGTERM or Ctrl-C; finishes what it accepted."""
    settings = read_as(Settings)
    configure_logs(settings.log_level, settings.log_format)
    workers = workers or settings.workers
    from wallet_grpc.app import supervisor
    from wallet_grpc.app.probes import MetricsAddressError
    from wallet_grpc.app.server import serve as serve_worker

    number = os.environ.get(supervisor.WORKER_NUMBER)
    if number is None:
        cells = check_fitness(settings, _of_server(settings), workers=workers)
        os.environ[supervisor.CELL_COUNT] = str(cells.count)
        if workers > 1:
            try:
                if settings.tls_files is not None:
                    settings.tls_files.read()  # or each worker would find out by itself, again and again
                sampling_of(os.environ)
                sys.exit(
                    supervisor.supervise(
                        [sys.executable, "-m", "wallet_cli", "serve"],
                        workers,
                        settings.grpc_address,
                        metrics_address=settings.metrics_address,
                        stop_timeout_s=(settings.lame_duck_ms + settings.stop_timeout_ms * 2) / 1000 + 1,
                        hung_after_s=settings.worker_hung_after_ms / 1000,
                    )
                )
            except (AddressInUseError, MetricsAddressError, UnusableTlsFilesError, TracingError) as error:
                raise click.ClickException(str(error)) from error
    else:  # its supervisor has looked; the database may be away just now
        cells = Cells(int(os.environ[supervisor.CELL_COUNT]), settings.served_cells)
    _run(serve_worker(settings, cells, worker=None if number is None else int(number)), AddressInUseError)


@click.command("consume")
def consume_command() -> None:
    """Take payment events from RabbitMQ until SIGTERM or Ctrl-C. Any number may run at once."""
    settings = _messaging_settings()
    cells = check_fitness(settings, _of_server(settings), workers=1)
    if len(cells.served) < cells.count:
        raise click.ClickException(
            "WALLET_CELLS leaves some out: an event may be for any cell, so a consumer serves all"
        )
    from wallet_grpc.app.consumer import consume
    from wallet_grpc.messaging.topology import TopologyConflictError

    _run(consume(settings, cells), TopologyConflictError)


@click.command("relay")
def relay_command() -> None:
    """Publish the outbox to RabbitMQ until SIGTERM or Ctrl-C. Any number may run at once."""
    settings = _messaging_settings()
    cells = check_fitness(settings, kinds.of_relay(timeout_ms=settings.database_timeout_ms), workers=0)
    from wallet_grpc.app.relay import relay
    from wallet_grpc.messaging.topology import TopologyConflictError

    _run(relay(settings, cells), TopologyConflictError)


@click.command("api")
def api_command() -> None:
    """Serve the read-only HTTP API until SIGTERM or Ctrl-C. Any number may run at once, each at its own address."""
    from wallet_api import server
    from wallet_api.cookie_keys import UnusableKeysError
    from wallet_api.settings import ApiSettings

    settings = read_as(ApiSettings)
    configure_logs(settings.log_level, settings.log_format)
    try:
        server.run(settings)
    except (AddressInUseError, server.UnfitLoginError, UnusableKeysError) as error:
        raise click.ClickException(str(error)) from error


@click.command("console")
def console_command() -> None:
    """Serve the web console for operators until SIGTERM or Ctrl-C. Any number may run, with the same secrets."""
    from wallet_console import server
    from wallet_console.settings import ConsoleSettings

    settings = read_as(ConsoleSettings)
    configure_logs(settings.log_level, settings.log_format)
    try:
        server.run(settings)
    except (AddressInUseError, OSError) as error:
        raise click.ClickException(str(error)) from error


@click.command("gateway")
def gateway_command() -> None:
    """Serve the calls as JSON and protobuf over HTTP until SIGTERM or Ctrl-C, forwarded to the gRPC server.

    Any number may run at once, each at its own address (WALLET_GATEWAY_ADDRESS). They hold no database connection.
    """
    from wallet_gateway import server
    from wallet_gateway.settings import GatewaySettings

    settings = read_as(GatewaySettings)
    configure_logs(settings.log_level, settings.log_format)
    try:
        server.run(settings)
    except (AddressInUseError, UnusableTlsFilesError) as error:
        raise click.ClickException(str(error)) from error


@click.command("token")
@click.option("--player", "player_id", type=click.IntRange(1, 2**63 - 1), help="Whose cookie for the HTTP API.")
@click.option("--operator", "operator", help="Whose link into the console: a name without spaces.")
@click.option(
    "--role", type=click.Choice(["backoffice", "auditor"]), default="backoffice", help="What the operator may do."
)
@click.option("--ttl", "ttl_s", default=3_600, type=click.IntRange(1, 86_400), show_default=True, help="In seconds.")
def token_command(player_id: int | None, operator: str | None, role: str, ttl_s: int) -> None:
    """Print what lets one in for trying: a player's cookie, or an operator's link.

    The cookie of the HTTP API is `wallet_session=...`, signed with WALLET_COOKIE_SECRET; the console's link is signed
    with WALLET_CONSOLE_LINK_SECRET, which LIVE refuses. Without that variable or its _FILE, the secret of a running
    `make run` is taken, from dev.json in WALLET_DATA_DIR.
    """
    if (player_id is None) == (operator is None):
        raise click.UsageError("say one of --player and --operator")
    if player_id is not None:
        from wallet_api.cookies import COOKIE, issue

        secret = _secret("WALLET_COOKIE_SECRET", "cookie_secret")
        click.echo(f"{COOKIE}={issue(secret=secret, player_id=player_id, ttl_s=ttl_s)}")
        return
    from wallet_console.login_links import link_token
    from wallet_console.operators import is_name

    if not is_name(operator):
        raise click.BadParameter("must be 1 to 128 characters of ASCII without spaces", param_hint="--operator")
    secret = _secret("WALLET_CONSOLE_LINK_SECRET", "console_link_secret")
    url = os.environ.get("WALLET_CONSOLE_URL") or (read_stack() or {}).get("console_url") or "http://127.0.0.1:8081"
    click.echo(f"{url}/login/link?token={link_token(secret=secret, operator=str(operator), role=role, ttl_s=ttl_s)}")


def _secret(variable: str, entry: str) -> str:
    """Read a secret: of the environment, of its file, or of what a running stack tells of itself."""
    file = file_of(variable)
    try:
        held = None if file is None else read_secret(file)
    except ValueError as error:
        raise click.ClickException(f"{variable}_FILE: {error}") from None
    secret = os.environ.get(variable) or held or (read_stack() or {}).get(entry)
    if secret is None:
        raise click.ClickException(
            f"there is no secret: set {variable}, or start `make run` ({path_of_stack()} is not there)"
        )
    return secret


def _run(process: Coroutine[Any, Any, None], unfit: type[Exception]) -> None:
    """Run a process to its end; `unfit` is what it raises if its address or its broker cannot be used."""
    import uvloop

    from wallet_grpc.app.probes import MetricsAddressError

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(process)
    except (unfit, MetricsAddressError, UnusableTlsFilesError, TracingError) as error:
        raise click.ClickException(str(error)) from error


def _messaging_settings() -> Settings:
    """Read the settings of a process that speaks to RabbitMQ."""
    settings = read_as(Settings)
    configure_logs(settings.log_level, settings.log_format)
    if settings.amqp_url is None:
        raise click.ClickException("WALLET_AMQP_URL is not set: where is RabbitMQ? (docs/settings.md)")
    return settings


def _of_server(settings: Settings) -> list[kinds.ConnectionKind]:
    return kinds.of_server(timeout_ms=settings.database_timeout_ms, lock_timeout_ms=settings.lock_timeout_ms)
