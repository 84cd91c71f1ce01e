"""Who may connect to whom, by the NetworkPolicies of all charts together: read here, for few clusters enforce them."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from tests.charts.rendering import CHARTS, DEFAULTS, render

Labels = dict[str, str]
WORKFLOW = {"workflows.argoproj.io/workflow": "stocks-ingest-x", "app.kubernetes.io/name": "stocks"}
PORTS = {
    "postgres": ("postgres", 5432),
    "rustfs": ("s3", 9000),
    "sample-api": ("http", 8089),
    "dashboard": ("http", 8501),
}


@cache
def everything() -> list[dict[str, Any]]:
    values = {**DEFAULTS, "stocks": CHARTS / "stocks/ci/sample-api-values.yaml"}
    return [each for path in values.values() for each in render(path)]


def labels_of(pod: str) -> Labels:
    """Of a pod that a chart makes, by the name of what makes it."""
    if pod in {"workflow", "stranger"}:
        return WORKFLOW if pod == "workflow" else {}
    (maker,) = [
        each
        for each in everything()
        if each["metadata"]["name"] == pod and each["kind"] in {"Pod", "Job", "Deployment", "StatefulSet"}
    ]
    labels: Labels = (maker if maker["kind"] == "Pod" else maker["spec"]["template"])["metadata"]["labels"]
    return labels


def selects(selector: dict[str, Any], labels: Labels) -> bool:
    def holds(rule: dict[str, Any]) -> bool:
        value = labels.get(rule["key"])
        return {
            "Exists": value is not None,
            "In": value in rule.get("values", []),
            "NotIn": value not in rule.get("values", []),
        }[rule["operator"]]

    wanted = selector.get("matchLabels", {}).items()
    return wanted <= labels.items() and all(holds(rule) for rule in selector.get("matchExpressions", []))


def lets_through(direction: str, of: Labels, other: Labels, port: tuple[str, int]) -> bool:
    """Whether a pod's policies let through what comes from (Ingress), or goes to (Egress), a pod of its namespace."""
    policies = [each["spec"] for each in everything() if each["kind"] == "NetworkPolicy"]
    own = [each for each in policies if direction in each["policyTypes"] and selects(each["podSelector"], of)]
    rules = [rule for policy in own for rule in policy.get(direction.lower()) or []]
    peers = {"Ingress": "from", "Egress": "to"}[direction]
    return not own or any(
        any("namespaceSelector" not in peer and selects(peer["podSelector"], other) for peer in rule.get(peers, []))
        and ("ports" not in rule or any(each["port"] in port for each in rule["ports"]))
        for rule in rules
    )


def connects(client: str, server: str) -> bool:
    there, port = labels_of(server), PORTS[server]
    return lets_through("Egress", labels_of(client), there, port) and lets_through(
        "Ingress", there, labels_of(client), port
    )


@pytest.mark.parametrize(
    ("client", "servers"),
    [
        ("workflow", {"postgres", "rustfs", "sample-api"}),
        ("stocks-warehouse", {"postgres", "rustfs"}),
        ("stocks-store", {"postgres", "rustfs"}),
        ("stocks-test-doctor", {"postgres", "rustfs", "sample-api"}),
        ("stocks-test-rights", {"postgres", "rustfs", "sample-api"}),
        ("dashboard", {"postgres"}),
        ("dashboard-test-page", {"postgres", "dashboard"}),
        ("postgres-test-login", {"postgres"}),
        ("rustfs-test-ready", {"rustfs"}),
        ("postgres", set()),
        ("rustfs", set()),
        ("sample-api", set()),
        ("stranger", set()),
    ],
)
def test_a_pod_reaches_what_it_uses_and_nothing_else(client: str, servers: set[str]) -> None:
    assert {server for server in PORTS if connects(client, server)} == servers


def test_workflows_alone_leave_the_namespace() -> None:
    """To the provider and to the Kubernetes API; everybody else only asks the DNS."""
    leaving = {
        each["metadata"]["name"]: [port["port"] for port in rule["ports"]]
        for each in everything()
        if each["kind"] == "NetworkPolicy"
        for rule in each["spec"].get("egress", [])
        if rule.get("to") != [{"podSelector": {}}]
    }
    assert leaving == {"default-deny": [53, 53], "stocks-workflows": [443, 6443]}
