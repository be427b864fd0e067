"""RabbitMQ by TLS: a CA of its own, a certificate that it asks for, and files that are replaced or cannot be used."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.broker import Broker, new_vhost
from support.certificates import Certificate, make_authority, make_certificate
from support.database import Installation
from support.events import Bus, Worker, deposit_settled
from support.requests import Player
from support.waiting import wait_until

from devstack.servers.ports import free_port
from devstack.servers.rabbitmq import RabbitNode

New = Callable[..., Installation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A virtual host that is reached by TLS as well, by those who show a certificate of its CA."""

    plain_url: str
    url: str
    authority: Certificate
    client: Certificate

    def settings(self) -> dict[str, str]:
        return {
            "WALLET_AMQP_CA_FILE": str(self.authority.cert_file),
            "WALLET_AMQP_CERT_FILE": str(self.client.cert_file),
            "WALLET_AMQP_KEY_FILE": str(self.client.key_file),
        }


@pytest.fixture(scope="module")
def secured(node: RabbitNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("broker-tls")
    folder.chmod(0o755)
    authority = make_authority(folder, "authority")
    served, client = make_certificate(folder, "broker", authority), make_certificate(folder, "client", authority)
    plain_url, port = new_vhost(Broker(amqp_url=node.amqp_url, ctl=node.ctl)), free_port()
    options = (
        f'[{{cacertfile, "{authority.cert_file}"}}, {{certfile, "{served.cert_file}"}}, '
        f'{{keyfile, "{served.key_file}"}}, {{verify, verify_peer}}, {{fail_if_no_peer_cert, true}}]'
    )
    node.ctl("eval", f'rabbit_networking:start_ssl_listener({{"127.0.0.1", {port}, inet}}, {options}, 1).')
    parts = urlsplit(plain_url)
    netloc = f"{parts.username}:{parts.password}@127.0.0.1:{port}"
    yield Secured(
        plain_url=plain_url,
        url=parts._replace(scheme="amqps", netloc=netloc).geturl(),
        authority=authority,
        client=client,
    )
    node.ctl("eval", f'rabbit_networking:stop_ranch_listener_of_protocol("amqp/ssl"), {port}.')


def test_events_come_and_go_by_tls(new_installation: New, secured: Secured) -> None:
    installation = new_installation()
    with (
        Bus(secured.plain_url) as bus,
        Worker("consume", installation, secured.url, **secured.settings()),
        Worker("relay", installation, secured.url, **secured.settings()),
    ):
        bus.subscribe()
        player = Player()
        bus.publish(deposit_settled(player.deposit("5")))
        wait_until(lambda: len(bus.events_of(player)) == 1, what="the deposit was told")
    assert bus.events_of(player)[0]["type"] == "wallet.deposit.applied"


def test_a_broker_of_another_ca_is_not_trusted_until_the_file_says_so(
    new_installation: New, secured: Secured, tmp_path: Path
) -> None:
    stranger, ca_file = make_authority(tmp_path, "stranger"), tmp_path / "ca.pem"
    shutil.copy(stranger.cert_file, ca_file)
    settings = secured.settings() | {"WALLET_AMQP_CA_FILE": str(ca_file)}
    with Worker("relay", new_installation(), secured.url, **settings) as relay:
        wait_until(lambda: "certificate verify failed" in relay.log, what="it does not trust the broker")
        assert "relaying" not in relay.log
        ca_file.write_text("no certificate")
        wait_until(lambda: "cannot be used as a CA" in relay.log, what="it told that the file is broken")
        shutil.copy(secured.authority.cert_file, ca_file)
        wait_until(lambda: '"event": "relaying"' in relay.log, what="it relays")
        assert "Traceback" not in relay.log
        assert "session_failed" not in relay.log


@pytest.mark.parametrize("command", ["consume", "relay"])
def test_it_does_not_start_with_files_that_cannot_be_used(
    new_installation: New, secured: Secured, tmp_path: Path, command: str
) -> None:
    other = make_certificate(tmp_path, "other", secured.authority)
    given = secured.settings() | {"WALLET_AMQP_KEY_FILE": str(other.key_file)}
    done = new_installation().run(command, WALLET_AMQP_URL=secured.url, **given)
    assert done.returncode == 1
    assert f"Error: {secured.client.cert_file} and {other.key_file} cannot be used together" in done.stderr
    absent = secured.settings() | {"WALLET_AMQP_CA_FILE": str(tmp_path / "none.pem")}
    done = new_installation().run(command, WALLET_AMQP_URL=secured.url, **absent)
    assert f"Error: {tmp_path / 'none.pem'} cannot be used as a CA: No such file or directory" in done.stderr
