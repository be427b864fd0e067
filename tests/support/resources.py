"""What deploy/ describes, read: resources of Kubernetes, their pods, variables, ports and secret files."""

import json
import subprocess
from functools import cache
from typing import Any

import kubernetes_validate
import yaml

from support.copies import ROOT
from tools import manifests

Resource = manifests.Resource

KUBERNETES = ("1.31", "1.35")
"""The oldest that the chart takes, and the one whose kubectl is pinned."""

ALL = ("monitoring.enabled=true", "console.enabled=true", "gateway.enabled=true")
"""Values by which all processes are there, and what Prometheus' operator needs."""

SECRETS = "/run/secrets/wallet"
"""Where a pod finds them."""


def kustomize(folder: str) -> list[Resource]:
    done = subprocess.run(
        [manifests.KUBECTL, "kustomize", manifests.KUSTOMIZE / folder], check=True, capture_output=True, text=True
    )
    return list(yaml.safe_load_all(done.stdout))


def check_schemas(resources: list[Resource]) -> None:
    """Hold resources to Kubernetes' schemas, where unknown fields are errors, and to the Prometheus operator's."""
    of_operator = [resource for resource in resources if resource["apiVersion"].startswith("monitoring.coreos.com/")]
    for resource in resources:
        if resource not in of_operator:
            check_schema(json.dumps(resource))
    if of_operator:
        told = subprocess.run(
            ["node", "validate.mjs"],
            cwd=ROOT / "tools" / "kubernetes",
            input=json.dumps(of_operator),
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stdout + told.stderr


@cache
def check_schema(resource: str) -> None:
    """Hold one to Kubernetes' schemas; most are the same in all variants."""
    for version in KUBERNETES:
        kubernetes_validate.validate(json.loads(resource), version, strict=True)


def by_name(resources: list[Resource]) -> dict[tuple[str, str], Resource]:
    return {(it["kind"], it["metadata"]["name"]): it for it in resources}


def of_kind(resources: list[Resource], kind: str, name: str | None = None) -> list[Resource]:
    return [it for it in resources if it["kind"] == kind and name in {None, it["metadata"]["name"]}]


def workloads(resources: list[Resource]) -> list[Resource]:
    return [it for it in resources if it["kind"] in {"Deployment", "Job"}]


def component(resource: Resource) -> str:
    return str(resource["metadata"]["labels"]["app.kubernetes.io/component"])


def pod_of(workload: Resource) -> dict[str, Any]:
    spec = workload["spec"] if workload["kind"] == "Pod" else workload["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


def labels_of_pod(workload: Resource) -> dict[str, str]:
    return dict(workload["spec"]["template"]["metadata"]["labels"])


def environment(workload: Resource) -> dict[str, str]:
    (container,) = pod_of(workload)["containers"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    assert len(variables) == len(container["env"])
    return variables


def arguments(workload: Resource) -> list[str]:
    (container,) = pod_of(workload)["containers"]
    return list(container["args"])


def ports(workload: Resource) -> dict[str, int]:
    (container,) = pod_of(workload)["containers"]
    return {port["name"]: port["containerPort"] for port in container.get("ports", [])}


def mounted(workload: Resource) -> set[str]:
    """Name the files of secrets that a container finds."""
    (container,) = pod_of(workload)["containers"]
    mounts = [it for it in container["volumeMounts"] if it["name"] == "secrets"]
    if not mounts:
        return set()
    (mount,) = mounts
    (volume,) = [it for it in pod_of(workload)["volumes"] if it["name"] == "secrets"]
    assert mount["readOnly"] is True
    sources = [source["secret"] for source in volume["projected"]["sources"]]
    return {f"{mount['mountPath']}/{item['path']}" for source in sources for item in source["items"]}


def asked(probe: dict[str, Any]) -> tuple[str, int, str]:
    if "grpc" in probe:
        return "grpc", probe["grpc"]["port"], probe["grpc"]["service"]
    return "http", probe["httpGet"]["port"], probe["httpGet"]["path"]
