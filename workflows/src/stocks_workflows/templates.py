"""The WorkflowTemplates and the schedule.

stocks-ingest   plan ─▶ for each batch: extract ─▶ normalize ─▶ commit, which starts stocks-gold where it is due;
                nodes=warm: all of it but commit without a pod (argodbt.warm_template)
stocks-gold     the dbt project as a DAG (argodbt)
stocks-replay   plan-replay ─▶ for each batch: replay ─▶ gold in a single pod
stocks-daily    starts stocks-ingest after the close of New York
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hera.workflows import DAG, CronWorkflow, Parameter, Task, WorkflowTemplate
from hera.workflows import models as m

from argodbt.graph import Granularity
from argodbt.manifest import Manifest
from argodbt.templates import DEFAULTS, MAIN, DbtPods, add_templates, parameters, pod_security, scratch_volume
from argodbt.warm_template import WarmTemplate, twin_of
from stocks.steps import AUTO, GOLD, PLAN_REPLAY, REPLAY, REPORT, STEPS, Nodes, Step
from stocks_workflows.container import DBT, NODES, artifacts, container_of, secrets, settings

NAMESPACE = "stocks"
_DAY = 86_400  # seconds
_INGEST = tuple(step for step in STEPS if step is not GOLD)
_GOLD_NAME = "stocks-gold"
_GOLD_STEPS = ("prepare", GOLD.name)
"""What its pods write into the run log; a task that failed is told by the last of them."""
_BATCHES = "batches"
_ENDS = ("Succeeded", "Failed", "Errored", "Skipped")
_REPLAYED = "50"
"""Tickers in a pod of a replay: what one takes is a matter of seconds, and so is the start of a pod."""
_UNDER_WAY = 32
"""Batches that Argo has in hand at a time, more than work at once. Nodes without pods stand in one object, which the
API server rewrites as a whole for each that begins or ends: 200 in it would keep a processor busy with nothing else."""


def ingest() -> WorkflowTemplate:
    """From the provider to silver. A failing ticker fails alone: what comes after its batch runs all the same."""
    with _template(
        "stocks-ingest",
        steps=[step.name for step in _INGEST],
        mutexes=["silver"],
        description="Fetches prices into bronze and silver; starts stocks-gold where it is due.",
        arguments=[
            Parameter(name="tickers", value="", description="Symbols, separated by commas; empty: the universe."),
            Parameter(
                name="batch-size", value=AUTO, description=f"Tickers in a batch; {AUTO}: one while they are few."
            ),
            _as_platform(
                Parameter(name="nodes", description="warm: a batch needs no pod; pod: each step of it is one.")
            ),
            Parameter(name="series", value="", description="daily_adjusted or weekly_adjusted; empty: the setting."),
        ],
        parallelism=8,
    ) as template:
        for step in _INGEST:
            container_of(step, inputs=("tickers",) if step.fan_out else ())
        # A step that starts a workflow has an account of its own, which no node without a pod can have.
        template.twins = [step.name for step in _INGEST if not step.needs.cluster]
        template.artifacts = artifacts()
        for nodes in Nodes:
            names = {
                step.name: twin_of(step.name) if nodes is Nodes.WARM and step.name in template.twins else step.name
                for step in _INGEST
            }
            _ingest_dag(nodes, names)
        with DAG(name="main", fail_fast=False):
            for nodes, sign in ((Nodes.WARM, "=="), (Nodes.POD, "!=")):  # what is neither, plan refuses
                Task(name=nodes, template=nodes, when=f"{{{{= workflow.parameters.nodes {sign} '{Nodes.WARM}' }}}}")
    return template


def _ingest_dag(nodes: Nodes, names: Mapping[str, str]) -> None:
    """The steps as a DAG.

    Args:
        nodes: What it is called.
        names: Of the templates, by step.
    """
    batch = f"{nodes}-batch"
    with DAG(name=batch, inputs=[Parameter(name="tickers")], fail_fast=False):
        for step in _INGEST:
            if step.fan_out:
                _task(step, names, {"tickers": "{{inputs.parameters.tickers}}"})
    with DAG(name=nodes, fail_fast=False, parallelism=_UNDER_WAY):
        for step in _INGEST:
            if not step.fan_out:
                _task(step, names)
            elif not any(_step(name).fan_out for name in step.after):
                (planned,) = step.after
                Task(
                    name=_BATCHES,
                    template=batch,
                    depends=planned,
                    with_param=f"{{{{tasks.{planned}.outputs.parameters.{_step(planned).writes}}}}}",
                    arguments={"tickers": "{{item}}"},
                )


def gold(manifest: Manifest) -> WorkflowTemplate:
    """The star schema, one task a model or as few pods as keep the parallelism.

    Args:
        manifest: Of the dbt project.
    """
    pods = DbtPods(
        name=_GOLD_NAME,
        image=DBT,
        hooks="stocks.gold.books:of_run",
        env=secrets(GOLD.needs),
        env_from=[settings()],
        artifacts=artifacts(),
    )
    with _template(
        _GOLD_NAME,
        steps=_GOLD_STEPS,
        mutexes=["gold"],
        description="Builds and tests the star schema, and publishes it.",
        arguments=[_as_platform(each) if each.name == "granularity" else each for each in parameters(pods)],
    ) as template:
        add_templates(manifest, pods, template)
    return template


def replay() -> WorkflowTemplate:
    """Silver and gold again from bronze."""
    with _template(
        "stocks-replay",
        steps=(PLAN_REPLAY.name, REPLAY.name, *_GOLD_STEPS),
        mutexes=["silver", "gold"],
        description="Builds silver and gold again from bronze, with no request to the provider.",
        arguments=[
            Parameter(name="tickers", value="", description="Symbols, separated by commas; empty: all in bronze."),
            Parameter(name="as-of", value="", description="What was known then: 2005-02-25, or a time; empty: all."),
            Parameter(name="batch-size", value=_REPLAYED, description=f"Tickers in a pod; {AUTO}: 20 pods at most."),
        ],
        parallelism=8,
    ) as template:
        planned, replayed = container_of(PLAN_REPLAY), container_of(REPLAY, inputs=("tickers",))
        with DAG(name="main", fail_fast=False):
            Task(name=PLAN_REPLAY.name, template=planned)
            Task(
                name=REPLAY.name,
                template=replayed,
                depends=PLAN_REPLAY.name,
                with_param=f"{{{{tasks.{PLAN_REPLAY.name}.outputs.parameters.{PLAN_REPLAY.writes}}}}}",
                arguments={"tickers": "{{item}}"},
            )
            Task(
                name=GOLD.name,
                depends=_however(REPLAY.name),
                template_ref=m.TemplateRef(name=_GOLD_NAME, template=MAIN),
                arguments={
                    **DEFAULTS,
                    "granularity": Granularity.SINGLE,
                    "full-refresh": "true",
                },
            )
    return template


def daily() -> CronWorkflow:
    """An hour after New York's prices are settled; London's and Toronto's are by then.

    That hour is none that daylight saving time repeats or skips.
    """
    return CronWorkflow(
        name="stocks-daily",
        namespace=NAMESPACE,
        schedules=["30 18 * * 1-5"],
        timezone="America/New_York",
        concurrency_policy="Forbid",
        starting_deadline_seconds=4 * 3600,
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=3,
        workflow_template_ref=m.WorkflowTemplateRef(name="stocks-ingest"),
    )


def _template(
    name: str,
    *,
    steps: Sequence[str],
    mutexes: Sequence[str],
    description: str,
    arguments: list[Parameter],
    **options: Any,
) -> WarmTemplate:
    """A WorkflowTemplate with what all have in common."""
    report = container_of(REPORT, options=("--steps", ",".join(steps)))
    return WarmTemplate(
        name=name,
        namespace=NAMESPACE,
        annotations={"workflows.argoproj.io/description": description},
        labels={"app.kubernetes.io/name": "stocks", "app.kubernetes.io/component": "workflow"},
        entrypoint="main",
        on_exit=report,
        templates=[report],
        arguments=arguments,
        service_account_name="stocks-workflow",
        # One at a time, as `stocks run` has it: a second one waits.
        synchronization=m.Synchronization(mutexes=[m.Mutex(name=f"stocks-{name}") for name in mutexes]),
        security_context=pod_security(),
        volumes=scratch_volume(),
        pod_gc=m.PodGC(strategy="OnPodSuccess", delete_delay_duration="60s"),
        ttl_strategy=m.TTLStrategy(seconds_after_success=_DAY, seconds_after_failure=7 * _DAY),
        active_deadline_seconds=6 * 3600,
        **options,
    )


def _as_platform(parameter: Parameter) -> Parameter:
    """A parameter whose default the chart gives: it knows whether the cluster runs nodes without pods.

    It lists no values: Argo would compare them with a default that it has not read yet. The steps refuse what is wrong.
    """
    default = m.ConfigMapKeySelector(name=NODES, key=str(parameter.name))
    return Parameter(
        name=parameter.name,
        value_from=m.ValueFrom(config_map_key_ref=default),
        description=parameter.description,
    )


def _task(step: Step, names: Mapping[str, str], arguments: dict[str, str] | None = None) -> Task:
    """A step as a task; one that comes after a step with tickers goes on though some of them failed."""
    depends = []
    for name in step.after:
        if _step(name).fan_out:
            awaited = name if step.fan_out else _BATCHES
            depends.append(_however(awaited))
        elif not step.fan_out:  # what a batch as a whole waits for is not for its steps to wait for
            depends.append(name)
    return Task(
        name=step.name,
        template=names[step.name],
        depends=" && ".join(depends) or None,
        arguments=arguments or None,
    )


def _however(task: str) -> str:
    """However a task ended: with tickers that failed, or with nothing to do."""
    return " || ".join(f"{task}.{end}" for end in _ENDS)


def _step(name: str) -> Step:
    return next(step for step in _INGEST if step.name == name)
