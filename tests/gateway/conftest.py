"""The HTTP front before a gRPC server: what is sent to one is there for the other."""

from collections.abc import Callable, Iterator

import pytest
from support.database import Installation
from support.gateway import GatewayServer
from support.wallet import Wallet


@pytest.fixture(scope="session")
def shared_wallet(shared_servers: Callable[..., object]) -> object:
    return shared_servers("group-commit")


@pytest.fixture
def wallet(shared_wallet: object, used_installations: dict[str, Installation]) -> Wallet:
    used_installations["group-commit"] = shared_wallet.installation  # type: ignore[attr-defined]
    return shared_wallet.wallet  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def gateway(shared_wallet: object) -> Iterator[GatewayServer]:
    with GatewayServer(shared_wallet.wallet.target) as server:  # type: ignore[attr-defined]
        yield server
