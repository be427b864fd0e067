"""Nothing secret is in a process list, an environment, a log, a metric or an answer of a stack, also where it fails.

All secrets are given in files. The processes are started as an operator starts them, since it is their command lines
that are looked at.
"""

from __future__ import annotations

import secrets
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import grpc
import psutil
import pytest
from psycopg import sql
from support.broker import Broker, new_vhost
from support.certificates import make_authority, make_certificate
from support.cookies import token
from support.database import Cluster, Installation
from support.events import Bus, Worker, deposit_settled
from support.http_api import BALANCES, ApiServer
from support.poison import poisoned
from support.process import WalletProcess
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Caller

from devstack.servers.ports import free_port

New = Callable[..., Installation]

PROGRAM = (sys.executable, "-m", "wallet_cli")


@dataclass(slots=True)
class Planted:
    """Secrets, each in a file of its own, and all that must never hold one."""

    folder: Path
    secrets: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)

    def plant(self, what: str) -> str:
        """Make a secret."""
        self.secrets[what] = f"planted{secrets.token_hex(12)}"
        return self.secrets[what]

    def file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content + "\n")
        path.chmod(0o600)
        return str(path)

    def check(self) -> None:
        leaks = [
            (what, where)
            for what, secret in self.secrets.items()
            for where, text in self.seen.items()
            if secret in text
        ]
        assert leaks == []
        assert all(text for text in self.seen.values()), "each of them is there to be looked at"


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return Planted(tmp_path)


@pytest.fixture
def logins(cluster: Cluster, planted: Planted) -> Iterator[Mapping[str, tuple[str, str]]]:
    """Logins of a test's own, with planted passwords: by their role."""
    made = {
        role: (f"{role}_{secrets.token_hex(4)}", planted.plant(f"{role}'s password"))
        for role in ("wallet_service", "wallet_api")
    }
    for role, (name, password) in made.items():
        parts = sql.Identifier(name), sql.Literal(password), sql.Identifier(role)
        cluster.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(*parts))
    yield made
    for name, _ in made.values():
        cluster.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_a_stack_shows_none_of_its_secrets(
    new_installation: New, broker: Broker, planted: Planted, logins: Mapping[str, tuple[str, str]]
) -> None:
    installation = new_installation()
    planted.secrets |= {f"key {name}": key for name, key in installation.keys.items()}
    amqp_url = new_vhost(broker)
    planted.secrets["broker's password"] = str(urlsplit(amqp_url).password)
    authority = make_authority(planted.folder, "authority")
    served = make_certificate(planted.folder, "served", authority)
    planted.secrets["private key"] = served.key.splitlines()[1].decode()

    def dsn_file(role: str) -> str:
        name, password = logins[role]
        return planted.file(
            f"{role}-dsn", installation.cluster.dsn(installation.database, user=name, password=password)
        )

    service = {"WALLET_DATABASE_URL_FILE": dsn_file("wallet_service"), "WALLET_DATABASE_URL": ""}
    service |= {"WALLET_ADMIN_DATABASE_URL": "", "WALLET_OUTAGE_WAIT_MS": "1"}
    amqp = {"WALLET_AMQP_URL_FILE": planted.file("amqp", amqp_url)}
    cookie_secret = planted.plant("cookie secret") + "-and-some-more"
    metrics_at = f"127.0.0.1:{free_port()}"
    server = WalletServer(
        installation,
        credentials=grpc.ssl_channel_credentials(authority.chain),
        WALLET_LOG_LEVEL="DEBUG",
        WALLET_LOG_FORMAT="console",
        WALLET_WORKERS="2",
        WALLET_METRICS_ADDRESS=metrics_at,
        WALLET_TLS_CERT_FILE=str(served.cert_file),
        WALLET_TLS_KEY_FILE=str(served.key_file),
        **service,
    )
    consumer = Worker("consume", installation, "", **service, **amqp)
    relay = Worker("relay", installation, "", **service, **amqp)
    api = ApiServer(
        installation,
        WALLET_DATABASE_URL="",
        WALLET_ADMIN_DATABASE_URL="",
        WALLET_API_DATABASE_URL="",
        WALLET_API_DATABASE_URL_FILE=dsn_file("wallet_api"),
        WALLET_COOKIE_SECRET="",
        WALLET_COOKIE_SECRET_FILE=planted.file("cookie", cookie_secret),
    )
    processes: dict[str, WalletProcess] = {"serve": server, "consume": consumer, "relay": relay, "api": api}
    with ExitStack() as running, Bus(amqp_url) as bus:
        for process in processes.values():
            process.program = PROGRAM
            running.enter_context(process)
        bus.subscribe()
        wallet, player = server.wallet(), Player()
        bus.publish(deposit_settled(player.deposit("1000")))
        wait_until(lambda: bus.events_of(player), what="the deposit was told")
        for name, process in processes.items():
            for one in (found := psutil.Process(process.process.pid), *found.children(recursive=True)):
                planted.seen[f"command line of {name} {one.pid}"] = Path(f"/proc/{one.pid}/cmdline").read_text()
                planted.seen[f"environment of {name} {one.pid}"] = Path(f"/proc/{one.pid}/environ").read_text()
        assert len([where for where in planted.seen if where.startswith("command line of serve")]) == 3

        stranger = Caller(server.channel(), "sk_test_" + planted.plant("key that is unknown"))
        planted.seen["answer to a stranger"] = str(stranger.attempt(player.bet("1")))
        with poisoned(installation, "ledger_transactions", "INSERT", "NEW.kind = 'BET'"):
            fault = wallet.games.refused(player.bet("666"), "INTERNAL")
        planted.seen["answer to a fault"] = str(fault)
        good = token(player.player_id, secret=cookie_secret)
        bad = token(player.player_id, secret=planted.plant("another cookie secret") * 2)
        planted.secrets |= {"cookie": good, "forged cookie": bad}
        for name, cookie in (("good", good), ("bad", bad)):
            planted.seen[f"answer to a {name} cookie"] = str(api.ask(BALANCES, cookie=cookie))
        with installation.connect() as holder:  # a query that fails
            holder.execute("LOCK TABLE account_balances IN ACCESS EXCLUSIVE MODE")
            planted.seen["answer to a query that is too slow"] = str(api.ask(BALANCES, cookie=good))
        planted.seen["metrics"] = urllib.request.urlopen(f"http://{metrics_at}/metrics").read().decode()
        planted.seen["metrics of the api"] = api.ask("/metrics").body.decode()

        lose_the_database(installation, logins)
        wait_until(lambda: "database_not_reached" in server.log, what="the server lost the database")
        planted.seen["answer without a database"] = str(wallet.games.attempt(player.bet("1")))
        planted.seen["answer of the api without a database"] = str(api.ask(BALANCES, cookie=good))
        for name, process in processes.items():
            planted.seen[f"log of {name}"] = process.log
    assert "poison in ledger_transactions" in planted.seen["log of serve"], "its trace is among what is looked at"
    planted.check()


