"""The stack of `make run`: PostgreSQL, RabbitMQ, demo currencies and keys, the wallet, HTTP API, console, gateway.

What was started is stopped in the reverse order. Without a RabbitMQ the wallet serves as well: its events wait in the
outbox.

Everything is kept in `$WALLET_DATA_DIR` and found again by the next run. TEST and LIVE have folders of their own in it
(`test/`, `live/`), so that test money and real money never share a database, a key or a server. What other programs
need is in `$WALLET_DATA_DIR/dev.json`, mode 0600: it is there, complete, while the wallet serves.
"""

import json
import shlex
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from rich.console import Console
from rich.markup import escape

from devstack.advice import advice_on, call_to_paste
from devstack.cells import cells_at_creation
from devstack.credentials import Credentials, give_login
from devstack.demo.events import prepare_broker
from devstack.probes import is_ready, is_serving
from devstack.servers import process
from devstack.servers.account import AccountError
from devstack.servers.binaries import BinariesNotFoundError
from devstack.servers.files import tail, write_private
from devstack.servers.folder_lock import FolderInUseError, FolderLock
from devstack.servers.ports import NoFreePortError
from devstack.servers.postgres import PostgresCluster
from devstack.servers.postgres_folder import PostgresError
from devstack.servers.process import ProcessId
from devstack.servers.rabbitmq import RabbitNode
from devstack.servers.rabbitmq_folder import RabbitError
from devstack.servers.rabbitmq_programs import BrokerUnavailableError, find_or_install
from devstack.services import Services
from devstack.stack_settings import StackError, StackSettings
from devstack.stop_signals import StopRequestedError, stop_signals
from devstack.wallet_command import API_ROLE, BACKOFFICE_ROLE, Databases, HttpApi, WalletCommand
from devstack.web import OPERATORS, WebConsole, console_of, gateway_address_of, http_api_of, refuse_taken_port

_DATABASE = "wallet"
_BROKER_COMMANDS = ("consume", "relay")
"""What runs beside the server when there is a broker."""

_API_COMMAND = "api"
_CONSOLE_COMMAND = "console"
_GATEWAY_COMMAND = "gateway"
_NO_BROKER = (BrokerUnavailableError, RabbitError, FolderInUseError, NoFreePortError)
_BROKER_TIMEOUT_S = 60.0
_HEALTH_POLL_S = 0.1
_WATCH_POLL_S = 0.5
_SERVING_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCurrency:
    """A currency network that every development wallet knows."""

    number: int
    currency: str
    network: str
    decimals: int


DEMO_CURRENCIES = (
    DemoCurrency(number=1, currency="USDT", network="TRON", decimals=6),
    DemoCurrency(number=2, currency="USDT", network="ETHEREUM", decimals=6),
    DemoCurrency(number=3, currency="BTC", network="BITCOIN", decimals=8),
    DemoCurrency(number=4, currency="ETH", network="ETHEREUM", decimals=18),
    DemoCurrency(number=5, currency="USDC", network="SOLANA", decimals=6),
)


