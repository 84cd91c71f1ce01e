"""Nodes without pods: the same as with pods, and nothing false whatever is taken away meanwhile."""

from __future__ import annotations

import base64
import json
import shutil
from collections import Counter
from collections.abc import Callable

import pytest
from kubernetes import client
from tests.e2e.conftest import SAMPLE, forwarded
from tests.e2e.platform import NAMESPACE, Platform, Workflow, output
from tests.e2e.test_gold_dag_in_cluster import UNDONE, WrongBar, phases, wrong_bar
from tests.e2e.test_pipeline_in_cluster import gold, message
from tools.cluster.command import run

from stocks.warehouse import Warehouse

__all__ = ["wrong_bar"]

AGENT = "workflows.argoproj.io/component=agent"


@pytest.fixture(scope="module", autouse=True)
def _allowed(platform: Platform) -> None:
    nodes = platform.pods.read_namespaced_config_map("stocks-nodes", NAMESPACE)
    if nodes.data["nodes"] != "warm":
        pytest.skip("the platform runs each step in a pod: chart stocks, nodes: warm (docs/cluster.md)")


@pytest.fixture(scope="module")
def before(ingested: Workflow, reader: Warehouse) -> dict[str, list[str]]:
    """Gold as pods built it."""
    return gold(reader)


def plugins(workflow: Workflow, phase: str = "") -> list[str]:
    """The display names of nodes without pods, of those in a phase."""
    nodes = workflow.get("status", {}).get("nodes", {}).values()
    return [node["displayName"] for node in nodes if node["type"] == "Plugin" and phase in ("", node["phase"])]


def test_tickers_are_nodes_without_pods(ingested: Workflow, platform: Platform) -> None:
    workflow = platform.run("stocks-ingest", tickers=SAMPLE, nodes="warm")
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    assert Counter(plugins(workflow)) == {"plan(0)": 1, "extract(0)": 5, "normalize(0)": 5}
    pods = [node["displayName"] for node in workflow["status"]["nodes"].values() if node["type"] == "Pod"]
    assert sorted(pods) == ["commit(0)", f"{workflow['metadata']['name']}.onExit(0)"]
    assert json.loads(output(workflow, "commit", "changes")) == {"bars_changed": 0, "gold_due": False}


def test_failing_ticker_fails_alone_with_its_code_its_reason_and_its_log(
    ingested: Workflow, platform: Platform, reader: Warehouse
) -> None:
    workflow = platform.run("stocks-ingest", tickers="ZZZZ,IBM", nodes="warm")
    assert workflow["status"]["phase"] == "Failed"
    (failed,) = (n for n in workflow["status"]["nodes"].values() if n["type"] == "Plugin" and n["phase"] == "Failed")
    assert failed["displayName"] == "extract(0)"
    assert failed["outputs"]["exitCode"] == "65"
    assert "ZZZZ" in failed["message"]
    (log,) = failed["outputs"]["artifacts"]
    assert log["s3"]["key"].endswith("ZZZZ).extract(0)/main.log")
    assert len(plugins(workflow)) == 5, "wrong data are not tried again"
    code, told = message(reader, workflow)
    assert code == 65
    assert "extract ZZZZ" in told


def test_models_without_pods_give_the_same_gold(
    before: dict[str, list[str]], platform: Platform, reader: Warehouse
) -> None:
    workflow = platform.run("stocks-gold", granularity="warm", full_refresh="true")
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    assert {"prepare(0)", "fact-adjusted-prices(0)", "mart-stock-summary(0)", "finish(0)"} <= set(plugins(workflow))
    assert gold(reader) == before


def test_failed_model_is_gone_on_with(
    before: dict[str, list[str]], platform: Platform, reader: Warehouse, wrong_bar: WrongBar
) -> None:
    failed = platform.run("stocks-gold", granularity="warm", full_refresh="true")
    ended = phases(failed)
    assert ended["fact-adjusted-prices"] == "Failed"
    assert ended["mart-stock-summary"] == ended["fact-weekly-prices"] == "Omitted"
    assert {ended[name] for name in ("dim-stock", "dim-date", "dim-stock-history", "restatements")} == {"Succeeded"}
    assert message(reader, failed)[0] == 65
    assert gold(reader) == before
    wrong_bar.mend()
    rest = platform.run("stocks-gold", granularity="warm", full_refresh="true", select=UNDONE)
    assert rest["status"]["phase"] == "Succeeded", rest["status"].get("message")
    ended = phases(rest)
    assert ended["fact-adjusted-prices"] == ended["mart-stock-summary"] == "Succeeded"
    assert ended["dim-stock"] == ended["dim-date"] == "Skipped"
    assert gold(reader) == before