def test_a_command_that_is_refused_shows_no_password(new_installation: New, broker: Broker, planted: Planted) -> None:
    installation = new_installation()
    wrong = installation.cluster.dsn(installation.database, user="wallet_service", password=planted.plant("DSN"))
    parts = urlsplit(new_vhost(broker))
    netloc = f"{parts.username}:{quote(planted.plant('broker'))}@{parts.hostname}:{parts.port}"
    without = {"WALLET_ADMIN_DATABASE_URL": "", "WALLET_DATABASE_URL": wrong}
    for command in (
        ["serve"],
        ["consume"],
        ["api"],
        ["migrate"],
        ["verify"],
        ["keys", "list"],
        ["balances", "rebuild"],
    ):
        given = without | {
            "WALLET_AMQP_URL": "amqp://u:p@h/",
            "WALLET_API_DATABASE_URL": wrong,
            "WALLET_COOKIE_SECRET": "short",
        }
        done = installation.run(*command, **given)
        assert done.returncode == 1
        planted.seen[" ".join(command)] = done.stdout + done.stderr
    with Worker("relay", installation, parts._replace(netloc=netloc).geturl()) as relay:
        wait_until(lambda: "broker_unavailable" in relay.log, what="the broker refuses the login")
        planted.seen["relay"] = relay.log
    planted.check()


def lose_the_database(installation: Installation, logins: Mapping[str, tuple[str, str]]) -> None:
    """Have it refuse the logins of a test, and end their sessions."""
    for name, _ in logins.values():
        installation.cluster.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(name)))
        installation.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", name)
