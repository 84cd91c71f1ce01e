"""The steps of a workflow: one process each, one run in the log, and a report that ends it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from tests.instance import Instance, events

RUN = str(uuid.UUID(int=7))
STEPS = "plan,extract,normalize,commit"


def steps(instance: Instance, tickers: str, tmp_path: Path) -> None:
    """All steps but the report, as stocks-ingest starts them."""
    batches = tmp_path / "batches.json"
    planned = instance.stocks("plan", "--run-id", RUN, f"--tickers={tickers}", "--batch-size=2", "--to", str(batches))
    assert planned.returncode == 0, planned.stderr
    for batch in json.loads(batches.read_text()):
        for step in ("extract", "normalize"):
            instance.stocks(step, "--run-id", RUN, f"--tickers={batch}")
    assert instance.stocks("commit", "--run-id", RUN).returncode == 0


def report(instance: Instance) -> tuple[int, list[tuple[str, str]]]:
    """The report's exit code, and the steps and subjects that failed."""
    ended = instance.stocks("report", "--run-id", RUN, "--steps", STEPS, "--json")
    told = [event for event in events(ended) if event["event"] == "failure"]
    return ended.returncode, [(event["step"], event["subject"]) for event in told]


def test_steps_share_a_run_which_the_report_ends(instance: Instance, tmp_path: Path) -> None:
    steps(instance, "FB,ZZZZ,IBM", tmp_path)
    assert instance.query("select finished_at is null from ops.run") == ["True"]
    assert report(instance) == (65, [("extract", "ZZZZ")])
    assert instance.query("select run_id, command, exit_code, finished_at is not null from ops.run") == [
        f"{RUN},ingest,65,True"
    ]
    assert instance.query("select step, batch, exit_code from ops.step order by started_at") == [
        "plan,,0",
        "extract,FB,ZZZZ,65",
        "normalize,FB,ZZZZ,0",
        "extract,IBM,0",
        "normalize,IBM,0",
        "commit,,0",
    ]
    # What came after a batch with a failing ticker has run all the same.
    assert instance.query("select distinct symbol from silver.price_bar order by 1") == ["FB", "IBM"]
    # Repeating a step overwrites what its earlier try said.
    assert instance.stocks("extract", "--run-id", RUN, "--tickers=IBM").returncode == 0
    assert report(instance) == (65, [("extract", "ZZZZ")])


def test_plan_that_fails_is_all_that_a_report_names(instance: Instance) -> None:
    assert instance.stocks("plan", "--run-id", RUN, STOCKS_SOURCE="quandl").returncode == 78
    assert report(instance) == (78, [("plan", "")])


def test_gold_that_a_workflow_builds_leaves_its_run_open(instance: Instance) -> None:
    assert instance.stocks("extract", "--tickers=FB").returncode == 0
    assert instance.stocks("normalize", "--tickers=FB").returncode == 0
    assert instance.stocks("gold", "--if-changed", "--run-id", RUN).returncode == 0
    assert instance.query("select command, finished_at is null from ops.run where finished_at is null") == ["gold,True"]
    assert instance.query("select count(*) from gold.fact_adjusted_prices") == ["196"]
    assert instance.query("select step, exit_code from ops.step") == ["gold,0"]


def test_replay_may_stop_at_silver(instance: Instance) -> None:
    assert instance.stocks("extract", "--tickers=FB").returncode == 0
    assert instance.stocks("replay", "--no-gold", "--run-id", RUN).returncode == 0
    assert instance.query("select count(*) from silver.price_bar") == ["196"]
    assert instance.query("select to_regclass('gold.fact_adjusted_prices') is null") == ["True"]


def test_series_may_be_chosen_for_one_fetch(instance: Instance) -> None:
    assert instance.stocks("extract", "--tickers=FB", "--series=weekly_adjusted").returncode == 0
    assert instance.stocks("normalize", "--tickers=FB").returncode == 0
    assert instance.query("select distinct interval from silver.price_bar") == ["weekly"]
    assert instance.stocks("extract", "--tickers=FB", "--series=hourly").returncode == 78


def test_commit_starts_gold_for_a_run_alone(instance: Instance) -> None:
    assert instance.stocks("extract", "--tickers=FB").returncode == 0
    assert instance.stocks("normalize", "--tickers=FB").returncode == 0
    assert instance.stocks("commit", "--start-gold").returncode == 78


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_cluster_that_is_not_there_is_said_to_be_missing(command: str, instance: Instance, tmp_path: Path) -> None:
    ended = instance.stocks(command, "--cluster", "--json", KUBECONFIG=str(tmp_path / "none"), HOME=str(tmp_path))
    assert ended.returncode == 78
    assert "kubectl" in ended.stdout


def test_report_on_a_passing_fault_is_not_tried_again(instance: Instance, tmp_path: Path) -> None:
    """Its books are written: a pod that ended with 75 would be run five times to write them again."""
    steps(instance, "FB", tmp_path)
    broken = {"STOCKS_PROVIDER_URL": "http://127.0.0.1:9/query"}
    assert instance.stocks("extract", "--run-id", RUN, "--tickers=FB", "--force", **broken).returncode == 75
    assert report(instance) == (1, [("extract", "FB")])
    assert instance.query("select exit_code, finished_at is not null from ops.run") == ["75,True"]
