"""The API is what its OpenAPI document says: schemathesis makes requests of all kinds, good and bad ones."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from support.cookies import token
from support.http_api import OPENAPI, ApiServer
from support.requests import Player
from support.wallet import Wallet

from wallet_api.openapi import document

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


schema = schemathesis.openapi.from_dict(document())
schema.config.generation.update(with_security_parameters=False)  # the cookie is ours; test_sessions.py has the bad ones


@pytest.fixture(scope="module")
def seasoned(wallet_and_installation: Any) -> Player:
    """A player with something of most kinds."""
    wallet: Wallet = wallet_and_installation.wallet
    player = wallet.player("1000")
    bet = player.bet("10")
    for request in (bet, player.win("20", of=bet), player.bet_and_win("1", "2"), player.reserve("3"), player.adjust()):
        wallet.applied(request)
    return player


@schema.parametrize()
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_the_api_keeps_to_its_document(case: Any, api: ApiServer, seasoned: Player) -> None:
    response = case.call(base_url=f"http://{api.address}", cookies={"wallet_session": token(seasoned.player_id)})
    case.validate_response(response, checks=CHECKS)


@schema.parametrize()
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_without_a_cookie_it_keeps_to_it_too(case: Any, api: ApiServer) -> None:
    response = case.call(base_url=f"http://{api.address}", cookies={"wallet_session": "x"})
    case.validate_response(response, checks=[not_a_server_error, status_code_conformance, response_schema_conformance])


def test_the_document_is_openapi_3_1_and_names_every_path(api: ApiServer) -> None:
    from support.http_api import OF_NOBODY, OF_PLAYERS

    served = api.ask(OPENAPI).json
    assert served == document()
    assert served["openapi"].startswith("3.1.")
    assert set(served["paths"]) == {*OF_PLAYERS, *OF_NOBODY}
    assert all(set(methods) == {"get"} for methods in served["paths"].values())
    named = {parameter["name"] for parameter in served["paths"]["/api/wallet/transactions"]["get"]["parameters"]}
    assert named == {"limit", "cursor", "currency", "network", "kind", "from", "to"}
