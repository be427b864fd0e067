"""The chart's network policies: who may reach what. Kubernetes was not asked whether it holds to them."""

import pytest
from support.resources import ALL, Resource, component, labels_of_pod, of_kind, ports, workloads

from tools import manifests

pytestmark = pytest.mark.usefixtures("helm")


@pytest.fixture(scope="module")
def everything() -> list[Resource]:
    return manifests.render(*ALL)


def test_policies_let_in_what_is_served_and_nothing_else(everything: list[Resource]) -> None:
    policies = {component(policy): policy["spec"] for policy in of_kind(everything, "NetworkPolicy")}
    assert set(policies) == {component(workload) for workload in workloads(everything)}
    for workload in workloads(everything):
        policy = policies[component(workload)]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert policy["podSelector"]["matchLabels"].items() <= labels_of_pod(workload).items()
        let_in = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
        assert let_in == set(ports(workload).values())
        assert all(rule["from"] for rule in policy["ingress"])


def test_an_empty_list_lets_nobody_in() -> None:
    nobody = [f"networkPolicy.{who}=[]" for who in ("grpcFrom", "httpFrom", "metricsFrom")]
    policies = {component(it): it["spec"] for it in of_kind(manifests.render(*ALL, *nobody), "NetworkPolicy")}
    let_in = {name: policy["ingress"] for name, policy in policies.items() if policy["ingress"]}
    assert set(let_in) == {"serve", "consume"}, "which their own console and gateway ask"
    own = {"console", "gateway"}
    for rules in let_in.values():
        for rule in rules:
            assert {it["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for it in rule["from"]} <= own
            assert rule["from"]


def test_the_console_reaches_the_metrics_that_it_draws(everything: list[Resource]) -> None:
    policies = {component(it): it["spec"] for it in of_kind(everything, "NetworkPolicy")}
    pods = {component(it): labels_of_pod(it) for it in workloads(everything)}
    for shown in ("serve", "consume"):
        assert is_named(policies["console"]["egress"], "to", 9464, pods[shown])
        assert is_named(policies[shown]["ingress"], "from", 9464, pods["console"])
    assert not is_named(policies["console"]["egress"], "to", 9464, pods["api"])


def is_named(rules: list[Resource], whom: str, port: int, pod: dict[str, str]) -> bool:
    """Whether a rule for this port names this pod."""
    return any(
        peer.get("podSelector", {}).get("matchLabels", {"": ""}).items() <= pod.items()
        for rule in rules
        if port in {it["port"] for it in rule["ports"]}
        for peer in rule.get(whom, [])
    )
