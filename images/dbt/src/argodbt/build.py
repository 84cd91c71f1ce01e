"""A build of a dbt project: `prepare`, a `run_task` for each task, `finish`; over pods, or by `build` in one process.

What stands between the three is in files: the selection, and each task's run_results.json. What a project does around
them (books, a schema beside that of the readers, publication) is its hooks' business.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from argodbt.dbt import Dbt, Progress
from argodbt.errors import ConfigError, DbtError
from argodbt.graph import Granularity, Graph, graph_of
from argodbt.hooks import Hooks
from argodbt.manifest import MANIFEST, Manifest
from argodbt.results import (
    RUN_RESULTS,
    NodeResult,
    RunResults,
    done,
    failure,
    merged,
    node_results,
    read_results,
    without_result,
)
from argodbt.selection import Asked, Leftover, Selection
from argodbt.tasks import run_task

LAST = "last"
"""The folder of what a later run may compare itself with."""

_SHOWN = 10  # names in an error
_TICKET = "ARGODBT_TICKET"  # in the merged results' metadata
_SCHEMA = "https://schemas.getdbt.com/dbt/run-results/v6.json"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a build."""

    results: list[NodeResult]
    """One for each selected node."""
    error: DbtError | None = None
    """Why it was not published; None where it was."""

    @property
    def counts(self) -> dict[str, int]:
        """Nodes that were built, tests that were made, and warnings."""
        return {
            "built": sum(result.status == "success" for result in self.results),
            "tests": sum(result.is_test for result in self.results),
            "warnings": sum(result.status == "warn" for result in self.results),
        }


def build(
    asked: Asked,
    *,
    hooks: Hooks,
    artifacts: Path,
    results: Path,
    progress: Progress,
    state: Path | None = None,
    if_due: bool = False,
) -> list[NodeResult]:
    """Builds a project in this process, as its pods would with granularity `single`.

    Args:
        asked: What to build.
        hooks: Of the project.
        artifacts: Folder for dbt's target and logs.
        results: Folder for run_results.json, dbt.log, and what a later run may compare itself with.
        progress: Called as nodes end.
        state: Folder with what the last run left, if it left any.
        if_due: Do nothing where the hooks say that nothing is due.

    Returns:
        A result for each selected node; none where nothing is due.

    Raises:
        TestsFailed, ConfigError, Unavailable: Nodes failed; the error names them. Or dbt itself did.
    """
    with hooks.around("build") as facts:
        dbt = Dbt(artifacts, variables=hooks.variables(), progress=progress)
        manifest = dbt.parse(*asked.parse_options, variables=hooks.parse_variables())
        graph = graph_of(manifest, Granularity.SINGLE)
        selection = prepare(graph, asked, hooks=hooks, dbt=dbt, state=state, if_due=if_due)
        if not selection.nodes:
            return []
        part = run_task(manifest, selection.nodes, dbt=dbt, results=results, options=selection.asked.options)
        outcome = finish(manifest, selection, [part], hooks=hooks, results=results)
        facts.update(outcome.counts)
        if outcome.error:
            raise outcome.error
        return outcome.results


def prepare(
    graph: Graph, asked: Asked, *, hooks: Hooks, dbt: Dbt, state: Path | None = None, if_due: bool = False
) -> Selection:
    """Decides what a build does, and lets the hooks make the place ready.

    Args:
        graph: The project's tasks.
        asked: What to build.
        hooks: Of the project.
        dbt: Over the project.
        state: Folder with the manifest.json and run_results.json that the last run left, if it left any.
        if_due: Select nothing where the hooks say that nothing is due, and nothing special is asked for.

    Raises:
        ConfigError: dbt does not understand the selection, or what the last run left does not fit to it.
    """
    empty = Selection(nodes=(), granularity=graph.granularity, asked=asked)
    if if_due and asked.is_plain and not hooks.is_due():
        return empty
    every = set(graph.of_node)
    nodes = every if asked.is_whole else every & _listed(asked, state, dbt)
    if not nodes:
        return empty
    if asked.has_all_changes and not asked.full_refresh and hooks.starts_over():
        asked = replace(asked, full_refresh=True)
    if asked.is_whole:
        nodes -= set(hooks.left_out(nodes, full_refresh=asked.full_refresh))
    selection = replace(empty, nodes=tuple(sorted(nodes)), asked=asked)
    return replace(selection, ticket=hooks.begin(selection, _leftover(state, every) if asked.continues else None))


