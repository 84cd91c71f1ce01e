"""Argo's objects over an API that a test plays."""

import base64
import gzip
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import MaxRetryError

from stocks.cli.cluster import check_cluster, show_cluster
from stocks.cluster import Cluster
from stocks.errors import ClusterUnavailable, ConfigError, DataError, StocksError

RUN = uuid.UUID("11111111-2222-3333-4444-555555555555")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TEMPLATES = ["stocks-gold", "stocks-ingest", "stocks-replay"]


def workflow(name: str, phase: str, started: str, *, template: str = "stocks-ingest", message: str = "") -> Any:
    return {
        "metadata": {"name": name},
        "spec": {"workflowTemplateRef": {"name": template}},
        "status": {"phase": phase, "startedAt": started, "finishedAt": None, "progress": "3/5", "message": message},
    }


def cron(**changes: Any) -> Any:
    spec = {"schedules": ["30 18 * * 1-5"], "timezone": "America/New_York", **changes}
    return {"metadata": {"name": "stocks-daily"}, "spec": spec, "status": {}}


class Api:
    """Custom objects by kind; remembers what was created."""

    def __init__(self, **objects: list[Any] | None) -> None:
        templates = [{"metadata": {"name": name}} for name in TEMPLATES]
        self.objects = {"deployments": None, "workflowtemplates": templates, **objects}
        self.created: list[Any] = []
        self.fault: Exception | None = None

    def create_namespaced_custom_object(self, group: str, version: str, namespace: str, plural: str, body: Any) -> Any:
        if self.fault:
            raise self.fault
        if any(body["metadata"]["name"] == other["metadata"]["name"] for other in self.created):
            raise ApiException(status=409, reason="AlreadyExists")
        self.created.append(body)
        return body

    def list_namespaced_custom_object(self, group: str, version: str, namespace: str, plural: str) -> Any:
        if self.fault:
            raise self.fault
        return {"items": self.objects.get(plural, [])}

    def list_cluster_custom_object(self, group: str, version: str, plural: str) -> Any:
        if self.fault or self.objects[plural] is None:
            raise self.fault or ApiException(status=403, reason="Forbidden")
        return {"items": self.objects[plural]}


class Told:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.tables: dict[str, list[list[Any]]] = {}
        self.said: list[str] = []

    def rows(self, event: str, columns: Any, rows: Any, *, title: str = "") -> None:
        self.tables[event] = [list(row) for row in rows]

    def say(self, message: str) -> None:
        self.said.append(message)


def test_gold_is_started_from_its_template_once_a_run() -> None:
    api = Api()
    cluster = Cluster(api)
    assert cluster.start_gold(RUN) == cluster.start_gold(RUN) == "stocks-gold-1111111122"
    (created,) = api.created
    assert created["spec"] == {"workflowTemplateRef": {"name": "stocks-gold"}}
    assert cluster.start_gold(uuid.uuid4()) != "stocks-gold-1111111122"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (ApiException(status=403, reason="Forbidden"), ConfigError),
        (ApiException(status=404, reason="Not Found"), ConfigError),
        (ApiException(status=429, reason="Too Many Requests"), ClusterUnavailable),
        (ApiException(status=503, reason="Service Unavailable"), ClusterUnavailable),
        (ApiException(status=0, reason="Handshake failed"), ClusterUnavailable),
        (MaxRetryError(None, "/apis", None), ClusterUnavailable),  # type: ignore[arg-type]
    ],
)
def test_faults_of_the_api_are_told_apart(fault: Exception, kind: type[StocksError]) -> None:
    api = Api()
    api.fault = fault
    for act in (lambda: Cluster(api).start_gold(RUN), Cluster(api).workflows):
        with pytest.raises(kind):
            act()


def test_workflows_come_newest_first() -> None:
    api = Api(
        workflows=[
            workflow("old", "Succeeded", "2026-11-22T18:30:00Z"),
            workflow("new", "Running", "2026-11-23T11:59:00Z"),
        ]
    )
    assert [state.name for state in Cluster(api).workflows()] == ["new", "old"]


def test_status_says_what_runs_when_the_next_starts_and_what_to_type() -> None:
    told = Told()
    api = Api(
        workflows=[
            workflow("stocks-daily-1", "Failed", "2026-11-22T18:30:00Z", message="child failed"),
            workflow("stocks-ingest-x", "Running", "2026-11-23T11:59:00Z"),
        ],
        cronworkflows=[cron()],
    )
    show_cluster(told, Cluster(api), now=NOW)  # type: ignore[arg-type]
    assert [row[:3] for row in told.tables["workflow"]] == [
        ["stocks-ingest-x", "Running", "3/5"],
        ["stocks-daily-1", "Failed", "3/5"],
    ]
    (schedule,) = told.tables["schedule"]
    assert schedule[-1].isoformat() == "2026-11-23T18:30:00-05:00"
    assert told.said == ["What failed: argo -n stocks get stocks-daily-1"]


def test_empty_cluster_says_how_to_begin() -> None:
    told = Told()
    show_cluster(told, Cluster(Api()), now=NOW)  # type: ignore[arg-type]
    assert told.said == ["No workflows yet: argo -n stocks submit --from workflowtemplate/stocks-ingest"]


