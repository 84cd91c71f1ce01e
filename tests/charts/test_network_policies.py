"""Who may connect to whom, by the NetworkPolicies of all charts together: read here, for few clusters enforce them."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from tests.charts.rendering import CHARTS, render

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
    return render(CHARTS / "stocks/ci/sample-api-values.yaml")


def labels_of(pod: str) -> Labels:
    """Of a pod that a chart makes, by the name of what makes it."""
    if pod in {"workflow", "stranger"}:
        return WORKFLOW if pod == "workflow" else {}
    (maker,) = [
        each
        for each in everything()
        if each["metadata"]["name"] == pod and each["kind"] in {"Pod", "Job", "CronJob", "Deployment", "StatefulSet"}
    ]
    if maker["kind"] == "CronJob":
        maker = maker["spec"]["jobTemplate"]
    labels: Labels = (maker if maker.get("kind") == "Pod" else maker["spec"]["template"])["metadata"]["labels"]
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
        ("stocks-backup", {"postgres", "rustfs"}),
        ("stocks-restore", {"postgres", "rustfs"}),
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


def leaving(scenario: str) -> dict[str, list[tuple[str, Any]]]:
    """The rules of a scenario by which pods leave the namespace, by policy: ports, and whom they lead to."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for each in render(CHARTS / f"stocks/ci/{scenario}-values.yaml"):
        if each["kind"] == "NetworkPolicy":
            for rule in each["spec"].get("egress", []):
                if rule.get("to") != [{"podSelector": {}}]:
                    ports = ",".join(str(port["port"]) for port in rule["ports"])
                    found.setdefault(each["metadata"]["name"], []).append((ports, rule.get("to")))
    return found


def test_workflows_alone_leave_the_namespace() -> None:
    """To the provider and to the Kubernetes API; everybody else only asks the DNS."""
    rules = leaving("default")
    assert [ports for ports, _ in rules.pop("default-deny")] == ["53,53"]
    assert rules == {"stocks-workflows": [("443", None), ("443", None), ("6443", None)]}


def test_what_is_elsewhere_is_reached_by_those_that_use_it_and_nothing_else() -> None:
    rules = leaving("cloud")
    warehouse, store, kubernetes = (
        [{"ipBlock": {"cidr": cidr}}] for cidr in ("10.20.0.0/16", "3.5.136.0/22", "10.10.0.0/24")
    )
    del rules["default-deny"]
    provider: tuple[str, Any] = ("443", None)
    assert rules == {
        "stocks-clients": [("5432", warehouse)],
        "stocks-outside": [("443", store), provider],
        "stocks-workflows": [
            *(("5432", warehouse), ("443", store), provider),
            *(("443", kubernetes), ("6443", kubernetes)),
        ],
    }
    assert [port for port, _ in leaving("elsewhere")["stocks-outside"]] == ["9000"]
