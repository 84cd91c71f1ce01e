"""What dbt itself says of a project's graph, and what a graph of tasks says: the same pairs, if all is well."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tests.argodbt.random_projects import ancestors

from argodbt.graph import Graph

Pairs = set[tuple[str, str]]
"""A node, and one that ran before it began."""


def expected_nodes(listed: Iterable[str], manifest: Mapping[str, Any]) -> set[str]:
    """The nodes that a graph has to run.

    Args:
        listed: Lines of `dbt ls --resource-type all --output json --output-keys unique_id`.
        manifest: manifest.json as it is.
    """
    unique_ids = {json.loads(line)["unique_id"] for line in listed if line.startswith("{")}
    found = set()
    for unique_id in unique_ids:
        match unique_id.split(".")[0]:
            case "seed" | "snapshot" | "test" | "unit_test" | "function":
                found.add(unique_id)
            case "model":
                node = manifest["nodes"][unique_id]
                if node["config"]["materialized"] != "ephemeral" and node["raw_code"].strip():
                    found.add(unique_id)
            case "source":
                ages = manifest["sources"][unique_id].get("freshness") or {}
                fresh = any((ages.get(age) or {}).get("count") for age in ("warn_after", "error_after"))
                tests = [child for child in manifest["child_map"][unique_id] if child.startswith("test.")]
                if fresh or any(manifest["parent_map"][test] == [unique_id] for test in tests):
                    found.add(unique_id)
    return found


def pairs_of_dbt(parent_map: Mapping[str, Collection[str]], nodes: set[str]) -> Pairs:
    """For each of the nodes those that it depends on, however many others lie between them.

    Args:
        parent_map: As the manifest has it.
        nodes: Only pairs of these are given, and none whose first one is a test or a source.
    """
    before = ancestors(parent_map)
    return {(other, node) for node in nodes for other in before[node] & nodes if is_built(other)}


def pairs_of(graph: Graph) -> Pairs:
    """The same from the tasks, one for each built node: a test runs after the node whose task it shares."""
    done: dict[str, set[str]] = {}
    pairs: Pairs = set()
    for task in graph.tasks:
        before = set().union(*(done[other] for other in task.after))
        built = {node for node in task.nodes if is_built(node)}
        done[task.name] = before | built
        pairs |= {(other, node) for node in built for other in before}
        pairs |= {(other, node) for node in task.nodes if node not in built for other in done[task.name]}
    return pairs


def is_built(unique_id: str) -> bool:
    """Whether it is no test and no source."""
    return not unique_id.startswith(("test.", "unit_test.", "source."))


def gates_of_dbt(summary: Mapping[str, Any], nodes: set[str]) -> Pairs:
    """The tests that `dbt build` lets each node wait for.

    Args:
        summary: target/graph_summary.json as `dbt build` writes it.
        nodes: Only pairs of these are given: dbt's graph has disabled tests too.
    """
    names = {int(number): node["name"] for number, node in summary["with_test_edges"].items()}
    parents: dict[str, list[str]] = {name: [] for name in names.values()}
    for number, node in summary["with_test_edges"].items():
        for child in node.get("succ", ()):
            parents[names[child]].append(names[int(number)])
    tests = {name for name in names.values() if name.startswith("test.") and name in nodes}
    before = ancestors(parents)
    return {(test, node) for node in nodes if is_built(node) for test in before[node] & tests}


def gates_of(graph: Graph) -> Pairs:
    """The tests that a node's task waits for."""
    done: dict[str, set[str]] = {}
    pairs: Pairs = set()
    for task in graph.tasks:
        before = set().union(*(done[other] for other in task.after))
        done[task.name] = before | {node for node in task.nodes if node.startswith("test.")}
        pairs |= {(test, node) for node in task.nodes if is_built(node) for test in before}
    return pairs