def test_doctor_is_content_with_a_healthy_cluster() -> None:
    api = Api(workflows=[workflow("w", "Succeeded", "2026-11-22T18:30:00Z")], cronworkflows=[cron()])
    checks = check_cluster(Cluster(api), now=NOW)
    assert [check.error for check in checks] == [None] * 5
    assert any("2026-11-23 18:30 EST" in check.detail for check in checks)


@pytest.mark.parametrize(
    ("api", "name", "kind", "hint"),
    [
        (Api(workflowtemplates=[], cronworkflows=[cron()]), "templates", ConfigError, "helm -n stocks upgrade"),
        (
            Api(cronworkflows=[cron(suspend=True)]),
            "stocks-daily",
            ConfigError,
            "argo -n stocks cron resume stocks-daily",
        ),
        (Api(), "schedule", ConfigError, ""),
        (
            Api(cronworkflows=[cron()], workflows=[workflow("w", "Failed", "2026-11-22T18:30:00Z", message="65")]),
            "last stocks-ingest",
            DataError,
            "argo -n stocks retry w",
        ),
    ],
)
def test_doctor_names_what_is_wrong_and_what_to_type(api: Api, name: str, kind: type[StocksError], hint: str) -> None:
    wrong = {check.name: check.error for check in check_cluster(Cluster(api), now=NOW) if check.error}
    assert set(wrong) == {name}
    assert isinstance(wrong[name], kind)
    assert hint in str(wrong[name])


def test_doctor_says_that_no_cluster_answers() -> None:
    api = Api()
    api.fault = ApiException(status=503, reason="Service Unavailable")
    (check,) = check_cluster(Cluster(api), now=NOW)
    assert isinstance(check.error, ClusterUnavailable)


def test_failed_nodes_are_told_by_their_last_try_also_where_the_status_is_packed() -> None:
    tries = [
        {"name": f"w.warm.extract({n})", "type": "Plugin", "phase": "Failed", "message": f"try {n}"} for n in (0, 1)
    ]
    tries[1]["outputs"] = {
        "exitCode": "75",
        "artifacts": [{"name": "main-logs", "s3": {"key": "2026/11/w/extract(1)/main.log"}}],
    }
    retried = {"name": "w.warm.extract", "type": "Retry", "phase": "Failed", "children": ["a", "b"]}
    nodes = {"a": tries[0], "b": tries[1], "r": retried, "ok": {"type": "Pod", "phase": "Succeeded", "name": "w.ok"}}
    packed = base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
    for status in ({"nodes": nodes}, {"compressedNodes": packed}):
        failed = workflow("w", "Failed", "2026-11-22T18:30:00Z")
        failed["status"] |= status
        told = Told()
        show_cluster(told, Cluster(Api(workflows=[failed])), now=NOW)  # type: ignore[arg-type]
        assert told.tables["failure"] == [["w", "warm.extract(1)", "75", "try 1", "2026/11/w/extract(1)/main.log"]]


def controller(*arguments: str, image: str = "quay.io/argoproj/workflow-controller:v4.1.2", **changes: Any) -> Any:
    container = {"image": image, "args": ["--namespaced", "--managed-namespace", "stocks", *arguments], **changes}
    return {
        "metadata": {"name": "workflow-controller", "namespace": "argo"},
        "spec": {"template": {"spec": {"containers": [container]}}},
        "status": {"availableReplicas": 1},
    }


ALLOWED = {"env": [{"name": "ARGO_WORKFLOW_LEVEL_EXECUTOR_PLUGINS", "value": "true"}]}
OTHER = {
    "metadata": {"name": "web", "namespace": "x"},
    "spec": {"template": {"spec": {"containers": [{"image": "x"}]}}},
}


@pytest.mark.parametrize(
    ("deployments", "nodes", "told", "is_wrong"),
    [
        ([OTHER, controller(**ALLOWED)], "warm", "Argo 4.1.2, in argo; allows nodes without pods", False),
        ([controller()], "pod", "does not allow nodes", False),
        ([controller()], "warm", "Set ARGO_WORKFLOW_LEVEL_EXECUTOR_PLUGINS=true", True),
        ([controller(image="registry:5000/workflow-controller@sha256:1")], "pod", "of an unknown version", False),
        ([controller(image="workflow-controller:v3.7.1")], "pod", "too old", True),
        ([controller(args=[])], "pod", "in argo", False),
        ([controller(args=["--namespaced"])], "pod", "work for the namespace stocks: none does", True),
        ([controller(args=["--namespaced", "--managed-namespace=prices"])], "pod", "none does", True),
        ([controller(), controller(args=[])], "pod", "argo, argo does", True),
        ([{**controller(), "status": {}}], "pod", "is not up", True),
        ([OTHER], "pod", "none does", True),
        (None, "warm", "can't be seen", False),
    ],
)
def test_doctor_says_whether_argo_does_what_the_chart_counts_on(
    deployments: list[Any] | None, nodes: str, told: str, is_wrong: bool
) -> None:
    templates = [{"metadata": {"name": name, "annotations": {"stocks/nodes": nodes}}} for name in TEMPLATES]
    api = Api(deployments=deployments, cronworkflows=[cron()], workflowtemplates=templates)
    (check,) = (check for check in check_cluster(Cluster(api), now=NOW) if check.name == "argo")
    assert (check.error is not None) == is_wrong
    assert told in (str(check.error) if check.error else check.detail)
