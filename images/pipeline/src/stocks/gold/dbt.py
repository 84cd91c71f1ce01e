"""Runs dbt in this process and tells what it does, node by node.

dbt's import takes three seconds: `preload` starts it while other work goes on.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from stocks.errors import ConfigError, WarehouseUnavailable
from stocks.gold.results import NodeResult, is_passing_fault
from stocks.settings import project_folder
from stocks.warehouse import Warehouse

# The events that end a node, and under which name each of them tells the number of all nodes.
_TOTALS = {
    "LogSeedResult": "total",
    "LogSnapshotResult": "total",
    "LogModelResult": "total",
    "LogTestResult": "num_models",
    "LogFreshnessResult": "total",
}


@dataclass(frozen=True, kw_only=True)
class NodeEnd:
    """What dbt says when a node has ended."""

    total: int
    """How many nodes the command has."""
    name: str
    kind: str
    status: str
    seconds: float


Progress = Callable[[NodeEnd], None]
"""Called by dbt's threads as nodes end."""


def preload() -> None:
    """Imports dbt in the background."""
    threading.Thread(target=importlib.import_module, args=("dbt.cli.main",), daemon=True).start()


def environment(warehouse: Warehouse, *, schema: str | None = None) -> dict[str, str]:
    """The variables that dbt/profiles.yml reads; the password under a name that dbt keeps out of its logs.

    The libpq names make `psql` work in the same shell.
    """
    parts = urlsplit(warehouse.url)
    password = unquote(parts.password or "")
    return {
        "DBT_PROJECT_DIR": str(project_folder()),
        "DBT_PROFILES_DIR": str(project_folder()),
        "DBT_ENV_SECRET_PGPASSWORD": password,
        "PGHOST": parts.hostname or "localhost",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": password,
        "PGDATABASE": parts.path.removeprefix("/"),
        **({"STOCKS_GOLD_SCHEMA": schema} if schema else {}),
    }


def run_dbt(
    arguments: Sequence[str], *, variables: Mapping[str, str], artifacts: Path, progress: Progress
) -> list[NodeResult]:
    """Runs a dbt command over the project.

    Args:
        arguments: The command and its options, as dbt's own command line takes them.
        variables: Set in the environment while it runs.
        artifacts: Folder for dbt's target and logs: parsed state is kept there between runs.
        progress: Called as nodes end.

    Returns:
        One result a node, in the order in which they ended.

    Raises:
        ConfigError: dbt is not installed, or the project can't be parsed.
        WarehouseUnavailable: The warehouse went away.
    """
    result = invoke(arguments, variables=variables, artifacts=artifacts, progress=progress)
    return [_result(node) for node in getattr(result, "results", [])]


def invoke(
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str],
    artifacts: Path,
    progress: Progress = lambda _: None,
) -> Any:
    """Runs a dbt command as `run_dbt` does; gives what dbt gives: lines for `ls`, a manifest for `parse`."""
    try:
        from dbt.cli.main import dbtRunner
    except ImportError as error:
        raise ConfigError("dbt is not installed.", hint="Install the extra: pip install 'stocks[gold]'.") from error

    def watch(event: Any) -> None:
        if (total := _TOTALS.get(event.info.name)) is not None:
            node = event.data.node_info
            progress(
                NodeEnd(
                    total=getattr(event.data, total),
                    name=node.node_name,
                    kind=node.resource_type,
                    # Of a unit test node_info says "None".
                    status=event.data.status.lower() if node.node_status == "None" else node.node_status,
                    seconds=event.data.execution_time,
                )
            )

    with _environment(variables):
        options = [
            *("--project-dir", str(project_folder())),
            *("--profiles-dir", os.environ.get("DBT_PROFILES_DIR") or str(project_folder())),
            # dbt takes a relative path for one below the project.
            *("--target-path", str(artifacts.absolute() / "target"), "--log-path", str(artifacts.absolute() / "logs")),
            *("--log-level", "none", "--log-level-file", "debug", "--no-use-colors"),
            *("--no-send-anonymous-usage-stats", "--no-version-check"),
        ]
        ended = dbtRunner(callbacks=[watch]).invoke([*arguments, *options])
    if ended.exception is not None:
        raise _failure(ended.exception, artifacts)
    return ended.result


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _failure(error: BaseException, artifacts: Path) -> BaseException:
    if not isinstance(error, Exception):
        return error  # Ctrl-C
    text = " ".join(str(error).split())
    if is_passing_fault(text):
        return WarehouseUnavailable(f"dbt lost the warehouse: {text}")
    return ConfigError(f"dbt failed: {text}", hint=f"Its log is {artifacts / 'logs' / 'dbt.log'}.")


def _result(result: Any) -> NodeResult:
    node = result.node
    kind = str(node.resource_type)
    attached = getattr(node, "attached_node", None) or getattr(node, "tested_node_unique_id", None)
    parents = getattr(node.depends_on, "nodes", []) if hasattr(node, "depends_on") else []
    model = attached or (parents[0] if parents and kind in ("test", "unit_test") else node.unique_id)
    return NodeResult(
        unique_id=node.unique_id,
        name=node.name,
        kind=kind,
        model=str(model).split(".")[2] if str(model).count(".") >= 2 else str(model),
        status=str(result.status),
        severity=str(getattr(node.config, "severity", "error")).lower(),
        failures=int(result.failures or 0),
        message=str(result.message or ""),
        seconds=float(result.execution_time),
        sql=getattr(node, "compiled_code", None) or "",
    )
