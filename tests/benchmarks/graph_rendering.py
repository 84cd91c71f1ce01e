"""Processor time from a manifest to a graph of tasks, and to the WorkflowTemplate of it; and how large that is.

    python tests/benchmarks/graph_rendering.py [MODELS] [MANIFEST]

Without a manifest one is made up: a third of the models are staging views, one in twelve is ephemeral, each has three
tests, and one in ten a test that looks at a second model too.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import yaml

from argodbt.graph import Granularity, graph_of
from argodbt.manifest import SCHEMA, read_manifest
from argodbt.templates import DbtPods, template_of

LARGEST_WORKFLOW = 1 << 20  # bytes of JSON that Argo takes (MAX_WORKFLOW_SIZE), the status included


def manifest(models: int) -> dict[str, Any]:
    """A manifest of dbt with its usual ballast: SQL and columns."""
    chance = random.Random(12)
    nodes: dict[str, Any] = {}
    sources = {
        f"source.shop.raw.table_{number}": _entry("source", f"raw.table_{number}", "") for number in range(models // 5)
    }
    for source in list(sources.values())[::3]:
        source["freshness"] = {"warn_after": {"count": 1, "period": "day"}, "error_after": None, "filter": None}
    made: list[str] = []
    for number in range(models):
        staging = number < models // 3
        materialized = (
            "view" if staging else "ephemeral" if number % 12 == 0 else chance.choice(["table", "incremental"])
        )
        parents = [chance.choice(list(sources))] if staging else chance.sample(made[-150:], chance.randint(1, 4))
        key = f"model.shop.{'stg' if staging else 'fct'}_{number:04}"
        nodes[key] = _entry("model", key.split(".", 2)[2], materialized, *parents)
        made.append(key)
        tested = [[key]] * 3 + ([[key, chance.choice(made)]] if number % 10 == 0 else [])
        for place, parents in enumerate(tested):
            test = f"test.shop.rule_{place}_of_{number:04}.{chance.randbytes(5).hex()}"
            nodes[test] = _entry("test", test.split(".")[2], "test", *parents)
    metadata = {"dbt_schema_version": SCHEMA, "dbt_version": "1.11.0", "project_name": "shop"}
    return {"metadata": metadata, "nodes": nodes, "sources": sources}


def _entry(kind: str, name: str, materialized: str, *parents: str) -> dict[str, Any]:
    columns = {f"column_{number}": {"name": f"column_{number}", "description": "x" * 80} for number in range(20)}
    return {
        "unique_id": f"{kind}.shop.{name}",
        "name": name,
        "resource_type": kind,
        "package_name": "shop",
        "fqn": ["shop", *name.split(".")],
        "original_file_path": f"models/{name}.sql",
        "raw_code": "select * from somewhere\n" * 60,
        "config": {"enabled": True, "materialized": materialized, "meta": {}},
        "depends_on": {"macros": [], "nodes": list(dict.fromkeys(parents))},
        "columns": columns if kind == "model" else {},
    }


def main(arguments: list[str]) -> None:
    """Prints seconds and sizes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(arguments[1]) if len(arguments) > 1 else Path(folder, "manifest.json")
        if len(arguments) < 2:
            path.write_text(json.dumps(manifest(int(arguments[0]) if arguments else 500)))
        start = process_time()
        project = read_manifest(path)
        read = process_time() - start
        models = sum(node.kind == "model" for node in project.nodes.values())
        print(f"{models} models, {len(project.nodes)} nodes, {path.stat().st_size / 1e6:.1f} MB: read in {read:.3f} s")
        for granularity in Granularity:
            start = process_time()
            graph = graph_of(project, granularity).reduced()
            took = process_time() - start
            edges = sum(len(task.after) for task in graph.tasks)
            print(f"{granularity:>7}: {len(graph.tasks):4} tasks, {edges:4} edges in {took:.3f} s")
        start = process_time()
        pods = DbtPods.of_project(project, name="", image="", secrets=[], hooks="")
        text = template_of(project, pods, namespace="", service_account="")
        took = process_time() - start
        size = len(json.dumps(yaml.load(text, yaml.CSafeLoader), separators=(",", ":")))
        print(f"WorkflowTemplate: {size / LARGEST_WORKFLOW:.0%} of the largest workflow, in {took:.3f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
