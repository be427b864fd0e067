"""Settings that do not fit together are refused at the start."""

import pytest
from pydantic import ValidationError

from wallet_grpc.settings import Settings

DSN = "postgresql://wallet@127.0.0.1/wallet"


def settings(**given: int) -> Settings:
    return Settings(database_url=DSN, **given)  # type: ignore[arg-type] - as the environment gives it


@pytest.mark.parametrize(("lanes", "workers", "needed"), [(2, 1, 3), (4, 8, 40), (32, 31, 1_023)])
def test_each_lane_of_a_process_has_a_stripe(lanes: int, workers: int, needed: int) -> None:
    assert settings(lanes=lanes, workers=workers, house_stripes=needed).house_stripes == needed
    with pytest.raises(ValidationError, match=f"WALLET_HOUSE_STRIPES is {needed - 1}: it must be at least {needed}"):
        settings(lanes=lanes, workers=workers, house_stripes=needed - 1)
