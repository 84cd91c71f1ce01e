"""Runs the nodes of one task, in a process that may be killed and started again.

What an earlier try of the task has done is read from its run_results.json and not done again: a pod that runs
many nodes goes on where the last one stopped.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from argodbt.dbt import Dbt
from argodbt.manifest import Manifest, Node
from argodbt.results import RUN_RESULTS, RunResults, done, merged, of_sources, without_result


def run_task(
    manifest: Manifest,
    nodes: Collection[str],
    *,
    dbt: Dbt,
    results: Path,
    earlier: RunResults | None = None,
    options: Sequence[str] = (),
) -> RunResults:
    """Builds and tests nodes; a source that is too old leaves out what hangs on it.

    Args:
        manifest: The project's.
        nodes: unique_ids of what the task runs.
        dbt: Over the project.
        results: Folder for run_results.json and dbt.log, which are written however dbt ends.
        earlier: What an earlier try of this task said.
        options: Of `dbt build`: --full-refresh, --vars.

    Returns:
        The results of the task's nodes, earlier ones too.

    Raises:
        ConfigError: dbt is not installed, or the project can't be parsed.
        Unavailable: The warehouse went away.
    """
    results.mkdir(parents=True, exist_ok=True)
    wanted = still_to_do(manifest, nodes, earlier)
    parts = [earlier] if earlier else []
    try:
        sources = {key for key in wanted if manifest.nodes[key].kind == "source"}
        stale: set[str] = set()
        if sources:
            fresh = _freshness([manifest.nodes[key] for key in sources], dbt)
            stale = {result["unique_id"] for result in fresh["results"]} - done(fresh)
            parts.append(fresh)
        built = wanted - sources
        left_out = built & below(manifest, stale)
        if built - left_out:
            parts.append(dbt.results("build", *selection(manifest, built - left_out), *options))
        if left_out:
            parts.append({**parts[-1], "results": without_result(left_out, "behind a source that is too old")})
        whole = merged(parts)
        (results / RUN_RESULTS).write_text(json.dumps(whole))
        return whole
    finally:
        if dbt.log.exists():
            shutil.copyfile(dbt.log, results / dbt.log.name)


def still_to_do(manifest: Manifest, nodes: Collection[str], earlier: RunResults | None) -> set[str]:
    """What of the nodes must run: all that was not done, what a failed test looked at, and what hangs on these."""
    own = set(nodes)
    wanted = own - done(earlier)
    wanted |= own & {parent for key in wanted if manifest.nodes[key].is_test for parent in manifest.nodes[key].parents}
    return wanted | (own & below(manifest, wanted))


def below(manifest: Manifest, roots: Iterable[str]) -> set[str]:
    """All nodes that hang on any of the roots."""
    children: dict[str, list[str]] = {}
    for node in manifest.nodes.values():
        for parent in node.parents:
            children.setdefault(parent, []).append(node.unique_id)
    found: set[str] = set()
    ahead = list(roots)
    while ahead:
        for child in children.get(ahead.pop(), []):
            if child not in found:
                found.add(child)
                ahead.append(child)
    return found


def selection(manifest: Manifest, nodes: AbstractSet[str]) -> list[str]:
    """Options that let `dbt build` run just these nodes."""
    if nodes >= {key for key, node in manifest.nodes.items() if node.is_built or node.is_test}:
        return ["--select", "fqn:*"]  # said all the same: a default of selectors.yml is not asked
    chosen = {key: manifest.nodes[key] for key in nodes}
    # dbt runs a unit test of an ephemeral model only where the model is selected too; nothing is built for it.
    tested = {parent for node in chosen.values() if node.kind == "unit_test" for parent in node.parents}
    chosen |= {key: manifest.nodes[key] for key in tested if manifest.nodes[key].materialized == "ephemeral"}
    # A name selects all whose names begin with it, too: orders, and what is in the folder orders.
    names = {_full_name(node) for node in chosen.values()}
    more = [
        selector(node)
        for key, node in manifest.nodes.items()
        if key not in chosen and node.kind != "source" and not names.isdisjoint(_prefixes(node))
    ]
    return [
        # The tests are named one by one: dbt must add none of another task's.
        *("--indirect-selection", "empty", "--select"),
        *sorted(selector(node) for node in chosen.values()),
        *(["--exclude", *sorted(more)] if more else []),
    ]


def selector(node: Node) -> str:
    """The selector of one node for dbt, which has none by unique_id."""
    if node.kind == "source":
        return f"source:{node.unique_id.removeprefix('source.')}"
    return f"fqn:{_full_name(node)}"


def _full_name(node: Node) -> str:
    return ".".join(node.fqn)


def _prefixes(node: Node) -> Iterable[str]:
    parts = _full_name(node).split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts)))


def _freshness(sources: Sequence[Node], dbt: Dbt) -> RunResults:
    """How old the sources are; of those that don't say how old they may be only tests can tell anything."""
    unasked = without_result((source.unique_id for source in sources if not source.has_freshness), "no age to check")
    ages: RunResults = {"metadata": {}, "results": []}
    if selected := [selector(source) for source in sources if source.has_freshness]:
        ages = of_sources(dbt.results("source", "freshness", "--select", *selected))
    return {**ages, "results": [*ages["results"], *({**result, "status": "no-op"} for result in unasked)]}
