"""The processes that run: serve, consume, relay, api; and a cookie for trying the last of them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Any

import click

from wallet_grpc.addresses import AddressInUseError
from wallet_grpc.logs import configure_logs
from wallet_grpc.settings import Settings
from wallet_grpc.store.connection import kinds

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

    number = os.environ.get(supervisor.WORKER_NUMBER)
    if number is None:
        check_fitness(settings, _of_server(settings))
        if workers > 1:
            try:
                sys.exit(
                    supervisor.supervise(
                        [sys.executable, "-m", "wallet_cli", "serve"],
                        workers,
                        settings.grpc_address,
                        stop_timeout_s=(settings.lame_duck_ms + settings.stop_timeout_ms * 2) / 1000 + 1,
                        hung_after_s=settings.worker_hung_after_ms / 1000,
                    )
                )
            except AddressInUseError as error:
                raise click.ClickException(str(error)) from error
    from wallet_grpc.app.server import serve as serve_worker

    _run(serve_worker(settings, worker=None if number is None else int(number)), AddressInUseError)


@click.command("consume")
def consume_command() -> None:
    """Take payment events from RabbitMQ until SIGTERM or Ctrl-C. Any number may run at once."""
    settings = _messaging_settings()
    check_fitness(settings, _of_server(settings))
    from wallet_grpc.app.consumer import consume
    from wallet_grpc.messaging.topology import TopologyConflictError

    _run(consume(settings), TopologyConflictError)


@click.command("relay")
def relay_command() -> None:
    """Publish the outbox to RabbitMQ until SIGTERM or Ctrl-C. Any number may run at once."""
    settings = _messaging_settings()
    check_fitness(settings, kinds.of_relay(timeout_ms=settings.database_timeout_ms))
    from wallet_grpc.app.relay import relay
    from wallet_grpc.messaging.topology import TopologyConflictError

    _run(relay(settings), TopologyConflictError)


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


@click.command("token")
@click.option("--player", "player_id", required=True, type=click.IntRange(1, 2**63 - 1), help="Whose cookie.")
@click.option("--ttl", "ttl_s", default=3_600, type=click.IntRange(1, 86_400), show_default=True, help="In seconds.")
def token_command(player_id: int, ttl_s: int) -> None:
    """Print a cookie for trying the HTTP API: `wallet_session=...`, signed with WALLET_COOKIE_SECRET.

    Without that variable, the secret of a running `make run` is taken, from dev.json in WALLET_DATA_DIR.
    """
    from wallet_api.cookies import COOKIE, issue

    secret = os.environ.get("WALLET_COOKIE_SECRET") or _development_secret()
    click.echo(f"{COOKIE}={issue(secret=secret, player_id=player_id, ttl_s=ttl_s)}")


def _development_secret() -> str:
    secret = (read_stack() or {}).get("cookie_secret")
    if secret is None:
        raise click.ClickException(
            f"there is no secret: set WALLET_COOKIE_SECRET, or start `make run` ({path_of_stack()} is not there)"
        )
    return secret


def _run(process: Coroutine[Any, Any, None], unfit: type[Exception]) -> None:
    """Run a process to its end; `unfit` is what it raises if its address or its broker cannot be used."""
    import uvloop

    from wallet_grpc.app.process import MetricsAddressError

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(process)
    except (unfit, MetricsAddressError) as error:
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
