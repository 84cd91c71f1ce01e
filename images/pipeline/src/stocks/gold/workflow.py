"""A build of gold that a workflow spreads over pods: `prepare`, a `run_task` in each pod, `finish`.

A whole build goes through gold_next as one in a single process does. A build of a selection needs the rest of the
star schema around it. Where the selection asks for what the last run left undone (`result:`, `state:`), it goes on in
gold_next if that run was not published; else gold_next first becomes a copy of gold.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from stocks.errors import ConfigError
from stocks.gold import ledger
from stocks.gold.dbt import environment, invoke
from stocks.gold.graph import Granularity, Graph
from stocks.gold.ledger import BUILD_SCHEMA, Build
from stocks.gold.manifest import Manifest
from stocks.gold.results import (
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
from stocks.settings import load_settings
from stocks.warehouse import Warehouse
from stocks.warehouse.connection import Connection
from stocks.warehouse.sources import write_sources

MANIFEST = "manifest.json"
_SHOWN = 10  # names in an error
PUBLISHED_SCHEMA = "gold"
_BUILD = "STOCKS_GOLD_BUILD"  # in the merged results' metadata
_SCHEMA = "https://schemas.getdbt.com/dbt/run-results/v6.json"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a build is to do, as `prepare` writes it down for the pods behind it."""

    nodes: tuple[str, ...]
    """unique_ids, sorted."""
    granularity: Granularity
    options: tuple[str, ...] = ()
    """Of dbt: --full-refresh, --vars."""
    build_id: int | None = None
    """In ops.gold_build; None for a project that is recorded nowhere."""
    base_id: int | None = None
    """The build that the nodes which are not selected come from; None where all are selected."""
    is_state: bool = False
    """Whether a later run may ask with `result:` what became of this one."""
    has_all_changes: bool = False
    """Whether all of the project's changes are in it: a later run may compare itself with it by `state:`."""

    @classmethod
    def read(cls, path: Path) -> Selection:
        """The selection in a file that `write` made.

        Raises:
            ConfigError: There is no such file.
        """
        try:
            found = json.loads(path.read_text())
        except OSError as error:
            raise ConfigError(
                f"The selection {path} can't be read: {error.strerror}.", hint="`stocks gold prepare` writes it."
            ) from error
        found |= {name: tuple(found[name]) for name in ("nodes", "options")}
        return cls(**{**found, "granularity": Granularity(found["granularity"])})

    def write(self, path: Path) -> None:
        """Writes it to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)))

    def tasks(self, graph: Graph) -> str:
        """The names of tasks that have any of the nodes: `all`, or each between commas; empty where there are none.

        It stands in the condition of every task of the workflow.
        """
        names = {graph.of_node[node] for node in self.nodes}
        if len(names) == len(graph.tasks):
            return "all"
        return f",{','.join(sorted(names))}," if names else ""

    def nodes_of(self, task: str, graph: Graph) -> set[str]:
        """Those of the nodes that a task runs.

        Raises:
            ConfigError: The graph has no such task.
        """
        found = next((each for each in graph.tasks if each.name == task), None)
        if found is None:
            raise ConfigError(
                f"The dbt project of this image has no task {task!r} of granularity {graph.granularity}.",
                hint="`stocks gold graph --format json` lists them.",
            )
        return set(found.nodes) & set(self.nodes)


def variables(warehouse: Warehouse | None, *, schema: str = BUILD_SCHEMA) -> dict[str, str]:
    """What dbt's environment needs beside the pod's own."""
    return environment(warehouse, schema=schema) if warehouse else {}


def prepare(
    graph: Graph,
    *,
    select: str,
    exclude: str,
    options: Sequence[str],
    state: Path | None,
    warehouse: Warehouse | None,
    run_id: uuid.UUID | None,
    scratch: Path,
) -> Selection:
    """Decides what a build does, and makes gold_next ready for it.

    Args:
        graph: The project's tasks.
        select: As dbt's --select takes it; empty: everything.
        exclude: As dbt's --exclude takes it.
        options: Of dbt, for all its commands: --vars.
        state: Folder with the manifest.json and run_results.json that the last run left, if it left any.
        warehouse: Where the build is recorded; None for another project, which is built in place.
        run_id: The run in ops.run.
        scratch: Folder for dbt's own files.

    Raises:
        ConfigError: dbt does not understand the selection, or what the last run left does not fit to it.
    """
    every = set(graph.of_node)
    is_whole = not select and not exclude
    nodes = every if is_whole else every & _listed(select, exclude, options, state, variables(warehouse), scratch)
    selection = Selection(
        nodes=tuple(sorted(nodes)),
        granularity=graph.granularity,
        options=tuple(options),
        is_state=is_whole or _continues(select),
        has_all_changes=is_whole or "state:" in select,
    )
    if warehouse is None or run_id is None or not nodes:
        return selection
    full_refresh = "--full-refresh" in options
    with ledger.owner(warehouse) as connection:
        if is_whole:
            return replace(selection, build_id=ledger.begin(connection, run_id, full_refresh=full_refresh))
        base = _base(connection, select, nodes, state, every)
        with connection.transaction():
            write_sources(connection, load_settings().sources)
            if base.is_published:
                copy_published(connection)
            build_id = ledger.note_build(
                connection,
                run_id,
                # What was not selected has seen no more of silver than before.
                load_id=base.load_id,
                fingerprint=ledger.fingerprint() if selection.has_all_changes else base.fingerprint,
                full_refresh=full_refresh,
            )
    return replace(selection, build_id=build_id, base_id=base.build_id)


def check_is_newest(warehouse: Warehouse, selection: Selection) -> None:
    """Two builds in gold_next would mix their rows.

    Raises:
        ConfigError: Another build has begun since.
    """
    with ledger.owner(warehouse) as connection:
        last = ledger.last_build(connection)
    if last is None or last.build_id != selection.build_id:
        raise ConfigError(
            f"Build {selection.build_id} can't go on: another build of gold has begun since.",
            hint="Submit stocks-gold again.",
        )


def finish(
    manifest: Manifest,
    selection: Selection,
    parts: Iterable[RunResults],
    *,
    warehouse: Warehouse | None,
    results: Path,
) -> list[NodeResult]:
    """Merges what the tasks said, notes what the tests found, and publishes the build when nothing failed.

    Args:
        manifest: The project's.
        selection: What prepare decided.
        parts: The run_results.json of every task that ran.
        warehouse: Where the build is recorded; None for another project.
        results: Folder for the merged run_results.json, which is written in any case.

    Returns:
        A result for each selected node.

    Raises:
        TestsFailed, ConfigError, WarehouseUnavailable: Nodes failed or were never reached; the error names them.
    """
    whole = _whole(selection, parts)
    results.mkdir(parents=True, exist_ok=True)
    (results / RUN_RESULTS).write_text(json.dumps(whole))
    told = node_results(whole, manifest)
    if warehouse is None or selection.build_id is None:
        _check(told)
        return told
    check_is_newest(warehouse, selection)
    with ledger.owner(warehouse) as connection, ledger.noted(connection, selection.build_id):
        ledger.judge(connection, selection.build_id, told)
        _check(told)
        if selection.base_id is not None:
            ledger.take_over_quality(connection, selection.build_id, selection.base_id)
        ledger.publish(connection, selection.build_id)
    return told


def write_docs(path: Path, options: Sequence[str], warehouse: Warehouse | None, *, scratch: Path) -> None:
    """Writes dbt's documentation of what is published, as one page of HTML."""
    invoke(
        ["docs", "generate", "--static", *(option for option in options if option != "--full-refresh")],
        # dbt parses again for it: the names of relations are those that readers use, not the build's.
        variables=variables(warehouse, schema=PUBLISHED_SCHEMA),
        artifacts=scratch,
    )
    shutil.copyfile(scratch / "target" / "static_index.html", path)