class Stack:
    """One run of the stack, in the foreground."""

    def __init__(self, *, settings: StackSettings, console: Console | None = None) -> None:
        self._settings = settings
        self._console = console or Console(highlight=False)
        self._cluster: PostgresCluster | None = None
        self._node: RabbitNode | None = None

    def run(self) -> None:
        """Start everything, wait for Ctrl-C or SIGTERM, stop everything.

        Raises:
            StackError: Something did not start, or the wallet ended by itself.
        """
        with stop_signals(), ExitStack() as stops:
            try:
                self._start_and_wait(stops)
            except StopRequestedError:
                self._console.print("\nStopping")
            except FolderInUseError as error:
                raise StackError(f"A wallet already runs here: {error}. Stop it, or set WALLET_DATA_DIR.") from error
            except (PostgresError, BinariesNotFoundError, AccountError, NoFreePortError, psycopg.Error) as error:
                raise StackError(f"PostgreSQL: {error}") from error
            except OSError as error:
                raise StackError(advice_on(error, self._settings.data_dir)) from error

    def _start_and_wait(self, stops: ExitStack) -> None:
        settings = self._settings
        folder = settings.environment_dir
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        stops.enter_context(FolderLock.acquire(settings.data_dir))
        refuse_taken_port(settings.grpc_port, "WALLET_GRPC_PORT")
        self._dev_json.unlink(missing_ok=True)  # of a run that was killed
        if not (folder / "postgres" / "cluster.json").exists():
            self._say("The first start here takes some seconds: databases, roles and keys are made.")
        self._launch_broker(stops)  # it takes some seconds; meanwhile the rest is made ready
        admin_url = settings.database_url or self._start_postgres(stops)
        credentials = Credentials.load_or_new(folder)
        databases = Databases.of(
            admin_url=admin_url,
            service_password=credentials.service_password,
            api_password=credentials.api_password,
            backoffice_password=credentials.backoffice_password,
        )
        http_api = http_api_of(settings, credentials, self._say)
        console = console_of(settings, credentials, self._say)
        gateway_address = gateway_address_of(settings, self._say)
        wallet = WalletCommand(
            settings=settings, databases=databases, http_api=http_api, gateway_address=gateway_address
        )
        self._say("Bringing the schema, the demo currencies and the demo keys up to date")
        wallet.run("migrate", *cells_at_creation(admin_url, wanted=settings.cells_at_creation, say=self._say))
        give_login(admin_url=admin_url, password=credentials.service_password)
        give_login(admin_url=admin_url, password=credentials.api_password, role=API_ROLE)
        give_login(admin_url=admin_url, password=credentials.backoffice_password, role=BACKOFFICE_ROLE)
        for item in DEMO_CURRENCIES:
            decimals, number = str(item.decimals), str(item.number)
            wallet.run("currencies", "add", item.currency, item.network, "--decimals", decimals, "--id", number)
        credentials = credentials.with_working_keys(wallet)
        credentials.store(folder)
        if self._node is not None:
            self._say("Waiting for RabbitMQ")
        wallet = replace(wallet, amqp_url=settings.amqp_url or self._await_broker())
        if console is not None:
            told = console.environment(credentials, grpc_address=settings.grpc_address)
            wallet = replace(wallet, console=told, metrics_address=console.metrics_address)
        self._say("Starting the wallet")
        server = self._start_server(wallet, stops)
        services = self._start_services(wallet, stops)
        stops.callback(self._dev_json.unlink, missing_ok=True)  # it is there while the wallet serves
        self._await_http(http_api.address, server, services, _API_COMMAND)
        self._await_http(gateway_address, server, services, _GATEWAY_COMMAND)
        if console is not None:
            self._await_http(console.address, server, services, _CONSOLE_COMMAND)
        self._write_dev_json(wallet, http_api, credentials, console)
        self._tell(http_api, gateway_address, credentials, console)
        self._wait(server, services)

    # ---- PostgreSQL

    def _start_postgres(self, stops: ExitStack) -> str:
        cluster = PostgresCluster.create_or_open(self._settings.environment_dir / "postgres")
        stops.callback(cluster.stop)
        cluster.start()
        self._cluster = cluster
        self._console.print(cluster.description, soft_wrap=True)
        with psycopg.connect(cluster.superuser_dsn) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_DATABASE,)).fetchone()
        if known is None:
            cluster.create_database(_DATABASE)
        return cluster.dsn(_DATABASE)

    # ---- RabbitMQ

    def _launch_broker(self, stops: ExitStack) -> None:
        if self._settings.amqp_url is not None:
            return
        try:
            programs = find_or_install(say=self._say)
            node = RabbitNode.create_or_open(self._settings.environment_dir / "rabbitmq", programs=programs)
            stops.callback(node.stop)
            node.launch()
        except _NO_BROKER as error:
            self._say_no_broker(error)
        else:
            self._node = node

    def _await_broker(self) -> str | None:
        if self._node is None:
            return None
        try:
            self._node.wait_until_ready(timeout_s=_BROKER_TIMEOUT_S)
        except _NO_BROKER as error:
            self._node = None
            self._say_no_broker(error)
            return None
        self._say(self._node.description)
        return self._node.amqp_url

    def _complain_if_broker_ended(self) -> None:
        if self._node is not None and not self._node.running:
            self._say(f"RabbitMQ ended by itself; the wallet serves on, its events wait. See {self._node.log_path}")
            self._node = None

    def _say_no_broker(self, error: Exception) -> None:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":.")
        self._say(f"No RabbitMQ: {reason}. The wallet serves without it; its events wait in the outbox.")

    def _start_services(self, wallet: WalletCommand, stops: ExitStack) -> Services:
        console = (_CONSOLE_COMMAND,) if wallet.console else ()
        commands = (
            _API_COMMAND,
            _GATEWAY_COMMAND,
            *console,
            *(_BROKER_COMMANDS if wallet.amqp_url is not None else ()),
        )
        if wallet.amqp_url is not None:
            prepare_broker(
                wallet.amqp_url, wallet.settings.environment
            )  # before the relay: without a queue, it would set the first events aside
        services = Services(wallet=wallet, commands=commands, log_dir=self._settings.environment_dir, say=self._say)
        stops.callback(services.stop)
        services.tend()
        return services

    # ---- the HTTP API, the console and the gateway

    def _await_http(self, address: str, server: subprocess.Popen[bytes], services: Services, command: str) -> None:
        deadline = time.monotonic() + _SERVING_TIMEOUT_S
        while not is_ready(address):
            self._complain_if_ended(server)
            services.tend()
            if time.monotonic() > deadline:
                log_path = self._settings.environment_dir / f"{command}.log"
                raise StackError(
                    f"`wallet {command}` was not ready within {_SERVING_TIMEOUT_S:.0f} s. {log_path}:\n{tail(log_path)}"
                )
            time.sleep(_HEALTH_POLL_S)

    # ---- the server

    def _start_server(self, wallet: WalletCommand, stops: ExitStack) -> subprocess.Popen[bytes]:
        log_path = self._log_path
        with log_path.open("ab") as log:
            log_path.chmod(0o600)
            server = wallet.start("serve", log=log.fileno())
        stops.callback(_stop_server, server)
        ward = ProcessId.of(server.pid)
        if ward is not None:
            stops.callback(_end, process.guard(ward, signal_name="SIGTERM", grace_s=_STOP_TIMEOUT_S))
        deadline = time.monotonic() + _SERVING_TIMEOUT_S
        while not is_serving(self._settings.grpc_address):
            self._complain_if_ended(server)
            if time.monotonic() > deadline:
                raise StackError(f"The wallet did not say SERVING within {_SERVING_TIMEOUT_S:.0f} s:\n{tail(log_path)}")
            time.sleep(_HEALTH_POLL_S)
        return server

    def _wait(self, server: subprocess.Popen[bytes], services: Services) -> None:
        while True:
            self._complain_if_ended(server)
            self._complain_if_broker_ended()
            services.tend()
            if self._cluster is not None and not self._cluster.running:
                raise StackError(f"PostgreSQL ended by itself:\n{tail(self._cluster.log_path)}")
            time.sleep(_WATCH_POLL_S)

    def _complain_if_ended(self, server: subprocess.Popen[bytes]) -> None:
        code = server.poll()
        if code is not None:
            raise StackError(
                f"The wallet ended by itself (status {code}). Its log, {self._log_path}:\n{tail(self._log_path)}"
            )

    @property
    def _log_path(self) -> Path:
        return self._settings.environment_dir / "wallet.log"

    # ---- telling

    @property
    def _dev_json(self) -> Path:
        return self._settings.data_dir / "dev.json"

    def _say(self, line: str) -> None:
        self._console.print(escape(line), soft_wrap=True)

    def _write_dev_json(
        self, wallet: WalletCommand, http_api: HttpApi, credentials: Credentials, console: WebConsole | None
    ) -> None:
        content = {
            "grpc_address": self._settings.grpc_address,
            "gateway_address": wallet.gateway_address,
            "http_address": http_api.address,
            "cookie_secret": http_api.cookie_secret,
            "console_address": None if console is None else console.address,
            "console_url": None if console is None else console.url,
            "console_link_secret": None if console is None else console.link_secret,
            "database_url": wallet.databases.admin_url,
            "service_database_url": wallet.databases.service_url,
            "api_database_url": wallet.databases.api_url,
            "backoffice_database_url": wallet.databases.backoffice_url,
            "amqp_url": wallet.amqp_url,
            "environment": self._settings.environment,
            "keys": {caller: known.key for caller, known in credentials.keys.items()},
        }
        write_private(self._dev_json, json.dumps(content, indent=2) + "\n")

    def _tell(
        self, http_api: HttpApi, gateway_address: str, credentials: Credentials, console: WebConsole | None
    ) -> None:
        settings = self._settings
        call = call_to_paste(settings, key=credentials.keys["game"].key)
        cookie = f"WALLET_DATA_DIR={shlex.quote(str(settings.data_dir))} .venv/bin/wallet token --player 42"
        look = f'curl -sS -b "$({cookie})" \\\n  http://{http_api.address}/api/wallet/balances'
        printer = self._console
        printer.print(f"\n[bold green]The wallet serves[/] at {settings.grpc_address} ({settings.environment})")
        printer.print(f"  HTTP API            http://{http_api.address}/api/wallet/openapi.json", soft_wrap=True)
        printer.print(f"  gateway, by HTTP    http://{gateway_address}", soft_wrap=True)
        printer.print(f"  keys and addresses  {self._dev_json}", soft_wrap=True)
        printer.print(f"  log                 {self._log_path}\n\nTry:\n", soft_wrap=True)
        printer.print(call, markup=False, soft_wrap=True)
        printer.print(f"\n{look}", markup=False, soft_wrap=True)
        if console is not None and console.link_secret is not None:
            for operator in OPERATORS:
                printer.print(f"\nThe console, as {operator}: {console.link(operator)}", markup=False, soft_wrap=True)
        printer.print("\nCtrl-C stops it.")


def _stop_server(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _end(guardian: subprocess.Popen[bytes]) -> None:
    guardian.kill()
    guardian.wait()
