"""Templates whose pods have twins without a pod: the same command line, given to the worker beside Argo's agent.

A twin is a template of type `plugin`: a node of its own, with the retries, the parameters and the keys in the artifact
store of the pod that it stands for. What the worker makes of it is in `argodbt.worker`. A pod's semaphore is not its
twin's: the worker runs a few nodes at a time, and the controller asks for a semaphore's limit for each node that waits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hera.workflows import ConfigMapEnv, SecretEnv, WorkflowTemplate

from argodbt.manifest import amount
from argodbt.worker.node import PLUGIN
from argodbt.worker.node import SCRATCH as OWN_FOLDER
from argodbt.worker.server import PORT

SCRATCH = "/tmp"  # noqa: S108 -- the one place where a container may write: its root is read-only
Variable = SecretEnv | ConfigMapEnv
_NO_ANSWER = "lastRetry.exitCode == '-1'"
"""Argo's agent could not ask the worker: it had not come up, or was taken away."""
# As the pods' logs: the chart's artifact repository has the same keyFormat.
_LOGS = "/".join(f"{{{{workflow.{part}}}}}" for part in (*(f"creationTimestamp.{unit}" for unit in "Ymd"), "name"))


@dataclass(kw_only=True)
class WarmTemplate(WorkflowTemplate):
    """A WorkflowTemplate with a worker, and twins of some of its containers."""

    kind: str = "WorkflowTemplate"
    twins: Sequence[str] = field(default_factory=list)
    """Names of the containers that have one; without any there is no worker."""
    artifacts: Sequence[Variable] = field(default_factory=list)
    """The variables of the artifact store, which the worker alone has."""
    at_once: int = 4
    """How many nodes the worker runs at a time."""

    def to_dict(self) -> Any:
        """The manifest; Hera knows neither plugin templates nor workers."""
        made = super().to_dict()
        spec = made["spec"]
        pods = [template for template in spec["templates"] if template["name"] in self.twins]
        if not pods:
            return made
        spec["templates"] += [_twin(pod) for pod in pods]
        worker = self._worker([pod["container"] for pod in pods])
        spec["executorPlugins"] = [{"metadata": {"name": PLUGIN}, "spec": {"sidecar": {"container": worker}}}]
        # The agent's pod has none of the workflow's volumes; to the other pods this says nothing new.
        spec["podSpecPatch"] = json.dumps({"volumes": spec["volumes"]})
        return made

    def _worker(self, pods: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The sidecar: it has the settings, secrets and rights of the pods that it stands for, and no more."""
        artifacts = [variable.build().model_dump(exclude_none=True, by_alias=True) for variable in self.artifacts]
        env = {variable["name"]: variable for pod in pods for variable in pod.get("env", [])}
        return {
            **pods[0],
            "name": PLUGIN,
            "args": ["worker", f"--at-once={self.at_once}"],
            "env": [*env.values(), *artifacts],
            "ports": [{"containerPort": PORT}],
            "resources": {
                "requests": {"cpu": "100m", "memory": _largest(pods, "requests")},
                "limits": {"memory": _largest(pods, "limits")},
            },
        }


def twin_of(name: str) -> str:
    """The name of a container's twin."""
    return f"warm-{name}"


def _twin(template: Mapping[str, Any]) -> dict[str, Any]:
    container = template["container"]
    inputs, outputs = template.get("inputs", {}), template.get("outputs", {})
    given = {
        "node": "{{node.name}}",
        "try": "{{retries}}",
        "args": [word.replace(f"{SCRATCH}/", f"{OWN_FOLDER}/") for word in container["args"]],
        "seconds": template["activeDeadlineSeconds"],
        "inputs": [_file(artifact) for artifact in inputs.get("artifacts", [])],
        "outputs": [_file(artifact) for artifact in outputs.get("artifacts", [])],
        "results": {each["name"]: _own(each["valueFrom"]["path"]) for each in outputs.get("parameters", [])},
        "logs": _LOGS,
    }
    retry = template["retryStrategy"]
    parameters = [{"name": each["name"], "valueFrom": {"supplied": {}}} for each in outputs.get("parameters", [])]
    return {
        "name": twin_of(template["name"]),
        "plugin": {PLUGIN: {key: value for key, value in given.items() if value}},
        "retryStrategy": {**retry, "expression": f"{retry['expression']} || {_NO_ANSWER}"},
        **({"inputs": {"parameters": inputs["parameters"]}} if inputs.get("parameters") else {}),
        **({"outputs": {"parameters": parameters}} if parameters else {}),
    }


def _largest(pods: Sequence[Mapping[str, Any]], kind: str) -> str:
    return max((str(pod["resources"][kind]["memory"]) for pod in pods), key=amount)


def _file(artifact: Mapping[str, Any]) -> dict[str, Any]:
    optional = {"optional": True} if artifact.get("optional") else {}
    return {"path": _own(artifact["path"]), "key": artifact["s3"]["key"], **optional}


def _own(path: str) -> str:
    return path.replace(f"{SCRATCH}/", f"{OWN_FOLDER}/")
