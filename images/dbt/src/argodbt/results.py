"""What became of dbt's nodes: read from run_results.json, merged over pods, told in one error."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argodbt.errors import ConfigError, DbtError, TestsFailed, Unavailable

if TYPE_CHECKING:
    from argodbt.manifest import Manifest

RUN_RESULTS = "run_results.json"
RunResults = dict[str, Any]
"""dbt's artifact (schema v6), as it stands in the file."""

_SHOWN = 20  # nodes in an error
_BAD = ("error", "fail", "runtime error")
_DONE = ("success", "pass", "warn", "no-op")
# What PostgreSQL and libpq say when the same statement may pass a minute later; dbt keeps no code of it.
_PASSING = (
    "connection to server",
    "server closed the connection",
    "terminating connection",
    "could not connect",
    "connection already closed",
    "the database system is",
    "remaining connection slots",
    "too many clients",
    "deadlock detected",
    "due to lock timeout",
    "due to statement timeout",
)
# What they say of a login that will be refused a minute later, too.
_REFUSED = (
    "authentication failed",
    "does not exist",
    "no password supplied",
    "permission denied",
    "no pg_hba.conf entry",
)


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """What dbt says of one seed, snapshot, model, test or source."""

    unique_id: str
    name: str
    kind: str
    """dbt's resource type: seed, snapshot, model, test, unit_test or source."""
    model: str
    """The model that a test looks at; the node itself otherwise."""
    status: str
    """success, pass, warn, fail, error or skipped."""
    severity: str
    """error or warn."""
    failures: int
    message: str
    seconds: float
    sql: str
    """The compiled statement of a test: its rows are the failing ones."""

    @property
    def is_test(self) -> bool:
        """Whether the node checks others."""
        return self.kind in ("test", "unit_test")

    @property
    def is_bad(self) -> bool:
        """Whether the node fails the build."""
        return self.status in _BAD

    @property
    def is_broken_rule(self) -> bool:
        """Whether data break a test, or a model's own constraints."""
        return self.status == "fail" or "violates" in self.message


def read_results(folder: Path) -> RunResults | None:
    """The run_results.json in a folder; None where there is none.

    Raises:
        ConfigError: The file is no artifact of dbt's.
    """
    path = folder / RUN_RESULTS
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}.") from error
    if not isinstance(found, dict) or not isinstance(found.get("results"), list):
        raise ConfigError(f"{path} is no run_results.json of dbt's.")
    return found


def merged(parts: Iterable[RunResults]) -> RunResults:
    """One artifact from several: of a node the last part's result counts; the metadata are the last part's."""
    whole: RunResults = {"metadata": {}, "results": [], "elapsed_time": 0.0, "args": {}}
    by_node: dict[str, Any] = {}
    for part in parts:
        by_node |= {result["unique_id"]: result for result in part["results"]}
        whole |= {"metadata": part["metadata"], "args": part.get("args", {})}
        whole["elapsed_time"] += part.get("elapsed_time") or 0.0
    return whole | {"results": [by_node[unique_id] for unique_id in sorted(by_node)]}


def without_result(nodes: Iterable[str], message: str) -> list[dict[str, Any]]:
    """Results for nodes that dbt never came to."""
    empty = {"timing": [], "thread_id": "", "execution_time": 0.0, "adapter_response": {}, "failures": None}
    compiled = {"compiled": None, "compiled_code": None, "relation_name": None}
    return [{"unique_id": node, "status": "skipped", "message": message, **empty, **compiled} for node in sorted(nodes)]


def done(results: RunResults | None) -> set[str]:
    """The nodes that need not run again."""
    return {result["unique_id"] for result in (results or {"results": []})["results"] if result["status"] in _DONE}


def of_sources(freshness: Mapping[str, Any]) -> RunResults:
    """A sources.json of dbt (the freshness of sources) in the shape of run_results.json."""
    results = []
    for result in freshness["results"]:
        age = result.get("max_loaded_at_time_ago_in_s")
        message = result.get("error") or (f"newest row {age / 3600:.1f} hours old" if age is not None else "")
        (shaped,) = without_result([result["unique_id"]], str(message))
        seconds = result.get("execution_time") or 0.0
        results.append(shaped | {"status": result["status"], "execution_time": seconds})
    return {
        "metadata": freshness["metadata"],
        "results": results,
        "elapsed_time": freshness.get("elapsed_time"),
        "args": {},
    }


def node_results(results: RunResults, manifest: Manifest) -> list[NodeResult]:
    """The artifact's results with what the manifest knows of their nodes, in the artifact's order."""
    told = []
    for result in results["results"]:
        unique_id = result["unique_id"]
        kind, _, short = unique_id.split(".", 2)
        node = manifest.nodes.get(unique_id)
        told.append(
            NodeResult(
                unique_id=unique_id,
                name=node.name if node else short,
                kind=kind,
                model=(node.tested or node.name) if node else short,
                status=result["status"],
                severity=node.severity if node else "error",
                failures=int(result.get("failures") or 0),
                message=str(result.get("message") or ""),
                seconds=float(result.get("execution_time") or 0.0),
                sql=result.get("compiled_code") or "",
            )
        )
    return told


def is_passing_fault(text: str) -> bool:
    """Whether an error text of dbt says that PostgreSQL was away or too busy."""
    return any(sign in text for sign in _PASSING) and not any(sign in text for sign in _REFUSED)


def failure(
    bad: Collection[NodeResult], *, hint: str = "", explained: Mapping[str, Sequence[str]] | None = None
) -> DbtError:
    """The error that stands for all failed nodes: a passing fault before broken rules before errors of ours.

    Args:
        bad: Results whose `is_bad` holds; at least one.
        hint: What the reader can do.
        explained: Lines to show below a node, by its unique_id.
    """
    told = [f"{len(bad)} of dbt's nodes failed."]
    for result in list(bad)[:_SHOWN]:
        told.append(f"{result.kind} {result.name}: {' '.join(result.message.split())}")
        told += [f"  {line}" for line in (explained or {}).get(result.unique_id, ())]
    text = "\n".join([*told, ""])
    if any(is_passing_fault(result.message) for result in bad):
        return Unavailable(text, hint=hint)
    if any(result.is_broken_rule for result in bad):
        return TestsFailed(text, hint=hint)
    return ConfigError(text, hint=hint)
