"""The graph of tasks of this project, beside what dbt says of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests import forked
from tests.dbt import lineage

from argodbt.graph import Granularity, Graph, graph_of
from argodbt.manifest import read_manifest
from stocks.settings import project_folder


@dataclass(frozen=True, kw_only=True)
class Told:
    """What dbt and what the pipeline say."""

    manifest: dict[str, Any]
    summary: dict[str, Any]
    nodes: set[str]
    graph: Graph


def _dbt(target: Path, *arguments: str) -> str:
    ended = forked.run(
        "dbt",
        ["--quiet", *arguments, "--target-path", str(target)],
        env={**os.environ, "DBT_PROJECT_DIR": str(project_folder()), "DBT_PROFILES_DIR": str(project_folder())}
        | {"DBT_LOG_PATH": str(target / "logs")},
        cwd=Path.cwd(),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """From a build of nothing, which needs no warehouse and writes down what `dbt build` lets wait for what."""
    target = tmp_path_factory.mktemp("target")
    _dbt(target, "build", "--select", "path:nothing")
    summary = json.loads((target / "graph_summary.json").read_text())
    listed = _dbt(target, "ls", "--resource-type", "all", "--output", "json", "--output-keys", "unique_id")
    manifest = json.loads((target / "manifest.json").read_text())
    return Told(
        manifest=manifest,
        summary=summary,
        nodes=lineage.expected_nodes(listed.splitlines(), manifest),
        graph=graph_of(read_manifest(target / "manifest.json"), Granularity.MODEL),
    )


def test_the_tasks_run_what_dbt_lists(told):
    assert len(told.nodes) > 40
    assert set(told.graph.of_node) == told.nodes


def test_a_node_waits_for_what_the_manifest_says_and_for_no_more(told):
    assert lineage.pairs_of(told.graph) == lineage.pairs_of_dbt(told.manifest["parent_map"], told.nodes)


def test_a_node_waits_for_the_tests_that_it_waits_for_in_dbt_build(told):
    of_dbt, ours = lineage.gates_of_dbt(told.summary, told.nodes), lineage.gates_of(told.graph)
    assert of_dbt
    assert ours >= of_dbt
    # A test of a model and a source runs in the model's task: whoever reads only the model waits for it as well.
    for test, _ in ours - of_dbt:
        assert any(parent.startswith("source.") for parent in told.manifest["parent_map"][test])
