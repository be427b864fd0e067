"""TLS files of a running server: replaced without a restart, also by what cannot be used."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from support.certificates import Certificate, Mounted, make_authority, make_certificate
from support.database import Installation
from support.process import without_descriptors
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until

from wallet.v1 import wallet_pb2 as pb

New = Callable[..., Installation]


def settings_of(mounted: Mounted, *, mutual: bool) -> dict[str, str]:
    served = {
        "WALLET_TLS_CERT_FILE": str(mounted.files.cert_file),
        "WALLET_TLS_KEY_FILE": str(mounted.files.key_file),
    }
    return served | ({"WALLET_TLS_CLIENT_CA_FILE": str(mounted.ca_file)} if mutual else {})


def shown(server: WalletServer, authority: Certificate, client: Certificate | None = None) -> str:
    """Return the name in the certificate that a new connection is shown, or why there is none."""
    context = ssl.create_default_context(cafile=str(authority.cert_file))
    context.set_alpn_protocols(["h2"])
    if client is not None:
        context.load_cert_chain(client.cert_file, client.key_file)
    host, port = server.target.split(":")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            if not connection.recv(1):  # of TLS 1.3 a client learns here that its certificate is not good
                return "closed"
            subject = dict(part[0] for part in (connection.getpeercert() or {})["subject"])
            return str(subject["commonName"])
    except (ssl.SSLError, ConnectionError) as error:
        return type(error).__name__


def ssl_credentials(authority: Certificate, client: Certificate | None = None) -> grpc.ChannelCredentials:
    if client is None:
        return grpc.ssl_channel_credentials(authority.chain)
    return grpc.ssl_channel_credentials(authority.chain, client.key, client.chain)


@contextmanager
def serving(
    installation: Installation, mounted: Mounted, first: Certificate, authority: Certificate
) -> Iterator[WalletServer]:
    """Run a server that shows a certificate first, and asks for none."""
    mounted.show(first.cert_file, first.key_file, authority.cert_file)
    ours = ssl_credentials(authority)
    with WalletServer(installation, credentials=ours, **settings_of(mounted, mutual=False)) as server:
        yield server


def told(server: WalletServer, event: str) -> int:
    return server.log.count(f'"event": "{event}"')


def test_a_certificate_is_replaced_under_a_running_server(new_installation: New, tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "authority")
    first, second = (make_certificate(tmp_path, name, authority) for name in ("first", "second"))
    mounted = Mounted(tmp_path)
    with serving(new_installation(), mounted, first, authority) as server:
        wallet, player = server.wallet(), Player()
        assert shown(server, authority) == "first"

        broken = {
            "is not the key of the certificate": (second.cert_file, first.key_file),
            "holds no certificate": (second.key_file, second.key_file),
            "holds no private key": (second.cert_file, second.cert_file),
        }
        for number, (problem, pair) in enumerate(broken.items(), start=1):
            mounted.show(*pair, authority.cert_file)
            wait_until(lambda seen=number: told(server, "tls_files_unusable") == seen, what=f"it told: {problem}")
            assert problem in server.log
            assert shown(server, authority) == "first"

        mounted.show(second.cert_file, second.key_file, authority.cert_file)
        wait_until(lambda: shown(server, authority) == "second", what="the new certificate is shown")
        assert told(server, "tls_files_read") == 1
        assert isinstance(wallet.payments.attempt(player.balance(), timeout_s=5), pb.GetBalanceResponse), (
            "the connection that was open goes on"
        )
        for secret in (first.key, second.key):
            assert secret.splitlines()[1].decode() not in server.log


def test_a_certificate_that_could_not_be_read_for_a_moment_is_shown(new_installation: New, tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "authority")
    first, second = (make_certificate(tmp_path, name, authority) for name in ("first", "second"))
    mounted = Mounted(tmp_path)
    with serving(new_installation(), mounted, first, authority) as server:
        with without_descriptors(server.process.pid):
            mounted.show(second.cert_file, second.key_file, authority.cert_file)
            wait_until(lambda: told(server, "tls_files_unusable"), what="it told that they cannot be read")
        wait_until(lambda: shown(server, authority) == "second", what="the new certificate is shown")
        assert told(server, "tls_files_unusable") == 1


def test_a_certificate_of_a_kind_that_is_not_served_changes_nothing(new_installation: New, tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "authority")
    good, strange = (
        make_certificate(tmp_path, "good", authority),
        make_certificate(tmp_path, "strange", authority, curve="secp224k1"),
    )
    mounted = Mounted(tmp_path)
    with serving(new_installation(), mounted, good, authority) as server:
        mounted.show(strange.cert_file, strange.key_file, authority.cert_file)
        wait_until(lambda: told(server, "tls_files_unusable"), what="it told that they cannot be used")
        assert "of a kind that is not served" in server.log
        assert shown(server, authority) == "good"


def test_a_client_ca_is_replaced_under_a_running_server(new_installation: New, tmp_path: Path) -> None:
    authority, next_authority = make_authority(tmp_path, "authority"), make_authority(tmp_path, "next")
    served, ours = make_certificate(tmp_path, "served", authority), make_certificate(tmp_path, "ours", authority)
    next_ours = make_certificate(tmp_path, "next-ours", next_authority)
    mounted = Mounted(tmp_path)
    mounted.show(served.cert_file, served.key_file, authority.cert_file)
    credentials = ssl_credentials(authority, ours)
    with WalletServer(new_installation(), credentials=credentials, **settings_of(mounted, mutual=True)) as server:
        assert shown(server, authority, ours) == "served"
        assert shown(server, authority, next_ours) != "served"
        mounted.show(served.cert_file, served.key_file, next_authority.cert_file)
        wait_until(lambda: shown(server, authority, next_ours) == "served", what="the new CA is taken")
        assert shown(server, authority, ours) != "served"
        assert shown(server, authority) != "served", "a certificate is asked for, as before"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_does_not_start_with_a_key_of_another_certificate(
    new_installation: New, tmp_path: Path, workers: str
) -> None:
    authority = make_authority(tmp_path, "authority")
    one, other = (make_certificate(tmp_path, name, authority) for name in ("one", "other"))
    settings = {"WALLET_TLS_CERT_FILE": str(one.cert_file), "WALLET_TLS_KEY_FILE": str(other.key_file)}
    done = new_installation().run("serve", WALLET_WORKERS=workers, **settings)
    assert done.returncode == 1
    assert f"Error: {other.key_file} is not the key of the certificate in {one.cert_file}" in done.stderr
    assert "Traceback" not in done.stderr
