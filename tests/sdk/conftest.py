"""A wallet for the SDKs, with the currency that the studios' page plays in."""

from collections.abc import Iterator

import pytest
from support import node
from support.database import Installation, own_installation
from support.requests import USDC_SOLANA
from support.server import WalletServer

from wallet_grpc.store.operator.networks import add_network


@pytest.fixture(scope="session")
def studio_installation(template: Installation) -> Iterator[Installation]:
    with own_installation(template) as made:
        with made.connect() as connection:
            add_network(connection, currency="USDC", network="SOLANA", decimals=6, network_id=USDC_SOLANA)
        yield made


@pytest.fixture(scope="session")
def studio_server(studio_installation: Installation) -> Iterator[WalletServer]:
    with WalletServer(studio_installation) as server:
        yield server


@pytest.fixture(scope="session")
def sdk_for_node() -> None:
    node.build()