def copy_published(connection: Connection) -> None:
    """Makes gold_next a copy of gold: its tables with rows and indexes, and views on these."""
    relations = connection.execute(
        """
        select nspname, relname, relkind, pg_class.oid
        from pg_class join pg_namespace on relnamespace = pg_namespace.oid
        where nspname in ('gold', 'gold_next') and relkind in ('r', 'v') order by pg_class.oid
        """
    ).fetchall()
    for schema, name, kind, _ in relations:
        if schema == BUILD_SCHEMA:
            dropped = "drop table if exists {} cascade" if kind == "r" else "drop view if exists {} cascade"
            connection.execute(sql.SQL(dropped).format(sql.Identifier(schema, name)))
    for schema, name, kind, oid in relations:
        if schema == "gold" and kind == "r":
            ours, theirs = sql.Identifier(BUILD_SCHEMA, name), sql.Identifier("gold", name)
            connection.execute(sql.SQL("create table {} (like {} including all)").format(ours, theirs))
            connection.execute(sql.SQL("insert into {} select * from {}").format(ours, theirs))
            connection.execute(sql.SQL("analyze {}").format(ours))
        elif schema == "gold":
            # PostgreSQL leaves the search path's schema out of what it prints: the text fits either schema.
            connection.execute("set local search_path = gold")
            (text,) = connection.execute("select pg_get_viewdef(%s::oid)", [oid]).fetchone() or ("",)
            connection.execute("set local search_path = gold_next")
            connection.execute(sql.SQL("create view {} as {}").format(sql.Identifier(name), sql.SQL(text)))
    connection.execute("set local search_path to default")


