"""The HTTP API beside a gRPC server, on one database: what is written there is read here."""

from collections.abc import Callable, Iterator

import pytest
from support.database import Installation
from support.http_api import ApiServer
from support.wallet import Wallet


@pytest.fixture(scope="session")
def wallet_and_installation(shared_servers: Callable[..., object]) -> object:
    return shared_servers("group-commit")


@pytest.fixture
def wallet(wallet_and_installation: object, used_installations: dict[str, Installation]) -> Wallet:
    used_installations["group-commit"] = wallet_and_installation.installation  # type: ignore[attr-defined]
    return wallet_and_installation.wallet  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def api_installation(wallet_and_installation: object) -> Installation:
    return wallet_and_installation.installation  # type: ignore[attr-defined]


@pytest.fixture
def installation(api_installation: Installation) -> Installation:
    return api_installation


@pytest.fixture(scope="session")
def api(api_installation: Installation) -> Iterator[ApiServer]:
    """The API that most tests share; it looks at 200 transactions for one page, so that tests reach that bound."""
    with ApiServer(api_installation, WALLET_HISTORY_SCAN_ROWS_MAX="200") as server:
        yield server
