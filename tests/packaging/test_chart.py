"""The chart in deploy/helm: Kubernetes takes what it makes, pods have no rights, what they are told is the wallet's.

helm and Kubernetes' schemas are the real ones; no cluster has been asked.
"""

import json
import re
import subprocess
from copy import deepcopy
from typing import Any

import kubernetes_validate
import pytest
import yaml
from support.copies import ROOT
from support.resources import (
    ALL,
    SECRETS,
    Resource,
    asked,
    check_schemas,
    component,
    environment,
    labels_of_pod,
    mounted,
    of_kind,
    pod_of,
    ports,
    workloads,
)

from tools import manifests
from wallet_api.settings import ApiSettings
from wallet_console.settings import ConsoleSettings
from wallet_gateway.settings import GatewaySettings
from wallet_grpc.settings import AdminSettings, EnvironmentSettings, Settings

pytestmark = pytest.mark.usefixtures("helm")

TLS = (
    'serve.secretFiles={"WALLET_TLS_CERT_FILE":{"secret":"wallet-tls","key":"tls.crt"},'
    '"WALLET_TLS_KEY_FILE":{"secret":"wallet-tls","key":"tls.key"}}'
)
LEAST = [f"{process}.enabled=false" for process in ("migrate", "consume", "relay", "api", "networkPolicy")]
HTTPS = (
    'gateway.secretFiles={"WALLET_GATEWAY_TLS_CERT_FILE":{"secret":"wallet-https","key":"tls.crt"},'
    '"WALLET_GATEWAY_TLS_KEY_FILE":{"secret":"wallet-https","key":"tls.key"},'
    '"WALLET_GATEWAY_WALLET_CA_FILE":{"secret":"wallet-tls","key":"ca.crt"}}'
)
VARIANTS = {
    "default": (),
    "all": ALL,
    "live, with TLS": (*ALL, TLS, HTTPS, 'environment="live"'),
    "least": LEAST,
    "no autoscaling": (
        *ALL,
        *(f"{process}.autoscaling.enabled=false" for process in ("serve", "api", "gateway")),
    ),
    "queue": (*ALL, "serve.autoscaling.queuedOperations=200"),
    "placed": (
        'nodeSelector={"pool":"wallet"}',
        'tolerations=[{"key":"wallet","operator":"Exists"}]',
        'priorityClassName="high"',
        'imagePullSecrets=[{"name":"registry"}]',
        'networkPolicy.databaseTo=[{"ipBlock":{"cidr":"192.0.2.7/32"}}]',
        'networkPolicy.egress=[{"ports":[{"protocol":"TCP","port":4317}]}]',
        'monitoring.labels={"release":"prometheus"}',
        *ALL,
    ),
}
SETTINGS: dict[str, tuple[type[EnvironmentSettings], ...]] = {
    "serve": (Settings,),
    "consume": (Settings,),
    "relay": (Settings,),
    "api": (ApiSettings,),
    "console": (ConsoleSettings,),
    "gateway": (GatewaySettings,),
    "migrate": (AdminSettings,),
    "command": (AdminSettings, Settings),
}


@pytest.fixture(scope="module", params=VARIANTS)
def rendered(request: pytest.FixtureRequest) -> list[Resource]:
    """What one variant of the values makes."""
    return manifests.render(*VARIANTS[request.param])


@pytest.fixture(scope="module")
def everything() -> list[Resource]:
    return manifests.render(*ALL)


# ---------------------------------------------------------------------------------------------------------- the chart


