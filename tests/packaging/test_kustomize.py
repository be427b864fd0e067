"""deploy/kustomize is the chart, without Helm: made from it, built by kubectl, and changed by an overlay."""

import pytest
from support.resources import (
    ALL,
    by_name,
    check_schemas,
    component,
    kustomize,
    of_kind,
    pod_of,
)

from tools import manifests

pytestmark = pytest.mark.usefixtures("helm")


def test_kustomize_is_made_from_the_chart() -> None:
    """After a change of the chart: `make manifests`."""
    made = dict(manifests.files())
    assert {path: path.read_text() for path in made} == made
    there = set(manifests.KUSTOMIZE.rglob("*.yaml"))
    assert {path for path in there if path.name != "kustomization.yaml"} == set(made)


def test_kustomize_builds_what_helm_renders() -> None:
    base = kustomize("base")
    default = [it for it in map(manifests.plain, manifests.render()) if component(it) != "migrate"]
    assert by_name(base) == by_name(default)
    migrate = [it for it in map(manifests.plain, manifests.render()) if component(it) == "migrate"]
    assert by_name(kustomize("migrate")) == by_name(migrate)


def test_an_overlay_has_all_components_and_changes_what_is_its_own() -> None:
    built = kustomize("overlays/example")
    check_schemas(built)
    assert {it["metadata"]["namespace"] for it in built} == {"wallet"}
    everything = manifests.render(*ALL, "serve.autoscaling.queuedOperations=200")
    expected = {key for key in by_name(everything) if "migrate" not in key[1]}
    assert set(by_name(built)) == expected
    for workload in of_kind(built, "Deployment"):
        (container,) = pod_of(workload)["containers"]
        assert container["image"] == "registry.example/wallet:0.1.0"
    (ours,) = of_kind(built, "HorizontalPodAutoscaler", "wallet-serve")
    (helms,) = of_kind(everything, "HorizontalPodAutoscaler", "wallet-serve")
    assert ours["spec"]["metrics"] == helms["spec"]["metrics"]
    assert ours["spec"]["maxReplicas"] == 12
