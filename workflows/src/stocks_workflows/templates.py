"""The WorkflowTemplates and the schedule.

stocks-ingest   plan ─▶ for each batch: extract ─▶ normalize ─▶ commit, which starts stocks-gold where it is due
stocks-gold     the dbt project as a DAG (argodbt)
stocks-replay   replay ─▶ gold in a single pod
stocks-daily    starts stocks-ingest after the close of New York
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hera.workflows import DAG, Container, CronWorkflow, Parameter, Task, WorkflowTemplate
from hera.workflows import models as m

from argodbt.graph import Granularity
from argodbt.manifest import Manifest
from argodbt.templates import DEFAULTS, MAIN, DbtPods, add_templates, parameters, pod_security, scratch_volume
from stocks.steps import GOLD, REPLAY, REPORT, STEPS, Step
from stocks_workflows.container import DBT, container_of, secrets, settings

NAMESPACE = "stocks"
_DAY = 86_400  # seconds
_INGEST = tuple(step for step in STEPS if step is not GOLD)
_GOLD_NAME = "stocks-gold"
_GOLD_STEPS = ("prepare", GOLD.name)
"""What its pods write into the run log; a task that failed is told by the last of them."""
_BATCHES = "batches"


def ingest() -> WorkflowTemplate:
    """From the provider to silver. A failing ticker fails alone: what comes after its batch runs all the same."""
    with _template(
        "stocks-ingest",
        steps=[step.name for step in _INGEST],
        mutexes=["silver"],
        description="Fetches prices into bronze and silver; starts stocks-gold where it is due.",
        arguments=[
            Parameter(name="tickers", value="", description="Symbols, separated by commas; empty: the universe."),
            Parameter(name="batch-size", value="1", description="Tickers in a pod."),
            Parameter(name="series", value="", description="daily_adjusted or weekly_adjusted; empty: the setting."),
        ],
        parallelism=8,
    ) as template:
        containers = {step.name: container_of(step, inputs=("tickers",) if step.fan_out else ()) for step in _INGEST}
        with DAG(name="batch", inputs=[Parameter(name="tickers")], fail_fast=False) as batch:
            for step in _INGEST:
                if step.fan_out:
                    _task(step, containers, {"tickers": "{{inputs.parameters.tickers}}"})
        with DAG(name="main", fail_fast=False):
            for step in _INGEST:
                if not step.fan_out:
                    _task(step, containers)
                elif not any(_step(name).fan_out for name in step.after):
                    (planned,) = step.after
                    Task(
                        name=_BATCHES,
                        template=batch,
                        depends=planned,
                        with_param=f"{{{{tasks.{planned}.outputs.parameters.{_step(planned).writes}}}}}",
                        arguments={"tickers": "{{item}}"},
                    )
    return template


def gold(manifest: Manifest) -> WorkflowTemplate:
    """The star schema, one task a model or as few pods as keep the parallelism.

    Args:
        manifest: Of the dbt project.
    """
    with _template(
        _GOLD_NAME,
        steps=_GOLD_STEPS,
        mutexes=["gold"],
        description="Builds and tests the star schema, and publishes it.",
        arguments=parameters(),
    ) as template:
        pods = DbtPods(
            name=_GOLD_NAME,
            image=DBT,
            hooks="stocks.gold.books:of_run",
            env=secrets(GOLD.needs),
            env_from=[settings()],
        )
        add_templates(manifest, pods)
    return template


def replay() -> WorkflowTemplate:
    """Silver and gold again from bronze."""
    with _template(
        "stocks-replay",
        steps=(REPLAY.name, *_GOLD_STEPS),
        mutexes=["silver", "gold"],
        description="Builds silver and gold again from bronze, with no request to the provider.",
        arguments=[
            Parameter(name="tickers", value="", description="Symbols, separated by commas; empty: all in bronze."),
            Parameter(name="as-of", value="", description="What was known then: 2005-02-25, or a time; empty: all."),
        ],
    ) as template:
        replayed = container_of(REPLAY)
        with DAG(name="main", fail_fast=False):
            first = Task(name=REPLAY.name, template=replayed)
            Task(
                name=GOLD.name,
                depends=f"{first.name}.Succeeded || {first.name}.Failed",
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
) -> WorkflowTemplate:
    """A WorkflowTemplate with what all have in common."""
    report = container_of(REPORT, options=("--steps", ",".join(steps)))
    return WorkflowTemplate(
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


def _task(step: Step, containers: dict[str, Container], arguments: dict[str, str] | None = None) -> Task:
    """A step as a task; one that comes after a step with tickers goes on though some of them failed."""
    depends = []
    for name in step.after:
        if _step(name).fan_out:
            awaited = name if step.fan_out else _BATCHES
            depends.append(" || ".join(f"{awaited}.{end}" for end in ("Succeeded", "Failed", "Errored", "Skipped")))
        elif not step.fan_out:  # what a batch as a whole waits for is not for its steps to wait for
            depends.append(name)
    return Task(
        name=step.name,
        template=containers[step.name],
        depends=" && ".join(depends) or None,
        arguments=arguments or None,
    )


def _step(name: str) -> Step:
    return next(step for step in _INGEST if step.name == name)
