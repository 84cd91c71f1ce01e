"""Argo's objects by the Kubernetes API; what fails is told in the pipeline's own errors."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from stocks.errors import ClusterUnavailable, ConfigError

NAMESPACE = "stocks"
GOLD_TEMPLATE = "stocks-gold"

_ARGO = ("argoproj.io", "v1alpha1")
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_CONFLICT = 409
_NEWEST = 10
_LABEL = "workflows.argoproj.io/"
_BAD = ("Failed", "Error")
_CONTROLLER = re.compile(r"(?:^|/)workflow-controller(?::v?(?P<version>[\w.-]+))?(?:@|$)")
"""The image of Argo's controller: it is called so in Argo's own manifest and in its chart alike."""
_NODES = "stocks/nodes"
"""The annotation in which the chart says what workflows run their steps in."""
_ALLOWANCE = {"name": "ARGO_WORKFLOW_LEVEL_EXECUTOR_PLUGINS", "value": "true"}


class CustomObjects(Protocol):
    """What is used of `kubernetes.client.CustomObjectsApi`."""

    def create_namespaced_custom_object(
        self, group: str, version: str, namespace: str, plural: str, body: dict[str, Any]
    ) -> Any:
        """Creates an object."""

    def list_namespaced_custom_object(self, group: str, version: str, namespace: str, plural: str) -> Any:
        """The objects of a kind."""

    def list_cluster_custom_object(self, group: str, version: str, plural: str) -> Any:
        """The objects of a kind in all namespaces."""


@dataclass(frozen=True, kw_only=True)
class Controller:
    """Argo's controller that works for a namespace."""

    namespace: str
    """Where it runs."""
    version: str
    """By its image's tag; empty where that is none."""
    is_up: bool
    allows_warm_nodes: bool
    """Whether it runs nodes without pods."""


@dataclass(frozen=True, kw_only=True)
class NodeFailure:
    """A step of a workflow that failed, with a pod or without."""

    name: str
    """Argo's name of the node, without the workflow's."""
    exit_code: str
    """Empty where it never came to run."""
    message: str
    log: str
    """Its log's key in the artifact store; empty where there is none."""


@dataclass(frozen=True, kw_only=True)
class WorkflowState:
    """How a workflow is."""

    name: str
    template: str
    phase: str
    """Pending, Running, Succeeded, Failed or Error."""
    progress: str
    """Pods done of all, as 3/5."""
    started_at: datetime | None
    finished_at: datetime | None
    message: str
    failures: tuple[NodeFailure, ...] = ()
    """The last tries of steps that failed."""

    @property
    def is_failed(self) -> bool:
        """Whether it ended badly."""
        return self.phase in _BAD

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it works."""
        return (self.finished_at - self.started_at).total_seconds() if self.started_at and self.finished_at else None


@dataclass(frozen=True, kw_only=True)
class CronState:
    """What a CronWorkflow will do."""

    name: str
    schedules: tuple[str, ...]
    timezone: str
    is_suspended: bool
    last_at: datetime | None
    conditions: tuple[str, ...]
    """What Argo has against it."""

    def next_at(self, now: datetime) -> datetime | None:
        """When it starts next, after a moment (aware), in its own zone; None while it is suspended."""
        from cronsim import CronSim

        if self.is_suspended:
            return None
        here = now.astimezone(ZoneInfo(self.timezone or "UTC"))
        starts = [start for text in self.schedules if (start := next(CronSim(text, here), None))]
        return min(starts, default=None)


class Cluster:
    """A namespace with the platform in it.

    Args:
        objects: The API of custom objects.
        namespace: Where the workflows are.
    """

    def __init__(self, objects: CustomObjects, namespace: str = NAMESPACE) -> None:
        self._objects = objects
        self.namespace = namespace

    @classmethod
    def connect(cls, namespace: str = "") -> Cluster:
        """The cluster that this pod runs in, else the one that kubectl talks to.

        Args:
            namespace: Where the workflows are; the pod's own, or that of kubectl's context, where empty.

        Raises:
            ConfigError: There is neither, or the `kubernetes` client is not installed.
        """
        try:
            from kubernetes import client, config
        except ImportError as error:
            raise ConfigError(
                "The Kubernetes client is not installed.", hint="Install the extra: pip install 'stocks[cluster]'."
            ) from error
        try:
            config.load_incluster_config()
            namespace = namespace or _OWN_NAMESPACE.read_text().strip()
        except config.ConfigException:
            try:
                config.load_kube_config()
                _, context = config.list_kube_config_contexts()
                namespace = namespace or context["context"].get("namespace") or NAMESPACE
            except config.ConfigException as error:
                raise ConfigError(
                    f"kubectl's configuration names no cluster: {error}.",
                    hint="`make up` makes one; `kubectl config get-contexts` lists those that there are.",
                ) from error
        return cls(client.CustomObjectsApi(), namespace)

    def start_gold(self, run_id: uuid.UUID) -> str:
        """Starts the workflow that builds gold; gives its name. A repeated call starts no second one.

        Args:
            run_id: The run whose changes gold shall see.
        """
        name = f"{GOLD_TEMPLATE}-{run_id.hex[:10]}"
        body = {
            "apiVersion": "/".join(_ARGO),
            "kind": "Workflow",
            "metadata": {"name": name, "labels": {"stocks/started-by": str(run_id)}},
            "spec": {"workflowTemplateRef": {"name": GOLD_TEMPLATE}},
        }
        with _faults("create workflows", allowed=_CONFLICT):
            self._objects.create_namespaced_custom_object(*_ARGO, self.namespace, "workflows", body)
        return name

    def workflows(self) -> list[WorkflowState]:
        """The workflows that are still there, the newest first."""
        found = [_workflow(item) for item in self._items("workflows")]
        earliest = datetime.min.replace(tzinfo=UTC)
        return sorted(found, key=lambda state: state.started_at or earliest, reverse=True)[:_NEWEST]

    def crons(self) -> list[CronState]:
        """The schedules."""
        return [_cron(item) for item in self._items("cronworkflows")]

    def templates(self) -> list[str]:
        """The names of the WorkflowTemplates."""
        return sorted(item["metadata"]["name"] for item in self._items("workflowtemplates"))

    def controllers(self) -> list[Controller] | None:
        """Argo's controllers that work for this namespace; None where other namespaces can't be seen."""
        from kubernetes.client.exceptions import ApiException

        try:
            answer = self._objects.list_cluster_custom_object("apps", "v1", "deployments")
        except ApiException as error:
            if error.status in (403, 404):
                return None
            with _faults("list deployments"):
                raise
        found = (_controller(item, self.namespace) for item in answer["items"])
        return [each for each in found if each is not None]

    def nodes(self) -> str:
        """What workflows run their steps in where they are not told: pod or warm, as the chart's value says."""
        said = (each["metadata"].get("annotations", {}).get(_NODES) for each in self._items("workflowtemplates"))
        return next(filter(None, said), "pod")

    def _items(self, plural: str) -> list[dict[str, Any]]:
        with _faults(f"list {plural}"):
            answer = self._objects.list_namespaced_custom_object(*_ARGO, self.namespace, plural)
            items: list[dict[str, Any]] = answer["items"]
            return items
        return []


