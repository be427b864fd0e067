"""The stack of `make run`: PostgreSQL, RabbitMQ, migrations, demo currencies and keys, the wallet.

What was started is stopped in the reverse order. Without a RabbitMQ the wallet serves as well: its events wait in the
outbox.

Everything is kept in `$WALLET_DATA_DIR` and found again by the next run. TEST and LIVE have folders of their own in it
(`test/`, `live/`), so that test money and real money never share a database, a key or a server. What other programs
need is in `$WALLET_DATA_DIR/dev.json`, mode 0600: it is there, complete, while the wallet serves.
"""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import grpc
import psycopg
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rich.console import Console
from rich.markup import escape

from devstack import process
from devstack.account import AccountError
from devstack.binaries import BinariesNotFoundError
from devstack.credentials import Credentials, give_login
from devstack.demo_events import prepare_broker
from devstack.files import tail, write_private
from devstack.folder_lock import FolderInUseError, FolderLock
from devstack.ports import NoFreePortError
from devstack.postgres import PostgresCluster
from devstack.postgres_folder import PostgresError
from devstack.process import ProcessId
from devstack.rabbitmq import RabbitError, RabbitNode
from devstack.rabbitmq_programs import BrokerUnavailableError, find_or_install
from devstack.services import Services
from devstack.stack_settings import StackError, StackSettings
from devstack.wallet_command import Databases, WalletCommand

_DATABASE = "wallet"
_BROKER_COMMANDS = ("consume", "relay")
"""What runs beside the server when there is a broker."""

_NO_BROKER = (BrokerUnavailableError, RabbitError, FolderInUseError, NoFreePortError)
_BROKER_TIMEOUT_S = 60.0
_HEALTH_POLL_S = 0.1
_HEALTH_TIMEOUT_S = 1.0
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


class _StopRequestedError(Exception):
    """Ctrl-C or SIGTERM came."""


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
        with _stop_signals(), ExitStack() as stops:
            try:
                self._start_and_wait(stops)
            except _StopRequestedError:
                self._console.print("\nStopping")
            except FolderInUseError as error:
                raise StackError(f"A wallet already runs here: {error}. Stop it, or set WALLET_DATA_DIR.") from error
            except (PostgresError, BinariesNotFoundError, AccountError, NoFreePortError, psycopg.Error) as error:
                raise StackError(f"PostgreSQL: {error}") from error

    def _start_and_wait(self, stops: ExitStack) -> None:
        settings = self._settings
        folder = settings.environment_dir
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        stops.enter_context(FolderLock.acquire(settings.data_dir))
        _refuse_taken_port(settings)
        self._dev_json.unlink(missing_ok=True)  # of a run that was killed
        self._launch_broker(stops)  # it takes some seconds; meanwhile the rest is made ready
        admin_url = settings.database_url or self._start_postgres(stops)
        credentials = Credentials.load_or_new(folder)
        databases = Databases.of(admin_url=admin_url, service_password=credentials.service_password)
        wallet = WalletCommand(settings=settings, databases=databases)
        wallet.run("migrate")
        give_login(admin_url=admin_url, password=credentials.service_password)
        for item in DEMO_CURRENCIES:
            decimals, number = str(item.decimals), str(item.number)
            wallet.run("currencies", "add", item.currency, item.network, "--decimals", decimals, "--id", number)
        credentials = credentials.with_working_keys(wallet)
        credentials.store(folder)
        wallet = replace(wallet, amqp_url=settings.amqp_url or self._await_broker())
        server = self._start_server(wallet, stops)
        services = self._start_services(wallet, stops)
        stops.callback(self._dev_json.unlink, missing_ok=True)  # it is there while the wallet serves
        self._write_dev_json(wallet, credentials)
        self._tell(credentials)
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
        commands = _BROKER_COMMANDS if wallet.amqp_url is not None else ()
        if wallet.amqp_url is not None:
            prepare_broker(wallet.amqp_url)  # before the relay: without a queue, it would set the first events aside
        services = Services(wallet=wallet, commands=commands, log_dir=self._settings.environment_dir, say=self._say)
        stops.callback(services.stop)
        services.tend()
        return services

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
        while not _is_serving(self._settings.grpc_address):
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

    def _write_dev_json(self, wallet: WalletCommand, credentials: Credentials) -> None:
        content = {
            "grpc_address": self._settings.grpc_address,
            "database_url": wallet.databases.admin_url,
            "service_database_url": wallet.databases.service_url,
            "amqp_url": wallet.amqp_url,
            "environment": self._settings.environment,
            "keys": {caller: known.key for caller, known in credentials.keys.items()},
        }
        write_private(self._dev_json, json.dumps(content, indent=2) + "\n")

    def _tell(self, credentials: Credentials) -> None:
        settings = self._settings
        call = (
            "buf curl --protocol grpc --http2-prior-knowledge \\\n"
            f'  -H "authorization: Bearer {credentials.keys["game"].key}" \\\n'
            '  -d \'{"player_id": 42, "currency_network_id": 1}\' \\\n'
            f"  http://{settings.grpc_address}/wallet.v1.WalletService/GetBalance"
        )
        printer = self._console
        printer.print(f"\n[bold green]The wallet serves[/] at {settings.grpc_address} ({settings.environment})")
        printer.print(f"  keys and addresses  {self._dev_json}", soft_wrap=True)
        printer.print(f"  log                 {self._log_path}\n\nTry:\n", soft_wrap=True)
        printer.print(call, markup=False, soft_wrap=True)
        printer.print("\nCtrl-C stops it.")


def _refuse_taken_port(settings: StackSettings) -> None:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        if probe.connect_ex(("127.0.0.1", settings.grpc_port)) == 0:
            raise StackError(f"Port {settings.grpc_port} is taken. Set WALLET_GRPC_PORT to another one.")


def _is_serving(address: str) -> bool:
    options = [("grpc.enable_http_proxy", 0)]  # a proxy of the environment is not for this machine
    with grpc.insecure_channel(address, options=options) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined] # the stubs lack what __init__ sets
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=_HEALTH_TIMEOUT_S)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


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


@contextmanager
def _stop_signals() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into an exception; ignore what comes while things are being stopped."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise _StopRequestedError

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
