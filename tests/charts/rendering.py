"""Charts as a cluster would get them; and where helm and kubeconform are."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHARTS = ROOT / "charts"
NAMES = sorted(chart.parent.name for chart in CHARTS.glob("*/Chart.yaml"))
SCENARIOS = sorted(CHARTS.glob("*/ci/*-values.yaml"))
KUBERNETES = "1.34.0"
PARTS = ("dashboard", "postgres", "rustfs")
"""The charts that the chart stocks brings along."""
DEFAULTS = {name: CHARTS / name / "ci" / "default-values.yaml" for name in NAMES}


def scenario_id(values: Path) -> str:
    """chart-scenario."""
    return f"{chart_of(values)}-{values.name.removesuffix('-values.yaml')}"


def chart_of(values: Path) -> str:
    """The chart that a scenario belongs to."""
    return values.parents[1].name


def tool(name: str) -> str:
    """A program on the PATH, or in the folder K8S_BIN; skips the test where there is none."""
    found = shutil.which(name) or shutil.which(name, path=os.environ.get("K8S_BIN", "/opt/k8s/bin"))
    if found is None:
        pytest.skip(f"{name} is not installed: put it on the PATH, or name its folder in K8S_BIN")
    return found


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool("helm"), *arguments], capture_output=True, text=True, check=False)


def template(
    chart: str, values: Path, *more: str, release: str = "", namespace: str = "stocks"
) -> subprocess.CompletedProcess[str]:
    """`helm template`, in the release and namespace that `make up` uses where none are named."""
    place = ["--namespace", namespace, "--kube-version", KUBERNETES]
    return helm("template", release or chart, str(CHARTS / chart), *place, "--values", str(values), *more)


@cache
def render(values: Path, *more: str, **place: str) -> list[dict[str, Any]]:
    """The objects that a scenario makes."""
    rendered = template(chart_of(values), values, *more, **place)
    assert rendered.returncode == 0, rendered.stderr
    return [each for each in yaml.safe_load_all(rendered.stdout) if each]


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The pod specs in them, by kind and name."""
    found = {}
    for each in objects:
        name = f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] == "Pod":
            found[name] = each["spec"]
        elif each["kind"] == "CronJob":
            found[name] = each["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        elif "template" in each.get("spec", {}):
            found[name] = each["spec"]["template"]["spec"]
    return found


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def workflows(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Argo's objects in them, by name."""
    return {each["metadata"]["name"]: each for each in objects if each["apiVersion"].startswith("argoproj.io/")}


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    """The containers of a WorkflowTemplate, its worker's among them."""
    spec = workflow["spec"]
    found = [each["container"] for each in spec.get("templates", []) if "container" in each]
    return found + [each["spec"]["sidecar"]["container"] for each in spec.get("executorPlugins", [])]


def named(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The one object of that kind and name."""
    (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found
