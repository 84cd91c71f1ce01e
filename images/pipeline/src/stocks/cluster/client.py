"""Argo's objects by the Kubernetes API; what fails is told in the pipeline's own errors."""

from __future__ import annotations

import contextlib
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


class CustomObjects(Protocol):
    """What is used of `kubernetes.client.CustomObjectsApi`."""

    def create_namespaced_custom_object(
        self, group: str, version: str, namespace: str, plural: str, body: dict[str, Any]
    ) -> Any:
        """Creates an object."""

    def list_namespaced_custom_object(self, group: str, version: str, namespace: str, plural: str) -> Any:
        """The objects of a kind."""


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

    @property
    def is_failed(self) -> bool:
        """Whether it ended badly."""
        return self.phase in {"Failed", "Error"}

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
    def connect(cls) -> Cluster:
        """The cluster that this pod runs in, else the one that kubectl talks to.

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
            namespace = _OWN_NAMESPACE.read_text().strip()
        except config.ConfigException:
            namespace = NAMESPACE
            try:
                config.load_kube_config()
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
    )


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
