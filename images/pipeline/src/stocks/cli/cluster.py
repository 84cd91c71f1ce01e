"""`stocks status --cluster` and `stocks doctor --cluster`: what runs, what comes next, what failed, what to type."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from stocks.cli.checks import Check
from stocks.cluster import Cluster, WorkflowState
from stocks.errors import ConfigError, DataError, StocksError
from stocks.report import Report

_TEMPLATES = {"stocks-gold", "stocks-ingest", "stocks-replay"}
_OLDEST = (4, 1)
"""The version of Argo that the workflows are written for."""


def show_cluster(
    report: Report, cluster: Cluster | None = None, *, namespace: str = "", now: datetime | None = None
) -> None:
    """Workflows and schedules.

    Args:
        report: Told of them.
        cluster: The cluster; the one that kubectl talks to where None.
        namespace: Where to look there; that of kubectl's context where empty.
        now: The moment to look ahead from (aware).
    """
    cluster = cluster or Cluster.connect(namespace)
    now = now or datetime.now(UTC)
    workflows = cluster.workflows()
    report.rows(
        "workflow",
        ["workflow", "phase", "pods", "started_at", "seconds", "message"],
        [[w.name, w.phase, w.progress, w.started_at, w.seconds, w.message] for w in workflows],
        title=f"Workflows in {cluster.namespace}",
    )
    report.rows(
        "schedule",
        ["schedule", "cron", "timezone", "suspended", "last_at", "next_at"],
        [
            [cron.name, ", ".join(cron.schedules), cron.timezone, cron.is_suspended, cron.last_at, cron.next_at(now)]
            for cron in cluster.crons()
        ],
        title="Schedules",
    )
    if not workflows:
        report.say(f"No workflows yet: argo -n {cluster.namespace} submit --from workflowtemplate/stocks-ingest")
    failed = [workflow for workflow in workflows if workflow.is_failed]
    report.rows(
        "failure",
        ["workflow", "node", "exit_code", "message", "log"],
        [[each.name, node.name, node.exit_code, node.message, node.log] for each in failed for node in each.failures],
        title="What failed, with its log's key in the artifact store",
    )
    for workflow in failed:
        report.say(f"What failed: argo -n {cluster.namespace} get {workflow.name}")


def check_cluster(cluster: Cluster | None = None, *, namespace: str = "", now: datetime | None = None) -> list[Check]:
    """Checks that the cluster answers, has Argo and the templates, will start on schedule, and ended its last run well.

    Args:
        cluster: The cluster; the one that kubectl talks to where None.
        namespace: Where to look there; that of kubectl's context where empty.
        now: The moment to look ahead from (aware).
    """
    try:
        cluster = cluster or Cluster.connect(namespace)
        templates = cluster.templates()
    except StocksError as error:
        return [Check(name="cluster", error=error)]
    return [
        Check(name="cluster", detail=f"answers; namespace {cluster.namespace}"),
        _templates(templates, cluster.namespace),
        _argo(cluster),
        *_schedules(cluster, now or datetime.now(UTC)),
        *_last_runs(cluster),
    ]


def _templates(found: list[str], namespace: str) -> Check:
    if missing := sorted(_TEMPLATES - set(found)):
        return Check(
            name="templates",
            error=ConfigError(
                f"There is no WorkflowTemplate {', '.join(missing)}.",
                hint=f"helm -n {namespace} upgrade --install stocks charts/stocks",
            ),
        )
    return Check(name="templates", detail=", ".join(found))


def _argo(cluster: Cluster) -> Check:
    """Whether a controller of Argo works for the namespace, and does what the chart counts on."""
    try:
        controllers = cluster.controllers()
    except StocksError as error:
        return Check(name="argo", error=error)
    if controllers is None:
        return Check(name="argo", detail="its controller can't be seen with these rights")
    try:
        (argo,) = controllers
    except ValueError:
        found = ", ".join(each.namespace for each in controllers) or "none"
        wrong = f"One controller of Argo should work for the namespace {cluster.namespace}: {found} does."
        hint = f"A controller works for all namespaces, or with --managed-namespace {cluster.namespace} for this one"
        return Check(name="argo", error=ConfigError(wrong, hint=f"{hint} (docs/cluster.md)."))
    found = f"Argo {argo.version or 'of an unknown version'}, in {argo.namespace}"
    version = re.match(r"(\d+)\.(\d+)", argo.version)
    if not argo.is_up:
        wrong, hint = "is not up", f"kubectl -n {argo.namespace} describe deployment,pod"
    elif version and tuple(map(int, version.groups())) < _OLDEST:
        wrong, hint = "is too old", f"Install {_OLDEST[0]}.{_OLDEST[1]} or newer."
    elif cluster.nodes() == "warm" and not argo.allows_warm_nodes:
        wrong = "runs no nodes without pods, which the chart's value nodes: warm asks for"
        hint = "Set ARGO_WORKFLOW_LEVEL_EXECUTOR_PLUGINS=true on its controller, or nodes: pod (docs/cluster.md)."
    else:
        nodes = "allows" if argo.allows_warm_nodes else "does not allow"
        return Check(name="argo", detail=f"{found}; {nodes} nodes without pods")
    return Check(name="argo", error=ConfigError(f"{found}, {wrong}.", hint=hint))


def _schedules(cluster: Cluster, now: datetime) -> list[Check]:
    checks = []
    for cron in cluster.crons():
        start = cron.next_at(now)
        if cron.conditions:
            error: StocksError | None = ConfigError(f"Argo says: {'; '.join(cron.conditions)}.")
        elif cron.is_suspended:
            error = ConfigError("It is suspended.", hint=f"argo -n {cluster.namespace} cron resume {cron.name}")
        else:
            error = None
        detail = f"starts next at {start:%Y-%m-%d %H:%M %Z}" if start else "never starts"
        checks.append(Check(name=cron.name, detail=detail, error=error))
    return checks or [Check(name="schedule", error=ConfigError("There is no CronWorkflow: nothing runs by itself."))]


def _last_runs(cluster: Cluster) -> list[Check]:
    """The newest workflow of each template."""
    newest: dict[str, WorkflowState] = {}
    for workflow in cluster.workflows():
        newest.setdefault(workflow.template, workflow)
    checks = []
    for template, workflow in sorted(newest.items()):
        error = None
        if workflow.is_failed:
            error = DataError(
                f"{workflow.name} ended as {workflow.phase}: {workflow.message or 'no message'}.",
                hint=f"argo -n {cluster.namespace} get {workflow.name}; "
                f"when it is mended: argo -n {cluster.namespace} retry {workflow.name}",
            )
        checks.append(
            Check(name=f"last {template}", detail=f"{workflow.name} {workflow.phase} {workflow.progress}", error=error)
        )
    return checks