def agent(platform: Platform, name: str) -> client.V1Pod:
    """The agent's pod of a workflow."""
    selector = f"{AGENT},workflows.argoproj.io/workflow={name}"
    (pod,) = platform.pods.list_namespaced_pod(NAMESPACE, label_selector=selector).items
    return pod


def kill_worker(platform: Platform, name: str) -> None:
    """kill -9 of the sidecar alone, from its node: a container's first process can't be killed from inside."""
    if not shutil.which("docker"):
        pytest.skip("the node is no container of Docker's")
    run(["docker", "exec", agent(platform, name).spec.node_name, "pkill", "-9", "-f", "argodbt worker"])


def kill_agent(platform: Platform, name: str) -> None:
    """The agent's pod and all in it, at once."""
    platform.pods.delete_namespaced_pod(agent(platform, name).metadata.name, NAMESPACE, grace_period_seconds=0)


def evict_agent(platform: Platform, name: str) -> None:
    """As a node that is drained does."""
    pod = agent(platform, name).metadata.name
    body = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod, namespace=NAMESPACE))
    platform.pods.create_namespaced_pod_eviction(pod, NAMESPACE, body)


def kill_controller(platform: Platform, _name: str) -> None:
    """Argo's controller, at once."""
    platform.pods.delete_collection_namespaced_pod(
        "argo", label_selector="app=workflow-controller", grace_period_seconds=0
    )


def roll_postgres(_platform: Platform, _name: str) -> None:
    """PostgreSQL, as an upgrade does it."""
    run(["kubectl", "--namespace", NAMESPACE, "rollout", "restart", "statefulset/postgres"])
    run(["kubectl", "--namespace", NAMESPACE, "rollout", "status", "statefulset/postgres", "--timeout=3m"])


def gold_now(platform: Platform) -> dict[str, list[str]]:
    """Gold by a way of its own: that of the session ends with the server that it leads to."""
    secret = platform.pods.read_namespaced_secret("warehouse-reader", NAMESPACE)
    with forwarded(base64.b64decode(secret.data["STOCKS_WAREHOUSE_URL"]).decode()) as url:
        return gold(Warehouse(url))


@pytest.mark.parametrize("fault", [kill_worker, kill_agent, evict_agent, kill_controller, roll_postgres])
def test_what_is_taken_away_is_made_good_and_nothing_false_is_said(
    fault: Callable[[Platform, str], None],
    before: dict[str, list[str]],
    platform: Platform,
) -> None:
    name = platform.start("stocks-gold", granularity="warm", full_refresh="true")
    # Some models are done, and more are at work.
    platform.until(name, lambda workflow: len(plugins(workflow, "Succeeded")) > 3)
    fault(platform, name)
    workflow = platform.wait(name)
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    assert gold_now(platform) == before


def test_worker_that_does_not_come_up_fails_its_nodes(ingested: Workflow, platform: Platform) -> None:
    spec = platform.template("stocks-ingest")["spec"]
    spec["executorPlugins"][0]["spec"]["sidecar"]["container"]["image"] = "stocks-pipeline:none"
    for template in spec["templates"]:
        template.get("retryStrategy", {}).update(limit=1)
    metadata = {"generateName": "e2e-no-worker-"}
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec}
    spec["arguments"]["parameters"] = [
        {"name": "tickers", "value": "IBM"},
        {"name": "batch-size", "value": "1"},
        {"name": "nodes", "value": "warm"},
        {"name": "series", "value": ""},
    ]
    workflow = platform.wait(platform.create(body))
    assert workflow["status"]["phase"] == "Failed"
    assert plugins(workflow, "Succeeded") == []
