"""What one person alone may adjust, as the settings say it (docs/operating.md, Operators and the trail)."""

import pytest
from pydantic import ValidationError

from wallet_grpc.app.server import limits_of
from wallet_grpc.domain.identifiers import CurrencyNetworkId
from wallet_grpc.settings import Settings


@pytest.mark.parametrize(
    ("environment", "said", "network", "alone_max_minor"),
    [
        ("test", None, 1, None),
        ("live", None, 1, 0),
        ("test", "1=50,2=0", 1, 50),
        ("live", "1=50,2=0", 1, 50),
        ("test", "1=50,2=0", 2, 0),
        ("test", "1=50,2=0", 3, None),
        ("live", "1=50,2=0", 3, 0),
        ("live", "1=" + "9" * 38, 1, 10**38 - 1),
    ],
)
def test_a_bound(environment: str, said: str | None, network: int, alone_max_minor: int | None) -> None:
    settings = Settings(database_url="postgresql://", environment=environment, adjustment_alone_max=said)  # type: ignore[arg-type]
    assert limits_of(settings).alone_max_minor(CurrencyNetworkId(network)) == alone_max_minor


@pytest.mark.parametrize("said", ["50", "1=", "=5", "1=-5", "1=5,", "0=5", "1=05", "1=5,1=6", "1=" + "9" * 39])
def test_what_is_no_bound(said: str) -> None:
    with pytest.raises(ValidationError, match=r"(?i)adjustment_alone_max"):
        Settings(database_url="postgresql://", adjustment_alone_max=said)  # type: ignore[arg-type]
