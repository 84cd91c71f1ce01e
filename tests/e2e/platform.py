"""Installs the platform, starts workflows and waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kubernetes import client
from tools.cluster.command import run
from tools.cluster.options import NAMESPACE
from tools.cluster.releases import CHART, NAME, TIMEOUT

_ARGO = ("argoproj.io", "v1alpha1", NAMESPACE)
_PATIENCE = 900  # seconds

Workflow = dict[str, Any]


def source() -> str | None:
    """Where the platform in the cluster takes prices from; None where it is not installed."""
    try:
        settings = client.CoreV1Api().read_namespaced_config_map("stocks-settings", NAMESPACE)
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise
    return str(settings.data["STOCKS_SOURCE"])


def install() -> None:
    """Installs the chart of this checkout, or brings what is installed to it, with the sample's server.

    A release keeps the values that it has.
    """
    upgrade = ["helm", "upgrade", "--install", NAME, str(CHART), "--values", str(CHART / "ci/sample-api-values.yaml")]
    place = ["--namespace", NAMESPACE, "--create-namespace"]
    run([*upgrade, *place, "--reset-then-reuse-values", "--wait", "--timeout", TIMEOUT])


class Platform:
    """The namespace with the workflows."""

    def __init__(self) -> None:
        self._objects = client.CustomObjectsApi()
        self.pods = client.CoreV1Api()

    def run(self, template: str, **parameters: str) -> Workflow:
        """Starts a workflow from a template, and gives it as it ended."""
        return self.wait(self.start(template, **parameters))

    def start(self, template: str, **parameters: str) -> str:
        """Starts a workflow from a template; gives its name."""
        given = [{"name": name.replace("_", "-"), "value": value} for name, value in parameters.items()]
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"generateName": f"e2e-{template}-"},
            "spec": {
                "workflowTemplateRef": {"name": template},
                "arguments": {"parameters": given},
                "podGC": {"strategy": "OnWorkflowCompletion", "deleteDelayDuration": "900s"},
            },
        }
        return self.create(body)

    def create(self, body: Workflow) -> str:
        """Starts a workflow; gives its name."""
        made = self._objects.create_namespaced_custom_object(*_ARGO, "workflows", body)
        return str(made["metadata"]["name"])

    def template(self, name: str) -> Workflow:
        """A WorkflowTemplate."""
        found: Workflow = self._objects.get_namespaced_custom_object(*_ARGO, "workflowtemplates", name)
        return found

    def wait(self, name: str) -> Workflow:
        """The workflow as it ended."""
        ends = {"Succeeded", "Failed", "Error"}
        return self.until(name, lambda workflow: workflow.get("status", {}).get("phase") in ends)

    def until(self, name: str, holds: Callable[[Workflow], bool]) -> Workflow:
        """The workflow, once something holds of it."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            workflow: Workflow = self._objects.get_namespaced_custom_object(*_ARGO, "workflows", name)
            if holds(workflow):
                return workflow
            time.sleep(0.5)
        raise AssertionError(f"{name} has not come so far: argo -n {NAMESPACE} get {name}")


def output(workflow: Workflow, step: str, name: str) -> str:
    """An output parameter of a step."""
    (found,) = {
        parameter["value"]
        for node in workflow["status"]["nodes"].values()
        if node["displayName"] == step
        for parameter in node.get("outputs", {}).get("parameters", [])
        if parameter["name"] == name
    }
    return str(found)
