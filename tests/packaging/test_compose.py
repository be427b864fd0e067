"""docker-compose.yml, as a file: what its Citus nodes are started with is what `wallet migrate` asks of them."""

import re
from itertools import pairwise
from typing import Any

import yaml
from support.copies import ROOT

from wallet_api.settings import ApiSettings
from wallet_console.settings import ConsoleSettings
from wallet_gateway.settings import GatewaySettings
from wallet_grpc.settings import EnvironmentSettings, Settings
from wallet_grpc.store.connection.statements import statements

_COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
_NODES = ("citus-coordinator", "citus-worker-1", "citus-worker-2")


def _service(name: str) -> dict[str, Any]:
    service = _COMPOSE["services"][name]
    assert isinstance(service, dict)
    return service


def _settings(name: str) -> dict[str, str]:
    command = _service(name)["command"]
    return dict(setting.split("=", 1) for flag, setting in pairwise(command) if flag == "-c")


def test_each_node_has_the_settings_that_cells_need() -> None:
    unfit = statements("wallet_grpc.store.operator", "citus.sql")["unfit_settings"]
    needed = re.findall(r"\('(\w+)', '([^']+)',", unfit)
    assert len(needed) == 2
    for node in _NODES:
        settings = _settings(node)
        assert {settings[name] for name in ("fsync", "full_page_writes", "synchronous_commit")} == {"on"}
        for name, fits in needed:
            assert re.search(fits, settings[name]), name
        assert settings["client_connection_check_interval"] == "20ms"


def test_nodes_and_what_joins_them_are_started_by_the_profile_only() -> None:
    of_profile = {name for name, service in _COMPOSE["services"].items() if service.get("profiles") == ["citus"]}
    assert of_profile == {*_NODES, "citus-nodes"}
    assert _service("migrate")["depends_on"]["citus-nodes"]["required"] is False


def test_the_coordinator_is_told_of_every_node() -> None:
    joining = " ".join(_service("citus-nodes")["entrypoint"])
    told = re.findall(r"citus_(?:set_coordinator_host|add_node)\('([^']+)', 5432\)", joining)
    assert sorted(told) == sorted(_NODES)


def test_each_process_finds_its_database_where_it_is_said_to_be() -> None:
    urls = [
        value
        for service in _COMPOSE["services"].values()
        for value in dict(service.get("environment") or {}).values()
        if str(value).startswith("postgresql:")
    ]
    assert len(urls) > 4
    assert all("@${WALLET_DATABASE_HOST:-postgres}:5432/" in url for url in urls)


def test_each_process_is_given_the_time_that_it_takes_to_stop() -> None:
    def default(settings: type[EnvironmentSettings], name: str) -> int:
        return int(settings.model_fields[name].default)

    stop_ms = default(Settings, "stop_timeout_ms")
    takes_ms = {
        "wallet": default(Settings, "lame_duck_ms") + 2 * stop_ms,
        "consumer": 2 * stop_ms,
        "relay": stop_ms,
        "api": default(ApiSettings, "http_stop_timeout_ms"),
        "console": default(ConsoleSettings, "console_stop_timeout_ms"),
        "gateway": default(GatewaySettings, "gateway_lame_duck_ms")
        + default(GatewaySettings, "gateway_stop_timeout_ms"),
    }
    for name, takes in takes_ms.items():
        assert int(_service(name)["stop_grace_period"].removesuffix("s")) > takes / 1_000, name


def test_every_volume_is_declared() -> None:
    used = {mount.split(":")[0] for service in _COMPOSE["services"].values() for mount in service.get("volumes") or []}
    assert used == set(_COMPOSE["volumes"])