@contextlib.contextmanager
def _faults(deed: str, *, allowed: int | None = None) -> Iterator[None]:
    """Turns faults of the Kubernetes API into the pipeline's."""
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        status = int(error.status or 0)
        if status == allowed:
            return
        if status in {0, 408, 429} or status >= 500:
            raise ClusterUnavailable(f"The cluster can't {deed} now: {status} {error.reason}.") from error
        hint = "Is Argo installed there, and is it the right context? `kubectl config current-context` says which."
        raise ConfigError(f"The cluster refuses to {deed}: {status} {error.reason}.", hint=hint) from error
    except HTTPError as error:
        raise ClusterUnavailable(
            f"The cluster can't be reached: {type(error).__name__}.", hint="Is it up? `make up` brings it there."
        ) from error


def _workflow(item: dict[str, Any]) -> WorkflowState:
    status, labels = item.get("status", {}), item["metadata"].get("labels", {})
    reference = item["spec"].get("workflowTemplateRef", {})
    return WorkflowState(
        name=item["metadata"]["name"],
        template=reference.get("name") or labels.get(_LABEL + "workflow-template", ""),
        phase=status.get("phase") or "Pending",
        progress=status.get("progress", ""),
        started_at=_moment(status.get("startedAt") or item["metadata"].get("creationTimestamp")),
        finished_at=_moment(status.get("finishedAt")),
        message=status.get("message", ""),
        failures=tuple(_failures(item["metadata"]["name"], status)),
    )


def _failures(workflow: str, status: dict[str, Any]) -> Iterator[NodeFailure]:
    nodes = status.get("nodes") or {}
    if packed := status.get("compressedNodes"):  # what is larger than an object may be
        nodes = json.loads(gzip.decompress(base64.b64decode(packed)))
    for retried in nodes.values():
        # Of a step that was tried again the last try says why.
        if retried["type"] == "Retry" and retried["phase"] in _BAD and (children := retried.get("children")):
            last = nodes.get(children[-1], retried)
            outputs = last.get("outputs") or {}
            logs = [each["s3"]["key"] for each in outputs.get("artifacts", []) if each["name"] == "main-logs"]
            yield NodeFailure(
                name=last["name"].removeprefix(f"{workflow}."),
                exit_code=outputs.get("exitCode", ""),
                message=last.get("message", ""),
                log=logs[0] if logs else "",
            )


def _controller(item: dict[str, Any], namespace: str) -> Controller | None:
    """A deployment as Argo's controller for a namespace; None where it is something else, or works for others."""
    own = str(item["metadata"]["namespace"])
    for container in item["spec"]["template"]["spec"]["containers"]:
        if image := _CONTROLLER.search(container.get("image", "")):
            arguments = " ".join(container.get("args", []))
            managed = re.search(r"--managed-namespace[ =](\S+)", arguments)
            if "--namespaced" in arguments and namespace != (managed[1] if managed else own):
                return None
            return Controller(
                namespace=own,
                version=image["version"] or "",
                is_up=bool(item.get("status", {}).get("availableReplicas")),
                allows_warm_nodes=_ALLOWANCE in container.get("env", []),
            )
    return None


def _cron(item: dict[str, Any]) -> CronState:
    spec, status = item["spec"], item.get("status") or {}
    conditions = status.get("conditions") or []
    return CronState(
        name=item["metadata"]["name"],
        schedules=tuple(spec["schedules"]),
        timezone=spec.get("timezone", ""),
        is_suspended=bool(spec.get("suspend")),
        last_at=_moment(status.get("lastScheduledTime")),
        conditions=tuple(condition["message"] for condition in conditions if "message" in condition),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
