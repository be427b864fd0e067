"""HTTPS: the certificate is replaced under a running gateway, also by what cannot be used."""

import json
import ssl
from pathlib import Path

from support.certificates import Mounted, make_authority, make_certificate
from support.gateway import GatewayServer
from support.process import WalletProcess, without_descriptors
from support.waiting import wait_until
from support.wallet import Wallet

BALANCE = "/wallet.v1.WalletService/GetBalance"
ASKED = json.dumps({"playerId": "1", "currencyNetworkId": 1}).encode()


def settings_of(mounted: Mounted) -> dict[str, str]:
    return {
        "WALLET_GATEWAY_TLS_CERT_FILE": str(mounted.files.cert_file),
        "WALLET_GATEWAY_TLS_KEY_FILE": str(mounted.files.key_file),
    }


def shown(gateway: GatewayServer) -> str:
    """Return the name in the certificate that a new connection is shown."""
    connection = gateway.connection()
    try:
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        subject = dict(part[0] for part in (connection.sock.getpeercert() or {})["subject"])
        return str(subject["commonName"])
    finally:
        connection.close()


def shows(gateway: GatewayServer, name: str) -> bool:
    """Tell whether new connections are shown this one; what is opened just when it changes may be broken off."""
    try:
        return [shown(gateway) for _ in range(5)] == [name] * 5
    except (ssl.SSLError, ConnectionError):
        return False


def test_a_certificate_is_replaced_under_a_running_gateway(wallet: Wallet, tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "authority")
    first, second = (make_certificate(tmp_path, name, authority) for name in ("first", "second"))
    mounted = Mounted(tmp_path)
    mounted.show(first.cert_file, first.key_file, authority.cert_file)
    trusts = ssl.create_default_context(cafile=str(authority.cert_file))
    with GatewayServer(wallet.target, trusts=trusts, **settings_of(mounted)) as gateway:
        assert shown(gateway) == "first"
        mounted.show(second.cert_file, first.key_file, authority.cert_file)
        wait_until(lambda: '"event": "tls_files_unusable"' in gateway.log, what="it told that they do not fit")
        assert shown(gateway) == "first"

        begun = gateway.connection()
        begun.putrequest("POST", BALANCE)
        for name, value in {
            "authorization": f"Bearer {wallet.keys['games']}",
            "content-type": "application/json",
            "content-length": str(len(ASKED)),
        }.items():
            begun.putheader(name, value)
        begun.endheaders(ASKED[:5])
        mounted.show(second.cert_file, second.key_file, authority.cert_file)
        wait_until(lambda: shows(gateway, "second"), what="the new certificate is shown")
        begun.send(ASKED[5:])
        assert begun.getresponse().status == 200, "what had begun is answered"
        begun.close()

        with without_descriptors(gateway.process.pid):
            mounted.show(first.cert_file, first.key_file, authority.cert_file)
            wait_until(lambda: "cannot be read" in gateway.log, what="it told that they cannot be read")
        wait_until(lambda: shows(gateway, "first"), what="it is replaced again, once it can be read")
        assert gateway.stop() == 0, gateway.log
        for secret in (first.key, second.key):
            assert secret.splitlines()[1].decode() not in gateway.log


def test_it_does_not_start_with_a_key_of_another_certificate(wallet: Wallet, tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "authority")
    one, other = (make_certificate(tmp_path, name, authority) for name in ("one", "other"))
    mounted = Mounted(tmp_path)
    mounted.show(one.cert_file, other.key_file, authority.cert_file)
    gateway: WalletProcess = GatewayServer(wallet.target, **settings_of(mounted))
    gateway.launch()
    assert gateway.wait() == 1
    assert (
        f"Error: {mounted.files.key_file} is not the key of the certificate in {mounted.files.cert_file}" in gateway.log
    )
    assert "Traceback" not in gateway.log