def test_helm_finds_nothing_to_say_about_the_chart() -> None:
    told = subprocess.run(
        [manifests.HELM, "lint", "--strict", manifests.CHART], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_kubernetes_takes_every_resource(rendered: list[Resource]) -> None:
    check_schemas(rendered)


def test_what_kubernetes_would_not_take_is_found(everything: list[Resource]) -> None:
    (api,) = of_kind(everything, "Deployment", "wallet-api")
    pod_of(misspelt := deepcopy(api))["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        check_schemas([misspelt])
    (monitor, *_) = of_kind(everything, "ServiceMonitor")
    (wrong := deepcopy(monitor))["spec"]["endpoints"][0]["port"] = 9464
    with pytest.raises(AssertionError, match="port must be string"):
        check_schemas([wrong])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('environment="prod"', "/environment"),
        ('serve.replica="3"', "'replica' not allowed"),
        ("serve.replicas=0", "/serve/replicas"),
        ('serve.env={"log-level":"INFO"}', "'log-level'"),
        ('serve.secretFiles={"WALLET_DATABASE_URL":{"secret":"a","key":"b"}}', "'WALLET_DATABASE_URL'"),
        ('api.secretFiles={"WALLET_READ_DATABASE_URL_FILE":{"secret":"a"}}', "/api/secretFiles"),
        ("serve.autoscaling.cpuPercent=700", "/serve/autoscaling/cpuPercent"),
    ],
)
def test_values_that_are_none_are_refused_by_name(value: str, told: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        manifests.render(value)
    assert told in refused.value.stderr


def test_a_value_of_null_takes_one_away() -> None:
    (api,) = of_kind(manifests.render('api.secretFiles={"WALLET_COOKIE_KEYS_FILE":null}'), "Deployment", "wallet-api")
    assert "WALLET_COOKIE_KEYS_FILE" not in environment(api)
    assert "wallet-cookies" not in json.dumps(api)


def test_what_all_processes_are_told_gives_way_to_what_one_is_told() -> None:
    told = manifests.render('env={"WALLET_LOG_LEVEL":"ERROR"}', 'relay.env={"WALLET_LOG_LEVEL":"DEBUG"}')
    levels = {name: environment(*of_kind(told, "Deployment", f"wallet-{name}")) for name in ("serve", "relay", "api")}
    assert levels["serve"]["WALLET_LOG_LEVEL"] == "ERROR"
    assert levels["relay"]["WALLET_LOG_LEVEL"] == "DEBUG"
    assert "WALLET_LOG_LEVEL" not in levels["api"]


@pytest.mark.parametrize(
    ("value", "written"),
    [("0", "0"), ("false", "false"), ('""', ""), ("1000000", "1000000"), ("2000000", "2000000"), ("0.5", "0.5")],
)
def test_what_one_process_is_told_is_written_as_it_was_said(value: str, written: str) -> None:
    """Also where it is nothing, which templates take for unset, and where it is a number of a million or more."""
    told = manifests.render('env={"WALLET_SLOW_CALL_MS":1000}', f'serve.env={{"WALLET_SLOW_CALL_MS":{value}}}')
    assert environment(*of_kind(told, "Deployment", "wallet-serve"))["WALLET_SLOW_CALL_MS"] == written
    assert environment(*of_kind(told, "Deployment", "wallet-relay"))["WALLET_SLOW_CALL_MS"] == "1000"


def test_numbers_of_a_million_or_more_are_numbers_wherever_they_stand() -> None:
    """Helm reads whole numbers as fractions, which it would write as 2e+06: for YAML a text, for Kubernetes nothing."""
    values = yaml.safe_load((manifests.CHART / "values.yaml").read_text())
    bounded = ("cpuPercent", "Port", "lameDuckSeconds", "terminationGracePeriodSeconds")
    large = [f"{path}=2000000" for path in number_paths(values) if not path.endswith(bounded)]
    assert {"serve.autoscaling.queuedOperations=2000000", "migrate.activeDeadlineSeconds=2000000"} <= set(large)
    for autoscaled in ("true", "false"):
        chosen = [f"{process}.autoscaling.enabled={autoscaled}" for process in ("serve", "api", "gateway")]
        told = manifests.render(*ALL, *large, *chosen)
        check_schemas(told)
        assert not re.search(r"[0-9]e\+[0-9]", json.dumps(told))


def number_paths(values: dict[str, Any], before: str = "") -> list[str]:
    """Name the values of the chart that are whole numbers."""
    paths = []
    for name, value in values.items():
        if isinstance(value, dict):
            paths += number_paths(value, f"{before}{name}.")
        elif isinstance(value, int) and not isinstance(value, bool):
            paths.append(f"{before}{name}")
    return paths


# -------------------------------------------------------------------------------------------------------- no rights


def test_every_pod_is_confined(everything: list[Resource]) -> None:
    command = yaml.safe_load((ROOT / "deploy" / "command.yaml").read_text())
    check_schemas([command])
    for pod in [*map(pod_of, workloads(everything)), command["spec"]]:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == uid_of_the_image()
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False, "a service named wallet would set variables that begin with WALLET_"
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_secrets_are_files_and_each_is_mounted(rendered: list[Resource]) -> None:
    assert not of_kind(rendered, "Secret")
    for workload in workloads(rendered):
        given = environment(workload)
        secret = {name for settings in SETTINGS[component(workload)] for name in settings.secrets()}
        assert not {f"WALLET_{name.upper()}" for name in secret} & set(given)
        files = {value for value in given.values() if value.startswith("/")}
        assert files == mounted(workload)
        assert {name for name, value in given.items() if value in files} == {n for n in given if n.endswith("_FILE")}


def test_each_process_has_its_own_secrets_only(everything: list[Resource]) -> None:
    of = {component(workload): mounted(workload) for workload in workloads(everything)}
    holders = {name for name, files in of.items() if f"{SECRETS}/wallet-admin-database/url" in files}
    assert holders == {"migrate"}
    assert f"{SECRETS}/wallet-database/url" not in of["api"] | of["console"] | of["migrate"]


# --------------------------------------------------------------------------------------------- what is set, and asked


def test_every_variable_is_a_setting_of_its_process(rendered: list[Resource]) -> None:
    command = yaml.safe_load((ROOT / "deploy" / "command.yaml").read_text())
    for workload in [*workloads(rendered), command]:
        known = {
            f"WALLET_{name.upper()}{file}"
            for settings in SETTINGS[component(workload)]
            for name in settings.model_fields
            for file in (("", "_FILE") if name in settings.secrets() else ("",))
        }
        assert set(environment(workload)) <= known, component(workload)


def test_a_pod_is_given_the_time_that_it_takes_to_stop(rendered: list[Resource]) -> None:
    for workload in of_kind(rendered, "Deployment"):
        pod, given = pod_of(workload), environment(workload)
        grace_s = pod["terminationGracePeriodSeconds"]
        name = component(workload)
        if name == "serve":
            settings = Settings.model_construct(**{key: int(given[f"WALLET_{key.upper()}"]) for key in STOPPING})
            assert settings.lame_duck_ms >= 5_000, "balancers must notice"
            assert grace_s > (settings.lame_duck_ms + 2 * settings.stop_timeout_ms) / 1000
        elif name == "consume":
            assert grace_s > 2 * int(given["WALLET_STOP_TIMEOUT_MS"]) / 1000
        elif name in {"api", "console"}:
            (stop_ms,) = [int(value) for key, value in given.items() if key.endswith("_STOP_TIMEOUT_MS")]
            waits_s = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert waits_s >= 5, "balancers must notice"
            assert grace_s > waits_s + stop_ms / 1000
        elif name == "gateway":
            assert int(given["WALLET_GATEWAY_LAME_DUCK_MS"]) >= 5_000, "balancers must notice"
            stopping_ms = sum(int(given[f"WALLET_GATEWAY_{part}_MS"]) for part in ("LAME_DUCK", "STOP_TIMEOUT"))
            assert grace_s > stopping_ms / 1000


GRPC = 50051
STOPPING = ("lame_duck_ms", "stop_timeout_ms")


def test_probes_tell_liveness_from_readiness_at_ports_that_are_served(rendered: list[Resource]) -> None:
    for workload in of_kind(rendered, "Deployment"):
        (container,) = pod_of(workload)["containers"]
        live, ready = container["livenessProbe"], container["readinessProbe"]
        assert asked(live) != asked(ready)
        assert asked(container["startupProbe"]) == asked(live)
        assert {asked(live)[1], asked(ready)[1]} <= set(ports(workload).values())
        by_tls = "WALLET_TLS_CERT_FILE" in environment(workload)
        assert (asked(live)[0] == "grpc") == (component(workload) == "serve" and not by_tls)
        scheme = "HTTPS" if "WALLET_GATEWAY_TLS_CERT_FILE" in environment(workload) else None
        if "httpGet" in live:
            assert {probe["httpGet"].get("scheme") for probe in (live, ready, container["startupProbe"])} == {scheme}


def test_services_budgets_and_monitors_find_their_pods(rendered: list[Resource]) -> None:
    deployments = of_kind(rendered, "Deployment")
    for service in of_kind(rendered, "Service"):
        served = [it for it in deployments if service["spec"]["selector"].items() <= labels_of_pod(it).items()]
        assert served, service["metadata"]["name"]
        for workload in served:
            for port in service["spec"]["ports"]:
                assert ports(workload)[port["targetPort"]] == port["port"]
    for budget in of_kind(rendered, "PodDisruptionBudget"):
        selector = budget["spec"]["selector"]["matchLabels"]
        assert [it for it in deployments if selector.items() <= labels_of_pod(it).items()]
    assert len(of_kind(rendered, "PodDisruptionBudget")) == len(deployments)
    for scaler in of_kind(rendered, "HorizontalPodAutoscaler"):
        (scaled,) = of_kind(rendered, "Deployment", scaler["spec"]["scaleTargetRef"]["name"])
        assert "replicas" not in scaled["spec"], "each upgrade would undo what the autoscaler did"
    for monitor in of_kind(rendered, "ServiceMonitor"):
        (service,) = [
            it
            for it in of_kind(rendered, "Service")
            if monitor["spec"]["selector"]["matchLabels"].items() <= it["metadata"]["labels"].items()
        ]
        assert {end["port"] for end in monitor["spec"]["endpoints"]} <= {it["name"] for it in service["spec"]["ports"]}


def test_every_process_that_shows_metrics_is_scraped_as_a_job_that_rules_know(everything: list[Resource]) -> None:
    monitors = of_kind(everything, "ServiceMonitor")
    scraped = set[str]()
    for monitor in monitors:
        label = monitor["spec"]["jobLabel"]
        chosen = monitor["spec"]["selector"]["matchLabels"].items()
        for service in of_kind(everything, "Service"):
            if chosen <= service["metadata"]["labels"].items():
                assert service["metadata"]["labels"][label] == "wallet"
                selector = service["spec"]["selector"].items()
                deployments = of_kind(everything, "Deployment")
                scraped |= {component(it) for it in deployments if selector <= labels_of_pod(it).items()}
    assert scraped == {"serve", "consume", "relay", "api", "gateway"}


def test_alerts_and_dashboard_come_from_the_files_that_are_tested(everything: list[Resource]) -> None:
    files = manifests.CHART / "files"
    (rule,) = of_kind(everything, "PrometheusRule")
    assert rule["spec"] == yaml.safe_load((files / "wallet.rules.yaml").read_text())
    (dashboard,) = of_kind(everything, "ConfigMap")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(dashboard["data"]["wallet.json"]) == json.loads((files / "dashboard.json").read_text())


def test_the_server_lets_in_what_calls_it_whoever_else_may(everything: list[Resource]) -> None:
    for resources in (everything, manifests.render(*ALL, "networkPolicy.grpcFrom=[]")):
        (policy,) = of_kind(resources, "NetworkPolicy", "wallet-serve")
        (rule,) = [it for it in policy["spec"]["ingress"] if it["ports"][0]["port"] == GRPC]
        chosen = [peer["podSelector"].get("matchLabels", {}) for peer in rule["from"]]
        for caller in ("wallet-console", "wallet-gateway"):
            labels = labels_of_pod(*of_kind(resources, "Deployment", caller))
            assert any(one and one.items() <= labels.items() for one in chosen)


def test_pods_are_spread_by_zone_and_node(rendered: list[Resource]) -> None:
    for workload in of_kind(rendered, "Deployment"):
        spread = pod_of(workload)["topologySpreadConstraints"]
        assert [it["topologyKey"] for it in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
        for constraint in spread:
            assert constraint["labelSelector"]["matchLabels"].items() <= labels_of_pod(workload).items()


def uid_of_the_image() -> int:
    words = (ROOT / "Dockerfile").read_text().split()
    return int(words[words.index("--uid") + 1])
