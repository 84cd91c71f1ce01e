"""The sample through the cluster: the same gold as in one process, and nothing twice."""

from __future__ import annotations

import json

import psycopg
import pytest
from tests.e2e.conftest import SAMPLE
from tests.e2e.platform import NAMESPACE, Platform, Workflow, output
from tests.instance import TABLES, Instance
from tools.cluster.command import run
from tools.cluster.releases import NAME

from stocks.warehouse import Role, Warehouse
from stocks.warehouse.query import read


def gold(reader: Warehouse) -> dict[str, list[str]]:
    rows = "select (to_jsonb(t) - 'silver_load_id')::text from gold.{} as t order by 1"
    return {table: [row[0] for row in read(reader, rows.format(table)).rows] for table in TABLES}


def message(reader: Warehouse, workflow: Workflow) -> tuple[int, str]:
    """How the workflow's run ended, by the run log."""
    (row,) = read(
        reader, "select exit_code, message from ops.run where run_id = %(uid)s", {"uid": workflow["metadata"]["uid"]}
    ).rows
    return row


def test_charts_pass_their_own_tests_against_the_samples_server(platform: Platform) -> None:
    settings = platform.pods.read_namespaced_config_map("stocks-settings", NAMESPACE)
    assert settings.data["STOCKS_PROVIDER_URL"] == "http://sample-api:8089/query"
    run(["helm", "test", NAME, "--namespace", NAMESPACE])


def test_gold_is_that_of_one_process(ingested: Workflow, reader: Warehouse, sample_instance: Instance) -> None:
    assert message(reader, ingested)[0] == 0
    found, expected = gold(reader), sample_instance.gold()
    for table in TABLES:
        assert found[table] == expected[table], table


def test_second_run_changes_nothing_and_starts_no_gold(
    ingested: Workflow, platform: Platform, reader: Warehouse
) -> None:
    before = gold(reader)
    again = platform.run("stocks-ingest", tickers=SAMPLE, batch_size="5", nodes="pod")
    assert again["status"]["phase"] == "Succeeded"
    assert json.loads(output(again, "commit", "changes")) == {"bars_changed": 0, "gold_due": False}
    assert gold(reader) == before


def test_failing_ticker_fails_alone_and_is_named(ingested: Workflow, platform: Platform, reader: Warehouse) -> None:
    workflow = platform.run("stocks-ingest", tickers="ZZZZ,IBM", nodes="pod")
    assert workflow["status"]["phase"] == "Failed"
    ended = {node["displayName"]: node["phase"] for node in workflow["status"]["nodes"].values()}
    assert ended["commit"] == "Succeeded"
    code, told = message(reader, workflow)
    assert code == 65
    assert "extract ZZZZ" in told
    assert "IBM" not in told


def test_replay_builds_the_same_gold_from_bronze(ingested: Workflow, platform: Platform, reader: Warehouse) -> None:
    before = gold(reader)
    workflow = platform.run("stocks-replay")
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    assert gold(reader) == before


def test_no_container_of_a_workflow_has_rights(ingested: Workflow, platform: Platform) -> None:
    selector = f"workflows.argoproj.io/workflow={ingested['metadata']['name']}"
    pods = platform.pods.list_namespaced_pod(NAMESPACE, label_selector=selector).items
    assert pods
    for pod in pods:
        assert pod.spec.security_context.run_as_non_root
        for container in (*pod.spec.containers, *(pod.spec.init_containers or [])):
            assert container.security_context.read_only_root_filesystem, (pod.metadata.name, container.name)
            assert container.security_context.capabilities.drop == ["ALL"]


def test_the_dashboards_login_can_only_read(reader: Warehouse) -> None:
    with reader.connect(Role.READER) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("delete from silver.bar")
