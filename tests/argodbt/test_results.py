"""What became of dbt's nodes, over pods and tries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dbt.artifacts.schemas.run import RunResultsArtifact
from hypothesis import given
from hypothesis import strategies as st

from argodbt.build import finish
from argodbt.dbt import Dbt
from argodbt.errors import ConfigError, TestsFailed, Unavailable
from argodbt.graph import Granularity
from argodbt.hooks import Hooks
from argodbt.manifest import Manifest, Node
from argodbt.results import (
    NodeResult,
    done,
    failure,
    is_passing_fault,
    merged,
    node_results,
    of_sources,
    read_results,
    without_result,
)
from argodbt.selection import Asked, Selection
from argodbt.tasks import below, run_task, selection, still_to_do

STATUSES = ("success", "pass", "warn", "fail", "error", "skipped")


def results(**statuses: str) -> dict[str, Any]:
    """An artifact with a result for each node."""
    told = without_result([f"model.shop.{name}" for name in statuses], "")
    for result in told:
        result["status"] = statuses[result["unique_id"].split(".")[2]]
    return {"metadata": {"generated_at": "2026-11-20T22:00:00Z"}, "results": told, "elapsed_time": 1.0, "args": {}}


def node(name: str, *parents: str, kind: str = "model") -> Node:
    return Node(
        unique_id=f"{kind}.shop.{name}",
        name=name,
        kind=kind,
        fqn=("shop", name),
        package="shop",
        parents=parents,
        tested=parents[0].split(".")[2] if kind == "test" else "",
    )


def manifest(*nodes: Node) -> Manifest:
    return Manifest(project="shop", dbt_version="1.11.0", nodes={each.unique_id: each for each in nodes})


def bad(message: str, status: str = "error") -> NodeResult:
    facts = {"unique_id": "model.shop.a", "name": "a", "kind": "model", "model": "a", "severity": "error", "sql": ""}
    return NodeResult(**facts, status=status, failures=0, message=message, seconds=0.0)


PARTS = st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(STATUSES), max_size=4), max_size=5)


@given(PARTS)
def test_of_a_node_the_last_try_counts(parts: list[dict[str, str]]) -> None:
    whole = merged(results(**part) for part in parts)
    last: dict[str, str] = {}
    for part in parts:
        last |= part
    assert {result["unique_id"].split(".")[2]: result["status"] for result in whole["results"]} == last
    assert done(whole) == {f"model.shop.{name}" for name, status in last.items() if status in STATUSES[:3]}


def test_merged_results_can_be_read_by_dbt(tmp_path: Path) -> None:
    metadata = {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
        "dbt_version": "1.11.0",
        "generated_at": "2026-11-20T22:00:00Z",
        "invocation_id": None,
        "env": {"STOCKS_GOLD_BUILD": "7"},
    }
    fresh = {
        "metadata": metadata,
        "results": [{"unique_id": "source.shop.raw.b", "status": "warn", "max_loaded_at_time_ago_in_s": 7200.0}],
    }
    whole = merged([of_sources(fresh), {**results(a="success", c="fail"), "metadata": metadata}])
    path = tmp_path / "run_results.json"
    path.write_text(json.dumps(whole))
    read = RunResultsArtifact.read_and_check_versions(str(path))
    assert {result.unique_id: str(result.status) for result in read.results} == {
        "model.shop.a": "success",
        "model.shop.c": "fail",
        "source.shop.raw.b": "warn",
    }


def test_age_of_a_source_is_told_in_hours() -> None:
    sources = [
        {"unique_id": "source.shop.raw.old", "status": "error", "max_loaded_at_time_ago_in_s": 9000.0},
        {"unique_id": "source.shop.raw.gone", "status": "runtime error", "error": "relation does not exist"},
    ]
    told = {
        result["unique_id"]: result["message"] for result in of_sources({"metadata": {}, "results": sources})["results"]
    }
    assert told == {
        "source.shop.raw.old": "newest row 2.5 hours old",
        "source.shop.raw.gone": "relation does not exist",
    }


def test_file_that_is_no_artifact_is_refused(tmp_path: Path) -> None:
    assert read_results(tmp_path) is None
    for wrong in ("{", "[]", '{"results": 1}'):
        (tmp_path / "run_results.json").write_text(wrong)
        with pytest.raises(ConfigError, match="run_results"):
            read_results(tmp_path)


def test_results_know_what_the_manifest_says_of_their_nodes() -> None:
    project = manifest(node("a"), node("a_is_unique", "model.shop.a", kind="test"))
    part = {"metadata": {}, "results": without_result(["model.shop.a", "test.shop.a_is_unique", "model.old.x"], "")}
    told = {result.name: (result.kind, result.model) for result in node_results(part, project)}
    assert told == {"a": ("model", "a"), "a_is_unique": ("test", "a"), "x": ("model", "x")}


@pytest.mark.parametrize(
    ("messages", "kind"),
    [
        (["syntax error"], ConfigError),
        (["new row violates check constraint"], TestsFailed),
        (["syntax error", "server closed the connection unexpectedly"], Unavailable),
        (["violates not-null", "deadlock detected"], Unavailable),
    ],
)
def test_passing_fault_comes_before_broken_rules_before_errors_of_ours(messages: list[str], kind: type) -> None:
    error = failure([bad(message) for message in messages], hint="What to do.")
    assert type(error) is kind
    assert all(message in str(error) for message in messages)


def test_error_names_some_of_many() -> None:
    text = str(failure([bad(f"number {number}.") for number in range(100)]))
    assert "100 of dbt's nodes failed" in text
    assert "number 19." in text
    assert "number 20." not in text


SHOP = manifest(
    node("a"),
    node("a_holds", "model.shop.a", kind="test"),
    node("a_is_unique", "model.shop.a", kind="test"),
    node("b", "model.shop.a"),
    node("c", "model.shop.b"),
    node("other"),
)
ALL = set(SHOP.nodes)


def test_nothing_done_means_all_to_do() -> None:
    assert still_to_do(SHOP, ALL, None) == ALL


def test_failed_test_runs_again_with_what_it_looked_at_and_all_below() -> None:
    earlier = results(a="success", b="skipped", c="skipped", other="success")
    told = without_result(["test.shop.a_holds", "test.shop.a_is_unique"], "")
    told[0]["status"], told[1]["status"] = "fail", "pass"
    earlier["results"] += told
    assert still_to_do(SHOP, ALL, earlier) == ALL - {"model.shop.other"}


def test_what_is_another_tasks_is_not_run_again() -> None:
    own = {"model.shop.b", "model.shop.c"}
    assert still_to_do(SHOP, own, results(b="success", c="error")) == {"model.shop.c"}


def test_below_follows_every_edge() -> None:
    assert below(SHOP, ["model.shop.b"]) == {"model.shop.c"}
    assert below(SHOP, ["model.shop.a"]) == ALL - {"model.shop.a", "model.shop.other"}


def test_dbt_is_told_every_node_by_its_full_name() -> None:
    assert selection(SHOP, {"model.shop.b", "test.shop.a_holds"}) == [
        *("--indirect-selection", "empty", "--select", "fqn:shop.a_holds", "fqn:shop.b"),
    ]


def test_whole_project_is_told_in_two_words() -> None:
    assert selection(SHOP, ALL) == ["--select", "fqn:*"]


def test_node_whose_name_goes_on_from_anothers_is_not_taken_along() -> None:
    other = Node(unique_id="model.shop.other", name="other", kind="model", fqn=("shop", "a", "other"), package="shop")
    project = manifest(node("a"), node("b"), other)
    assert selection(project, {"model.shop.a"})[-2:] == ["--exclude", "fqn:shop.a.other"]
    assert "--exclude" not in selection(project, {"model.shop.a", "model.shop.other"})


def test_unit_test_of_an_ephemeral_model_brings_the_model() -> None:
    inline = Node(
        **{**node("inline").__dict__, "materialized": "ephemeral"},
    )
    project = manifest(inline, node("inline_adds_up", "model.shop.inline", kind="unit_test"), node("other"))
    assert "fqn:shop.inline" in selection(project, {"unit_test.shop.inline_adds_up"})


def test_source_that_says_nothing_of_its_age_is_no_node_that_was_lost(tmp_path: Path) -> None:
    raw = Node(unique_id="source.shop.raw.a", name="a", kind="source", fqn=("shop", "raw", "a"), package="shop")
    told = run_task(
        manifest(raw),
        {raw.unique_id},
        dbt=Dbt(tmp_path / "dbt"),
        results=tmp_path,
    )
    selected = Selection(nodes=(raw.unique_id,), granularity=Granularity.MODEL, asked=Asked())
    outcome = finish(manifest(raw), selected, [told], hooks=Hooks(), results=tmp_path)
    assert outcome.error is None
    assert [result.status for result in outcome.results] == ["no-op"]


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ('connection to server at "postgres" (10.96.0.7), port 5432 failed: Connection refused', True),
        ('connection to server at "postgres", port 5432 failed: FATAL:  the database system is starting up', True),
        ('connection to server at "postgres", port 5432 failed: FATAL:  sorry, too many clients already', True),
        (
            'connection to server at "h", port 5432 failed: FATAL:  password authentication failed for user "shop"',
            False,
        ),
        ('connection to server at "h", port 5432 failed: FATAL:  database "shop" does not exist', False),
        ('connection to server at "h", port 5432 failed: fe_sendauth: no password supplied', False),
        ('connection to server at "h", port 5432 failed: FATAL:  no pg_hba.conf entry for host', False),
    ],
)
def test_refused_login_is_no_passing_fault(text: str, passing: bool) -> None:
    """It would be retried five times, for five minutes, and tell nobody what to mend."""
    assert is_passing_fault(text) == passing