def finish(
    manifest: Manifest, selection: Selection, parts: Iterable[RunResults], *, hooks: Hooks, results: Path
) -> Outcome:
    """Merges what the tasks said, and lets the hooks judge it, and publish it when nothing failed.

    Args:
        manifest: The project's.
        selection: What prepare decided; it has nodes.
        parts: The run_results.json of every task that ran.
        hooks: Of the project.
        results: Folder for the merged run_results.json, and `last` with what a later run may compare itself with: both
            are written in any case.
    """
    whole = _whole(selection, parts)
    last = results / LAST
    last.mkdir(parents=True, exist_ok=True)
    (results / RUN_RESULTS).write_text(json.dumps(whole))
    if selection.asked.is_whole or selection.asked.continues:
        shutil.copyfile(results / RUN_RESULTS, last / RUN_RESULTS)
    if selection.asked.has_all_changes and manifest.file:
        shutil.copyfile(manifest.file, last / MANIFEST)
    told = node_results(whole, manifest)
    hooks.check(selection.ticket)
    explained = hooks.judge(selection.ticket, told)
    left_out = [result.name for result in told if result.status == "skipped"]
    shown = ", ".join(left_out[:_SHOWN]) + (", …" if len(left_out) > _SHOWN else "")
    if bad := [result for result in told if result.is_bad]:
        hints = [hooks.hint, f"{len(left_out)} nodes were left out: {shown}." if left_out else ""]
        return Outcome(results=told, error=failure(bad, hint=" ".join(filter(None, hints)), explained=explained))
    if left_out:
        error = ConfigError(
            f"{len(left_out)} nodes were never built, their pods were lost: {shown}.",
            hint="`argo retry` goes on from here.",
        )
        return Outcome(results=told, error=error)
    hooks.publish(selection.ticket)
    return Outcome(results=told)


def write_docs(path: Path, asked: Asked, hooks: Hooks, artifacts: Path) -> None:
    """Writes dbt's documentation of what is published, as one page of HTML."""
    # dbt parses again for it: the names of relations are those that readers use, not the build's.
    dbt = Dbt(artifacts, variables=hooks.variables(published=True))
    dbt.run("docs", "generate", "--static", *asked.parse_options)
    shutil.copyfile(dbt.target / "static_index.html", path)


def _listed(asked: Asked, state: Path | None, dbt: Dbt) -> set[str]:
    """The unique_ids that dbt's own selection finds."""
    has_state = state is not None and (state / MANIFEST).exists()
    if asked.continues and not has_state:
        raise ConfigError(
            "The store has no state of a last run, which `state:` and `result:` need.", hint="Submit without select."
        )
    lines = dbt.run(
        *("ls", "--output", "json", "--output-keys", "unique_id", "--resource-type", "all"),
        *(["--select", *asked.select.split()] if asked.select else []),
        *(["--exclude", *asked.exclude.split()] if asked.exclude else []),
        *(["--state", str(state.absolute())] if state and has_state else []),
        *asked.parse_options,
    )
    return {json.loads(line)["unique_id"] for line in lines}


def _leftover(state: Path | None, every: set[str]) -> Leftover | None:
    if state is None or (left := read_results(state)) is None:
        return None
    ticket = json.loads((left["metadata"].get("env") or {}).get(_TICKET, "{}"))
    undone = {result["unique_id"] for result in left["results"]} - done(left)
    return Leftover(ticket=ticket, undone=frozenset(undone & every))


def _whole(selection: Selection, parts: Iterable[RunResults]) -> RunResults:
    """The merged results of the selected nodes, with one also for those that were never reached."""
    whole = merged(parts)
    selected = set(selection.nodes)
    results = [result for result in whole["results"] if result["unique_id"] in selected]
    reached = {result["unique_id"] for result in results}
    results += without_result(selected - reached, "not reached: what it waits for did not succeed, or its pod was lost")
    metadata = {
        "dbt_schema_version": _SCHEMA,
        "dbt_version": "",
        "generated_at": datetime.now(UTC).isoformat(),
        "invocation_id": None,
        **whole["metadata"],
    }
    metadata["env"] = {**(metadata.get("env") or {}), _TICKET: json.dumps(selection.ticket)}
    return whole | {"metadata": metadata, "results": results}
