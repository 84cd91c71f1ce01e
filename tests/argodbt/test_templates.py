"""Any dbt project as a WorkflowTemplate: what its DAG says, and how large it gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from argodbt.errors import ConfigError
from argodbt.graph import Granularity, graph_of
from argodbt.manifest import Manifest, Node, PodConfig
from argodbt.templates import DbtPods, template_of, warning

SCHEMA = json.loads((Path(__file__).parents[1] / "workflows" / "schemas" / "argo-workflows.json").read_text())


def model(name: str, *parents: str, **facts: Any) -> Node:
    return Node(
        unique_id=f"model.shop.{name}",
        name=name,
        kind="model",
        fqn=("shop", name),
        package="shop",
        parents=tuple(f"model.shop.{parent}" for parent in parents),
        **{"materialized": "table", **facts},
    )


def manifest(*nodes: Node) -> Manifest:
    return Manifest(project="shop_floor", dbt_version="1.11.0", nodes={node.unique_id: node for node in nodes})


SHOP = manifest(
    model("orders"),
    model("customers", "orders"),
    model("refunds", "orders", pod=PodConfig(memory="2Gi", retries=1, timeout="90s", cpu="2")),
    model("report", "customers", "refunds", "orders"),
)


def rendered(project: Manifest, **options: Any) -> dict[str, Any]:
    asked = {"name": "", "image": "", "secrets": [], "hooks": "", "artifacts": ""}
    pods = DbtPods.of_project(project, **{name: options.pop(name, default) for name, default in asked.items()})
    place = {"namespace": "", "service_account": "", **options}
    found: dict[str, Any] = yaml.safe_load(template_of(project, pods, **place))
    return found


def templates(made: dict[str, Any]) -> dict[str, Any]:
    return {template["name"]: template for template in made["spec"]["templates"]}


def test_template_of_another_project_is_valid_and_its_own() -> None:
    made = rendered(SHOP, secrets=["shop-warehouse"], service_account="shop", namespace="data", image="shop:3")
    jsonschema.Draft7Validator(SCHEMA).validate(made)
    assert made["metadata"]["name"] == "shop-floor"
    assert made["metadata"]["namespace"] == "data"
    text = json.dumps(made)
    assert "stocks" not in text
    assert "--run-id" not in text, "its builds are recorded nowhere"
    assert "ARGODBT_HOOKS" not in text
    for template in made["spec"]["templates"]:
        if container := template.get("container"):
            assert container["image"] == "shop:3"
            assert container["envFrom"] == [{"secretRef": {"name": "shop-warehouse"}}]


def test_hooks_are_told_the_run() -> None:
    for template in rendered(SHOP, hooks="shop.books:Books")["spec"]["templates"]:
        if container := template.get("container"):
            assert {"name": "ARGODBT_HOOKS", "value": "shop.books:Books"} in container["env"]
            assert "--run-id={{workflow.uid}}" in container["args"]


def test_dag_is_the_graph() -> None:
    every = templates(rendered(SHOP))
    for granularity in (Granularity.MODEL, Granularity.LAYER):
        graph = graph_of(SHOP, granularity).reduced()
        drawn = {
            task["name"]: tuple(task["depends"].split(" && ")) if "depends" in task else ()
            for task in every[granularity]["dag"]["tasks"]
        }
        assert drawn == {task.name: task.after for task in graph.tasks}
        assert every[granularity]["dag"]["failFast"] is False, "a model that failed stops what hangs on it alone"


def test_task_runs_where_any_of_its_nodes_is_selected() -> None:
    for task in templates(rendered(SHOP))["model"]["dag"]["tasks"]:
        selected = "inputs.parameters.selected"
        assert task["when"] == f"{{{{= {selected} == 'all' || {selected} contains ',{task['name']},' }}}}"


def test_meta_argo_makes_a_template_of_its_own() -> None:
    every = templates(rendered(SHOP))
    plain, own = every["task"], every["task-refunds"]
    assert own["container"]["resources"] == {
        "requests": {"cpu": "2", "memory": "2Gi"},
        "limits": {"memory": "8Gi"},
    }
    assert own["activeDeadlineSeconds"] == 90
    assert own["retryStrategy"]["limit"] == 1
    assert own["container"]["args"] == plain["container"]["args"]
    used = {task["name"]: task["template"] for task in every["model"]["dag"]["tasks"]}
    assert used == {"orders": "task", "customers": "task", "refunds": "task-refunds", "report": "task"}


def test_what_an_earlier_try_did_is_given_to_the_next() -> None:
    task = templates(rendered(SHOP))["task"]
    written = {artifact["name"]: artifact["s3"]["key"] for artifact in task["outputs"]["artifacts"]}
    read = {artifact["name"]: artifact for artifact in task["inputs"]["artifacts"]}
    assert read["earlier"]["s3"]["key"] == written["run-results"]
    assert read["earlier"]["optional"] is True


def test_project_without_anything_to_run_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to run"):
        rendered(manifest())


def test_five_hundred_models_stay_under_argos_limit() -> None:
    large = manifest(*(model(f"model_number_{number}", *_parents(number)) for number in range(500)))
    made = rendered(large)
    # Argo keeps the template in the workflow's status, which etcd holds to 1.5 MiB and Argo itself to 1 MiB,
    # together with half a kilobyte for each node, compressed.
    assert len(json.dumps(made)) < 400_000
    assert len(templates(made)["model"]["dag"]["tasks"]) == 500
    assert "has 500 tasks, and Argo 4's full definitions allow 200" in warning(large)
    assert warning(manifest(model("orders"))) == ""


def _parents(number: int) -> list[str]:
    return [f"model_number_{parent}" for parent in {number - 1, number // 2, number // 3} if 0 <= parent < number]


def test_models_need_no_pods_where_the_worker_can_reach_the_artifact_store() -> None:
    assert "executorPlugins" not in rendered(SHOP)["spec"]
    (granularity, *_) = rendered(SHOP)["spec"]["arguments"]["parameters"]
    assert "warm" not in granularity["enum"]
    made = rendered(SHOP, artifacts="shop-artifacts")
    jsonschema.Draft7Validator(SCHEMA).validate(made)
    assert made["kind"] == "WorkflowTemplate"
    (granularity, *_) = made["spec"]["arguments"]["parameters"]
    assert granularity["enum"] == ["model", "layer", "single", "warm"]
    (plugin,) = made["spec"]["executorPlugins"]
    worker = plugin["spec"]["sidecar"]["container"]
    assert worker["command"] == ["argodbt"]
    assert worker["resources"] == {"requests": {"cpu": "100m", "memory": "2Gi"}, "limits": {"memory": "8Gi"}}
    assert {"ARTIFACTS_URL", "ARTIFACTS_SECRET_ACCESS_KEY"} <= {variable["name"] for variable in worker["env"]}
    every = templates(made)
    graph = graph_of(SHOP, Granularity.WARM).reduced()
    drawn = {
        task["name"]: tuple(task["depends"].split(" && ")) if "depends" in task else ()
        for task in every["models"]["dag"]["tasks"]
    }
    assert drawn == {task.name: task.after for task in graph.tasks}
    own = every["warm-task-refunds"]
    assert own["plugin"]["worker"]["seconds"] == 90
    assert own["retryStrategy"]["limit"] == 1


def test_model_that_asks_for_a_pod_of_its_own_gets_it_among_others_without() -> None:
    shop = manifest(model("orders"), model("large", "orders", pod=PodConfig(own_pod=True, memory="9Gi")))
    made = rendered(shop, artifacts="shop-artifacts")
    used = {task["name"]: task["template"] for task in templates(made)["models"]["dag"]["tasks"]}
    assert used == {"orders": "warm-task", "large": "task-large"}
    (plugin,) = made["spec"]["executorPlugins"]
    assert plugin["spec"]["sidecar"]["container"]["resources"]["limits"] == {"memory": "1536Mi"}
