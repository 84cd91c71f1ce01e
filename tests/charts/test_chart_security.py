"""Nothing runs with more rights than it needs, and no password is one that others could know."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from tests.charts.pod_security import violations
from tests.charts.rendering import (
    CHARTS,
    DEFAULTS,
    NAMES,
    SCENARIOS,
    chart_of,
    containers,
    named,
    pods,
    render,
    scenario_id,
    template,
)

every_scenario = pytest.mark.parametrize("values", SCENARIOS, ids=scenario_id)
GOOD: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {"name": "c", "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
    ],
}


@every_scenario
def test_pod_security_restricted_admits_every_pod(values: Path) -> None:
    for name, pod in pods(render(values)).items():
        assert violations(pod) == [], name


@pytest.mark.parametrize(
    ("changes", "own", "found"),
    [
        ({}, {}, []),
        ({"hostNetwork": True}, {}, ["hostNetwork"]),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, {}, ["volume hostPath"]),
        ({"securityContext": {"runAsNonRoot": True}}, {}, ["c: seccompProfile"]),
        ({}, {"allowPrivilegeEscalation": None}, ["c: allowPrivilegeEscalation"]),
        ({}, {"runAsUser": 0}, ["c: runAsUser"]),
        ({}, {"runAsNonRoot": False}, ["c: runAsNonRoot"]),
        ({}, {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}, ["c: capabilities.add"]),
        ({}, {"capabilities": {}}, ["c: capabilities.drop"]),
    ],
)
def test_the_check_of_pod_security_finds(changes: dict[str, Any], own: dict[str, Any], found: list[str]) -> None:
    container = {**GOOD["containers"][0], "securityContext": {**GOOD["containers"][0]["securityContext"], **own}}
    assert violations({**GOOD, "containers": [container], **changes}) == found


@every_scenario
def test_every_container_is_bounded(values: Path) -> None:
    for name, pod in pods(render(values)).items():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsUser"] >= 999, name
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name
            assert re.search(r":[\w.-]+$", container["image"]), name
            assert not container["image"].endswith(":latest"), name


@every_scenario
def test_every_server_has_its_three_probes(values: Path) -> None:
    for name, pod in pods(render(values)).items():
        if name.startswith(("Deployment/", "StatefulSet/")):
            for container in pod["containers"]:
                assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), name


@pytest.mark.parametrize("chart", NAMES)
def test_every_server_has_a_network_policy(chart: str) -> None:
    for values in SCENARIOS:
        if chart_of(values) != chart:
            continue
        objects = render(values)
        policies = [each["spec"]["podSelector"] for each in objects if each["kind"] == "NetworkPolicy"]
        servers = [each for each in objects if each["kind"] in {"Deployment", "StatefulSet"}]
        is_on = policies != []
        for server in servers:
            labels = server["spec"]["template"]["metadata"]["labels"].items()
            own = [p["matchLabels"] for p in policies if p.keys() == {"matchLabels"}]
            selecting = [each for each in own if each.items() <= labels]
            assert len(selecting) == int(is_on), values


def secrets(objects: list[dict[str, Any]]) -> dict[str, str]:
    return {
        f"{each['metadata']['name']}/{key}": base64.b64decode(value).decode()
        for each in objects
        if each["kind"] == "Secret"
        for key, value in each.get("data", {}).items()
    }


@pytest.mark.parametrize("chart", ["postgres", "rustfs", "stocks"])
def test_passwords_are_random(chart: str) -> None:
    once = secrets(render(DEFAULTS[chart]))
    again = secrets(render(DEFAULTS[chart], "--description", "again"))
    same = {name for name in once if once[name] == again[name]}
    names = {"rustfs-root/access-key"}
    assert same == {"postgres": set(), "rustfs": names}.get(
        chart, names | {f"{name}-writer/AWS_ACCESS_KEY_ID" for name in ("backup", "bronze")} | {"rustfs-argo/accesskey"}
    )
    assert all(len(once[name]) >= 32 for name in once if name not in same)


@pytest.mark.parametrize("chart", ["postgres", "rustfs"])
def test_what_opens_a_volume_stays_as_long_as_it(chart: str) -> None:
    (secret,) = [each for each in render(DEFAULTS[chart]) if each["kind"] == "Secret"]
    assert secret["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    claims = named(render(DEFAULTS[chart]), "StatefulSet", chart)["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert claims == {"whenDeleted": "Retain", "whenScaled": "Retain"}


@pytest.mark.parametrize(
    ("chart", "values"),
    [
        ("postgres", ["auth.password="]),
        ("postgres", ["auth.password=postgres"]),
        ("postgres", ["auth.password=postgrespostgres"]),
        ("postgres", ["image.tag=19.0"]),
        ("postgres", ["image.tag=latest"]),
        ("rustfs", ["auth.secretKey="]),
        ("rustfs", ["auth.secretKey=rustfsadmin"]),
        ("rustfs", ["auth.accessKey=rustfsadmin"]),
        ("rustfs", ["auth.accessKey="]),
        ("rustfs", ["extraEnv[0].name=RUSTFS_SECRET_KEY"]),
        ("stocks", ["source=alphavantage"]),
        ("stocks", ["source=tiingo"]),
        ("stocks", ["source=alphavantage", "provider.apiKeys.ALPHAVANTAGE_API_KEY="]),
        ("stocks", ["source=alphavantage", "provider.apiKeys.ALPHAVANTAGE_API_KEY=demo"]),
        ("stocks", ["provider.apiKeys.TIINGO_API_KEY=ABCDEF0123456789", "provider.existingSecret=true"]),
        ("dashboard", ["warehouse.existingSecret="]),
        ("dashboard", ["extraEnv[0].name=STOCKS_WAREHOUSE_URL"]),
    ],
)
def test_empty_and_default_credentials_are_refused(chart: str, values: list[str]) -> None:
    refused = template(chart, DEFAULTS[chart], *(f"--set={value}" for value in values))
    assert refused.returncode != 0
    assert re.search(r"password|tag|[kK]ey|existingSecret|name", refused.stderr), refused.stderr


@pytest.mark.parametrize("chart", NAMES)
def test_a_secret_of_ones_own_is_used_in_place_of_the_charts(chart: str) -> None:
    scenario = "replicas" if chart == "dashboard" else "existing"
    objects = render(CHARTS / chart / f"ci/{scenario}-values.yaml")
    assert secrets(objects) == {}


def test_rights_in_the_cluster_are_these_and_no_more() -> None:
    objects = render(DEFAULTS["stocks"])
    results = {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    start = {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create"]}
    assert named(objects, "Role", "stocks-workflow")["rules"] == [results]
    assert named(objects, "Role", "stocks-commit")["rules"] == [results, start]
    looks = named(objects, "Role", "stocks-argo-ui")["rules"]
    assert {verb for rule in looks for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert "secrets" not in {resource for rule in looks for resource in rule["resources"]}
    assert not [each for each in objects if each["kind"].startswith("Cluster")]
    tokens = {
        e["metadata"]["name"]: e["automountServiceAccountToken"] for e in objects if e["kind"] == "ServiceAccount"
    }
    assert tokens == {"stocks-workflow": True, "stocks-commit": True, "stocks-argo-ui": False}


@every_scenario
def test_what_a_secret_holds_stands_in_no_other_object(values: Path) -> None:
    """Not in a workflow, a ConfigMap, a command line or an annotation."""
    objects = render(values)
    # Names of logins are no secrets.
    held = {value for name, value in secrets(objects).items() if not re.search("access-?key$|ACCESS_KEY_ID$", name)}
    passwords = {unquote(urlsplit(value).password or "") for value in held if "://" in value} - {""}
    others = yaml.safe_dump_all([each for each in objects if each["kind"] != "Secret"], width=10_000)
    assert [secret for secret in held | passwords if secret in others] == []
