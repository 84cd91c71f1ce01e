"""Gold built as a workflow's pods build it: prepare, a task, finish, each a process of its own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.conftest import NewInstance
from tests.instance import Instance
from tests.silver import OF_SERIES

from argodbt.results import without_result
from stocks.embedded import EmbeddedPostgres

pytestmark = pytest.mark.slow

FB = OF_SERIES.format(symbol="FB")
UNDONE = "1+result:fail+ 1+result:error+ result:skipped+"


@dataclass
class Pods:
    """What a workflow's pods share: the warehouse, and a folder in place of the artifact store."""

    instance: Instance
    url: str
    store: Path

    def run(self, *prepare: str) -> dict[str, int]:
        """Runs a workflow with a single task; gives the exit code of each pod."""
        folder, run_id = self.store / uuid.uuid4().hex, str(uuid.uuid4())
        selection = f"--selection={folder / 'selection.json'}"
        selected = folder / "selected"
        codes = {
            "prepare": self.pod(
                "prepare", run_id, selection, f"--state={self.store / 'last'}", f"--to={selected}", *prepare
            )
        }
        if codes["prepare"] == 0:
            task = folder / "tasks" / "stocks"
            if selected.read_text():
                codes["task"] = self.pod("task", run_id, "stocks", selection, f"--results={task}", f"--earlier={task}")
            codes["finish"] = self.pod(
                "finish", run_id, selection, f"--parts={folder / 'tasks'}", f"--results={folder / 'results'}"
            )
            for path in (folder / "results" / "last").glob("*.json"):
                (self.store / "last").mkdir(exist_ok=True)
                path.replace(self.store / "last" / path.name)
        return codes

    def pod(self, command: str, run_id: str, *arguments: str) -> int:
        """Runs one pod's command; what it said is in `said`."""
        more = ["--granularity=single"] if command == "prepare" else []
        ended = self.instance.run(
            *("argodbt", command, *arguments, *more, f"--run-id={run_id}"),
            f"--manifest={self.store / 'manifest.json'}",
            STOCKS_WAREHOUSE_URL=self.url,
            ARGODBT_HOOKS="stocks.gold.books:of_run",
        )
        self.said = ended.stdout + ended.stderr
        return ended.returncode

    def models(self) -> dict[str, str]:
        """What the last task did: the status of each model."""
        newest = max(self.store.glob("*/tasks/stocks/run_results.json"), key=lambda path: path.stat().st_mtime)
        results: list[dict[str, Any]] = json.loads(newest.read_text())["results"]
        found = ((result["unique_id"].split("."), result["status"]) for result in results)
        return {name: status for (kind, _, name, *_), status in found if kind == "model"}

    def change(self, statement: str) -> None:
        """Changes the warehouse behind the pipeline's back."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="module")
def pods(new_instance: NewInstance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    """An instance with the sample in gold, and its server running."""
    folder = tmp_path_factory.mktemp("pods")
    instance = new_instance(folder / "state")
    ended = instance.stocks("run", "--tickers", "FB,GOOG", "--json")
    assert ended.returncode == 0, ended.stdout
    store = folder / "store"
    store.mkdir()
    (store / "manifest.json").write_bytes((folder / "state" / "dbt" / "target" / "manifest.json").read_bytes())
    with EmbeddedPostgres(folder / "state").running() as server:
        yield Pods(instance=instance, url=server.url("stocks_owner"), store=store)


def test_a_first_build_goes_on_from_a_parse_made_elsewhere(pods: Pods) -> None:
    log = (pods.instance.state / "dbt" / "logs" / "dbt.log").read_text()
    assert "Partial parsing enabled, no changes found, skipping parsing" in log


def builds(pods: Pods) -> list[str]:
    return pods.instance.query("select published_at is not null from ops.gold_build order by build_id")


def test_whole_build_in_pods_is_that_of_one_process(pods: Pods) -> None:
    before, rules = pods.instance.gold(), pods.instance.query(RULES)
    assert pods.run("--if-due", "--full-refresh") == {"prepare": 0, "task": 0, "finish": 0}
    assert pods.instance.gold() == before
    assert pods.instance.query(RULES) == rules
    assert builds(pods) == ["True", "True"]


def test_current_gold_is_left_alone(pods: Pods) -> None:
    before = builds(pods)
    assert pods.run("--if-due") == {"prepare": 0, "finish": 0}
    assert builds(pods) == before


def test_selection_is_built_on_a_copy_of_what_is_published(pods: Pods) -> None:
    before = pods.instance.gold()
    seen = pods.instance.query("select load_id, fingerprint from ops.gold_build order by build_id desc limit 1")
    assert pods.run("--if-due", "--select=fact_weekly_prices") == {"prepare": 0, "task": 0, "finish": 0}
    assert pods.models() == {"fact_weekly_prices": "success"}
    assert pods.instance.gold() == before
    # Rules that did not run again still stand, and the build has seen no more than the one it began from.
    assert "price_keys_are_unique,pass,0" in pods.instance.query(RULES)
    assert pods.instance.query("select load_id, fingerprint from ops.gold_build order by build_id desc limit 1") == seen


def test_failed_build_is_not_published_and_is_gone_on_with(pods: Pods) -> None:
    pods.change(f"update silver.bar set high = low - 1 where price_date = '2012-06-01' and {FB}")
    before = pods.instance.gold()
    assert pods.run("--full-refresh") == {"prepare": 0, "task": 65, "finish": 65}
    assert "assert_prices_agree_within_a_bar" in pods.said
    assert pods.instance.gold() == before
    assert pods.models()["mart_stock_summary"] == "skipped"

    assert pods.run("--select=result:fail") == {"prepare": 78}
    assert "mart_stock_summary" in pods.said, "a selection that leaves failed nodes out would publish without them"

    pods.change(f"update silver.bar set high = low + 9 where price_date = '2012-06-01' and {FB}")
    assert pods.run("--full-refresh", f"--select={UNDONE}") == {"prepare": 0, "task": 0, "finish": 0}
    assert {"fact_adjusted_prices", "fact_weekly_prices", "mart_stock_summary"} <= set(pods.models())
    assert not {"dim_stock", "dim_date", "series_source"} & set(pods.models()), "what was built stays"
    assert builds(pods)[-2:] == ["False", "True"]


def test_task_of_an_overtaken_build_refuses_to_write(pods: Pods) -> None:
    selection = f"--selection={pods.store / 'overtaken.json'}"
    assert pods.pod("prepare", str(uuid.uuid4()), selection) == 0
    assert pods.pod("prepare", str(uuid.uuid4()), f"--selection={pods.store / 'newer.json'}") == 0
    assert pods.pod("task", str(uuid.uuid4()), "stocks", selection, f"--results={pods.store / 'x'}") == 78
    assert "another build of gold has begun" in pods.said


def test_finish_that_has_noted_the_passing_fault_of_a_task_is_not_run_again(pods: Pods) -> None:
    run, selection = str(uuid.uuid4()), f"--selection={pods.store / 'lost.json'}"
    assert pods.pod("prepare", run, selection) == 0
    lost = without_result(["model.stocks.dim_date"], "server closed the connection unexpectedly")
    part = {"metadata": {}, "results": [lost[0] | {"status": "error"}]}
    (folder := pods.store / "lost" / "tasks" / "dim-date").mkdir(parents=True)
    (folder / "run_results.json").write_text(json.dumps(part))
    for _ in range(2):
        finish = ("finish", run, selection, f"--parts={folder.parent}", f"--results={pods.store / 'lost'}")
        assert pods.pod(*finish) == 1
        assert "server closed the connection" in pods.said
    assert pods.instance.query(f"select step, exit_code from ops.step where run_id = '{run}' order by 1") == [
        "gold,1",
        "prepare,0",
    ]
    assert pods.instance.query(
        "select message like '%dim_date%' from ops.gold_build order by build_id desc limit 1"
    ) == ["True"]


def test_workflow_of_another_state_of_the_project_refuses(pods: Pods) -> None:
    selection = f"--selection={pods.store / 'skewed.json'}"
    assert pods.pod("prepare", str(uuid.uuid4()), selection, "--digest=0123456789ab") == 78
    assert "Render and apply the WorkflowTemplate again" in pods.said


RULES = """
select rule, status, failures from ops.data_quality
where build_id = (select max(build_id) from ops.data_quality) order by rule
"""
