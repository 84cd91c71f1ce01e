"""Starts workflows and waits for them."""

from __future__ import annotations

import time
from typing import Any

from kubernetes import client

NAMESPACE = "stocks"
_ARGO = ("argoproj.io", "v1alpha1", NAMESPACE)
_PATIENCE = 900  # seconds

Workflow = dict[str, Any]


class Platform:
    """The namespace with the workflows."""

    def __init__(self) -> None:
        self._objects = client.CustomObjectsApi()
        self.pods = client.CoreV1Api()

    def run(self, template: str, **parameters: str) -> Workflow:
        """Starts a workflow from a template, and gives it as it ended."""
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
        made = self._objects.create_namespaced_custom_object(*_ARGO, "workflows", body)
        return self.wait(made["metadata"]["name"])

    def wait(self, name: str) -> Workflow:
        """The workflow as it ended."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            workflow: Workflow = self._objects.get_namespaced_custom_object(*_ARGO, "workflows", name)
            if workflow.get("status", {}).get("phase") in {"Succeeded", "Failed", "Error"}:
                return workflow
            time.sleep(1)
        raise AssertionError(f"{name} has not ended: argo -n {NAMESPACE} get {name}")


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