def _listed(
    select: str,
    exclude: str,
    options: Sequence[str],
    state: Path | None,
    environment: Mapping[str, str],
    scratch: Path,
) -> set[str]:
    """The unique_ids that dbt's own selection finds."""
    has_state = state is not None and (state / MANIFEST).exists()
    if _continues(select) and not has_state:
        raise ConfigError(
            "The store has no state of a last run, which `state:` and `result:` need.", hint="Submit without select."
        )
    lines = invoke(
        [
            *("ls", "--output", "json", "--output-keys", "unique_id", "--resource-type", "all"),
            *(["--select", *select.split()] if select else []),
            *(["--exclude", *exclude.split()] if exclude else []),
            *(["--state", str(state.absolute())] if state and has_state else []),
            *(option for option in options if option != "--full-refresh"),
        ],
        variables=environment,
        artifacts=scratch,
    )
    return {json.loads(line)["unique_id"] for line in lines}


def _continues(select: str) -> bool:
    """Whether a selection asks for what the last run left undone."""
    return "state:" in select or "result:" in select


def _base(
    connection: Connection, select: str, nodes: Collection[str], state: Path | None, every: Collection[str]
) -> Build:
    """The build from which the nodes come that are not selected."""
    last, published = ledger.last_build(connection), ledger.last_build(connection, published=True)
    if not _continues(select):
        if published is None:
            raise ConfigError("No gold was ever published: a selection has nothing around it.", hint="Build all first.")
        return published
    left = read_results(state) if state else None
    state_id = int(((left or {}).get("metadata", {}).get("env") or {}).get(_BUILD, 0))
    fits = last is not None and (
        state_id == last.build_id or (last.is_published and ledger.is_published(connection, state_id))
    )
    if last is None or left is None or not fits:
        raise ConfigError(
            "The state in the store is not that of the last build: it was stopped before it could write it.",
            hint="Submit without select.",
        )
    if not last.is_published:
        undone = {result["unique_id"] for result in left["results"]} - done(left)
        if missing := sorted((undone & set(every)) - set(nodes)):
            raise ConfigError(
                f"The last build left {len(missing)} nodes undone that the selection leaves out: "
                f"{', '.join(node.split('.')[2] for node in missing[:5])}.",
                hint="Select them too: 1+result:fail+ 1+result:error+ result:skipped+",
            )
    return last


def _whole(selection: Selection, parts: Iterable[RunResults]) -> RunResults:
    """The merged results of the selected nodes, with one also for those that were never reached."""
    whole = merged(parts)
    selected = set(selection.nodes)
    results: list[dict[str, Any]] = [result for result in whole["results"] if result["unique_id"] in selected]
    reached = {result["unique_id"] for result in results}
    results += without_result(selected - reached, "not reached: what it waits for did not succeed, or its pod was lost")
    metadata = {
        "dbt_schema_version": _SCHEMA,
        "dbt_version": "",
        "generated_at": datetime.now(UTC).isoformat(),
        "invocation_id": None,
        **whole["metadata"],
    }
    metadata["env"] = {**(metadata.get("env") or {}), _BUILD: str(selection.build_id or 0)}
    return whole | {"metadata": metadata, "results": results}


def _check(told: Sequence[NodeResult]) -> None:
    """Nothing may have failed, and nothing may be missing."""
    left_out = [result.name for result in told if result.status == "skipped"]
    shown = ", ".join(left_out[:_SHOWN]) + (", …" if len(left_out) > _SHOWN else "")
    if bad := [result for result in told if result.is_bad]:
        raise failure(bad, hint=f"{len(left_out)} nodes were left out: {shown}." if left_out else "")
    if left_out:
        raise ConfigError(
            f"{len(left_out)} nodes were never built, their pods were lost: {shown}.",
            hint="`argo retry` goes on from here.",
        )
