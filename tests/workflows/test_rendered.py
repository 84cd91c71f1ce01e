"""The manifests that are committed: current, valid, complete, and one with the steps and their commands."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
import typer
import yaml
from cronsim import CronSim

from argodbt.cli import app as argodbt
from stocks import errors
from stocks.cli.app import app
from stocks.gold.books import of_run
from stocks.steps import GOLD, PLAN_REPLAY, REPLAY, REPORT, STEPS
from stocks.trading_calendar import calendar_of
from stocks_workflows.__main__ import FOLDER
from stocks_workflows.container import DBT, PIPELINE
from stocks_workflows.render import rendered

Manifest = dict[str, Any]
MANIFESTS: dict[str, Manifest] = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
TEMPLATES = {name: manifest for name, manifest in MANIFESTS.items() if manifest["kind"] == "WorkflowTemplate"}
SCHEMA = json.loads((Path(__file__).parent / "schemas" / "argo-workflows.json").read_text())
COMMANDS = {
    "stocks": typer.main.get_command(app).commands,  # type: ignore[attr-defined]
    "argodbt": typer.main.get_command(argodbt).commands,  # type: ignore[attr-defined]
}
ALL_STEPS = {step.name: step for step in (*STEPS, PLAN_REPLAY, REPLAY, REPORT)}
PODS = [
    pytest.param(manifest, template, id=f"{name}-{template['name']}")
    for name, manifest in TEMPLATES.items()
    for template in manifest["spec"]["templates"]
    if "container" in template
]


def templates(manifest: Manifest) -> dict[str, Manifest]:
    return {template["name"]: template for template in manifest["spec"]["templates"]}


def tags(value: Any) -> list[str]:
    """What stands between {{ and }} anywhere in a manifest."""
    return [tag.strip() for tag in re.findall(r"\{\{(.*?)\}\}", json.dumps(value))]


def names(parameters: Manifest) -> set[str]:
    return {parameter["name"] for parameter in parameters.get("parameters", [])}


def test_committed_manifests_are_current() -> None:
    assert {path.name: path.read_text() for path in FOLDER.glob("*.yaml")} == rendered()


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifest_is_valid_by_argos_schema(name: str) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(MANIFESTS[name])


def test_schema_refuses_what_argo_does_not_know() -> None:
    wrong = json.loads(json.dumps(MANIFESTS["stocks-gold"]))
    wrong["spec"]["templates"][0]["retryStratgy"] = {"limit": 1}
    assert not jsonschema.Draft7Validator(SCHEMA).is_valid(wrong)
    assert not jsonschema.Draft7Validator(SCHEMA).is_valid({**MANIFESTS["stocks-gold"], "kind": "Workflow"})


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_reference_leads_somewhere(name: str) -> None:
    spec = TEMPLATES[name]["spec"]
    known = {"workflow.uid", "item"} | {f"workflow.parameters.{parameter}" for parameter in names(spec["arguments"])}
    known |= {"workflow.name", *(f"workflow.creationTimestamp.{unit}" for unit in "Ymd")}
    for template in spec["templates"]:
        own = known | ({"node.name", "retries"} if "retryStrategy" in template else set())
        own |= {f"inputs.parameters.{parameter}" for parameter in names(template.get("inputs", {}))}
        for task in template.get("dag", {}).get("tasks", []):
            outputs = templates(TEMPLATES[name]).get(task.get("template", ""), {}).get("outputs", {})
            own |= {f"tasks.{task['name']}.outputs.parameters.{output}" for output in names(outputs)}
        for tag in tags(template):
            if tag.startswith("="):
                plain = re.sub(r"\['([\w-]+)'\]", r".\1", tag)
                used = set(re.findall(r"(?:inputs\.|workflow\.|tasks\.[\w-]+\.outputs\.)parameters\.[\w-]+", plain))
                assert used
                assert used <= own, tag
            else:
                assert tag in own, f"{name}, {template['name']}: {tag}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_tasks_give_their_templates_exactly_the_inputs_that_these_have(name: str) -> None:
    every = templates(TEMPLATES[name])
    for template in every.values():
        for task in template.get("dag", {}).get("tasks", []):
            if reference := task.get("templateRef"):
                target = templates(TEMPLATES[reference["name"]])[reference["template"]]
            else:
                target = every[task["template"]]
            assert names(task.get("arguments", {})) == names(target.get("inputs", {})), task["name"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_output_is_used_of_a_task_that_may_be_skipped(name: str) -> None:
    for template in TEMPLATES[name]["spec"]["templates"]:
        tasks = {task["name"]: task for task in template.get("dag", {}).get("tasks", [])}
        for task in tasks.values():
            for used in re.findall(r"tasks\.([\w-]+)\.outputs", json.dumps(task)):
                assert "when" not in tasks[used]
                assert "withParam" not in tasks[used]
                assert task["depends"] == used, "it would run where its input is missing"


@pytest.mark.parametrize("name", TEMPLATES)
def test_names_are_unique_and_short_enough_for_a_label(name: str) -> None:
    found = [template["name"] for template in TEMPLATES[name]["spec"]["templates"]]
    assert len(found) == len(set(found))
    assert all(len(f"{name}-{template}") <= 40 for template in found)  # Argo adds a hash and a try


def test_every_step_is_run_by_its_command_with_options_that_it_has() -> None:
    examples = {
        "workflow.uid": "00000000-0000-0000-0000-000000000000",
        "workflow.parameters.batch-size": "1",
        "workflow.parameters.nodes": "warm",
        "inputs.parameters.granularity": "model",
        "inputs.parameters.task": "dim-stock",
    }
    seen = set()
    for pod in PODS:
        _, template = pod.values
        (program,) = template["container"]["command"]
        name, *arguments = template["container"]["args"]
        commands = COMMANDS[program]
        assert template["name"] == name
        given = [re.sub(r"\{\{(.*?)\}\}", lambda tag: examples.get(tag[1], ""), argument) for argument in arguments]
        with commands[name].make_context(name, [word for word in given if word], resilient_parsing=False):
            pass
        seen.add(name)
    assert seen == set(ALL_STEPS) - {"gold"} | {"prepare", "task", "finish"}


def test_flags_that_an_expression_chooses_are_options_of_the_command() -> None:
    (expression,) = (
        argument
        for argument in templates(TEMPLATES["stocks-gold"])["prepare"]["container"]["args"]
        if argument.startswith("{{=")
    )
    parameters = COMMANDS["argodbt"]["prepare"].params
    options = {option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)}
    assert set(re.findall(r"--[\w-]+", expression)) == {"--full-refresh", "--no-full-refresh"} <= options


def test_golds_pods_keep_the_books() -> None:
    pods = [t["container"] for t in TEMPLATES["stocks-gold"]["spec"]["templates"] if "container" in t]
    hooks = [v["value"] for pod in pods for v in pod["env"] if v["name"] == "ARGODBT_HOOKS"]
    assert hooks == [f"{of_run.__module__}:{of_run.__name__}"] * 3


def test_who_starts_gold_is_asked_for_what_it_needs() -> None:
    gold = TEMPLATES["stocks-gold"]["spec"]
    assert names(gold["arguments"]) == names(templates(TEMPLATES["stocks-gold"])[gold["entrypoint"]]["inputs"])


@pytest.mark.parametrize(("nodes", "twins"), [("pod", set()), ("warm", {"plan", "extract", "normalize"})])
def test_ingest_runs_the_steps_in_their_order_and_a_batch_by_itself(nodes: str, twins: set[str]) -> None:
    every = templates(MANIFESTS["stocks-ingest"])
    outer = {task["name"]: task for task in every[nodes]["dag"]["tasks"]}
    inner = {task["name"]: task for task in every[f"{nodes}-batch"]["dag"]["tasks"]}
    fanned = [step.name for step in STEPS if step.fan_out]
    assert list(inner) == fanned == ["extract", "normalize"]
    assert list(outer) == ["plan", "batches", "commit"]
    assert outer["batches"]["withParam"] == "{{tasks.plan.outputs.parameters.batches}}"
    assert "depends" not in inner["extract"]
    for name, task in {**inner, **outer}.items():
        if name != "batches":
            assert task["template"] == (f"warm-{name}" if name in twins else name)


@pytest.mark.parametrize("nodes", ["pod", "warm"])
def test_failing_ticker_stops_neither_its_batch_nor_the_others(nodes: str) -> None:
    every = templates(MANIFESTS["stocks-ingest"])
    names = ("main", nodes, f"{nodes}-batch")
    for name in names:
        assert every[name]["dag"]["failFast"] is False
    tasks = {task["name"]: task for name in names for task in every[name]["dag"]["tasks"]}
    for name, awaited in (("normalize", "extract"), ("commit", "batches")):
        ends = set(tasks[name]["depends"].split(" || "))
        assert {f"{awaited}.{end}" for end in ("Succeeded", "Failed", "Errored")} <= ends
    assert "batches.Skipped" in tasks["commit"]["depends"]  # nothing to fetch


def test_any_value_of_a_parameter_runs_one_way_or_is_refused() -> None:
    """Where neither ran, the workflow would succeed, and have done nothing."""
    for name in ("stocks-ingest", "stocks-gold"):
        conditions = [task["when"] for task in templates(TEMPLATES[name])["main"]["dag"]["tasks"]]
        warm, pods = sorted(conditions, key=lambda text: "!" in text)
        assert pods.replace("!=", "==").replace("!(", "").replace(") }}", " }}") == warm


TWINS = [
    pytest.param(manifest, template, id=f"{name}-{template['name']}")
    for name, manifest in TEMPLATES.items()
    for template in manifest["spec"]["templates"]
    if "plugin" in template
]


@pytest.mark.parametrize(("manifest", "template"), TWINS)
def test_node_without_a_pod_does_what_its_pod_does(manifest: Manifest, template: Manifest) -> None:
    pod = templates(manifest)[template["name"].removeprefix("warm-")]
    own = template["plugin"]["worker"]
    assert [word.replace("$SCRATCH/", "/tmp/") for word in own["args"]] == pod["container"]["args"]
    assert own["seconds"] == pod["activeDeadlineSeconds"]
    for way in ("inputs", "outputs"):
        files = [
            {"path": a["path"].replace("/tmp/", "$SCRATCH/"), "key": a["s3"]["key"]}
            | ({"optional": True} if a.get("optional") else {})
            for a in pod.get(way, {}).get("artifacts", [])
        ]
        assert own.get(way, []) == files
        assert names(template.get(way, {})) == names(pod.get(way, {}))
    assert "synchronization" not in template, "the worker runs a few at a time, and Argo asks for a limit node by node"
    retry = dict(pod["retryStrategy"])
    assert template["retryStrategy"] == {**retry, "expression": f"{retry['expression']} || lastRetry.exitCode == '-1'"}


@pytest.mark.parametrize("name", ["stocks-ingest", "stocks-gold"])
def test_worker_has_what_its_pods_have_and_no_more(name: str) -> None:
    spec = TEMPLATES[name]["spec"]
    (plugin,) = spec["executorPlugins"]
    worker = plugin["spec"]["sidecar"]["container"]
    assert not plugin["spec"]["sidecar"].get("automountServiceAccountToken"), "a token would be a right more"
    stands_for = [
        templates(TEMPLATES[name])[twin.values[1]["name"].removeprefix("warm-")]["container"]
        for twin in TWINS
        if twin.values[0] is TEMPLATES[name]
    ]
    given = [variable for pod in stands_for for variable in pod["env"]]
    ours = [variable for variable in worker["env"] if not variable["name"].startswith("ARTIFACTS_")]
    assert sorted(map(json.dumps, ours)) == sorted({json.dumps(variable) for variable in given})
    for key in ("image", "securityContext", "envFrom", "volumeMounts", "command"):
        assert all(worker[key] == pod[key] for pod in stands_for)


def test_gold_has_no_schedule_and_only_commit_may_start_it() -> None:
    assert [m["metadata"]["name"] for m in MANIFESTS.values() if m["kind"] == "CronWorkflow"] == ["stocks-daily"]
    assert MANIFESTS["stocks-daily"]["spec"]["workflowSpec"]["workflowTemplateRef"]["name"] == "stocks-ingest"
    starters = [
        pod.values[1]["name"]
        for pod in PODS
        if "--start-gold" in pod.values[1]["container"]["args"] or "serviceAccountName" in pod.values[1]
    ]
    assert starters == ["commit"]


@pytest.mark.parametrize(("manifest", "template"), PODS)
def test_pod_has_no_rights(manifest: Manifest, template: Manifest) -> None:
    pod, container = manifest["spec"]["securityContext"], template["container"]["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["runAsUser"] == 10001
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["allowPrivilegeEscalation"] is False
    assert container["readOnlyRootFilesystem"] is True
    assert container["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(("manifest", "template"), PODS)
def test_pod_has_limits_a_deadline_and_an_image_that_nobody_pulls(manifest: Manifest, template: Manifest) -> None:
    container = template["container"]
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]
    assert 0 < template["activeDeadlineSeconds"] <= manifest["spec"]["activeDeadlineSeconds"]
    assert container["image"] == (DBT if container["command"] == ["argodbt"] else PIPELINE)
    assert container["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize(("manifest", "template"), PODS)
def test_pod_is_run_again_after_passing_faults_and_kills_alone(manifest: Manifest, template: Manifest) -> None:
    retry = template["retryStrategy"]
    codes = {int(code) for code in re.findall(r"\d+", retry["expression"].partition("[")[2])}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.StocksError)]
    transient = {kind.exit_code for kind in kinds if issubclass(kind, errors.TransientError)}
    terminal = {kind.exit_code for kind in kinds if issubclass(kind, errors.TerminalError)} - {70}
    assert transient == {75} <= codes
    assert not terminal & codes
    assert codes - transient == {130, 137, 143}
    assert retry["limit"] <= 5
    assert {"duration", "factor", "maxDuration"} <= retry["backoff"].keys()


def test_only_the_pod_that_asks_the_provider_queues_for_it() -> None:
    queued = [pod.values[1]["name"] for pod in PODS if "synchronization" in pod.values[1]]
    assert queued == [step.name for step in STEPS if step.needs.provider]


def test_secrets_are_where_they_are_used_and_nowhere_else() -> None:
    given = {
        pod.values[1]["name"]: {
            variable["valueFrom"]["secretKeyRef"]["name"]
            for variable in pod.values[1]["container"]["env"]
            if "valueFrom" in variable
        }
        for pod in PODS
    }
    assert [name for name, secrets in given.items() if "warehouse-owner" in secrets] == ["prepare", "finish", "task"]
    assert [name for name, secrets in given.items() if "stocks-provider" in secrets] == ["extract"]
    assert {name for name, secrets in given.items() if "bronze-writer" in secrets} == {
        *("extract", "normalize", "plan-replay", "replay")
    }
    for pod in PODS:
        for variable in pod.values[1]["container"]["env"]:
            secret = re.search("KEY|PASSWORD|TOKEN|SECRET|WAREHOUSE_URL", variable["name"])
            assert not secret or "secretKeyRef" in variable["valueFrom"], variable


@pytest.mark.parametrize("name", TEMPLATES)
def test_workflow_ends_with_a_report_on_all_its_steps_and_cleans_up(name: str) -> None:
    spec = TEMPLATES[name]["spec"]
    report = templates(TEMPLATES[name])[spec["onExit"]]["container"]["args"]
    reported = report[report.index("--steps") + 1].split(",")
    # The tasks of gold's DAG are told by its last pod.
    ours = [step.name for step in STEPS if step is not GOLD]
    expected = {
        "stocks-ingest": ours,
        "stocks-gold": ["prepare", "gold"],
        "stocks-replay": ["plan-replay", "replay", "prepare", "gold"],
    }
    assert reported == expected[name]
    assert spec["podGC"]["strategy"] == "OnPodSuccess"
    assert {"secondsAfterSuccess", "secondsAfterFailure"} <= spec["ttlStrategy"].keys()
    assert spec["synchronization"]["mutexes"]


@pytest.mark.parametrize("day", ["2026-01-15", "2026-03-09", "2026-07-15", "2026-11-02"])
def test_daily_run_starts_when_the_days_prices_are_settled(day: str) -> None:
    spec = MANIFESTS["stocks-daily"]["spec"]
    (schedule,) = spec["schedules"]
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(spec["timezone"]))
    start = next(CronSim(schedule, noon))
    assert start.date() == noon.date()
    for symbol in ("IBM", "TSCO.LON", "SHOP.TRT"):
        assert calendar_of(symbol).settled_at(noon.date()) <= start
    assert spec["concurrencyPolicy"] == "Forbid"
