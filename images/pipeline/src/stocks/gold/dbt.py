"""Runs dbt in this process and tells what it does, node by node.

dbt's import takes three seconds: `preload` starts it while other work goes on.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from stocks.errors import ConfigError, WarehouseUnavailable
from stocks.universe import project_folder
from stocks.warehouse import Warehouse

# The events that end a node, and under which name each of them tells the number of all nodes.
_TOTALS = {
    "LogSeedResult": "total",
    "LogSnapshotResult": "total",
    "LogModelResult": "total",
    "LogTestResult": "num_models",
}
_LOST = (
    "connection to server",
    "server closed the connection",
    "terminating connection",
    "could not connect",
)

Progress = Callable[[int, int, str], None]
"""Called with the number of nodes done, the number of all, and the name of the last one."""


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """What dbt says of one seed, snapshot, model or test."""

    unique_id: str
    name: str
    kind: str
    """dbt's resource type: seed, snapshot, model, test or unit_test."""
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
        return self.status in ("error", "fail", "runtime error")


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
    arguments: list[str], *, variables: Mapping[str, str], artifacts: Path, progress: Progress
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
    try:
        from dbt.cli.main import dbtRunner
    except ImportError as error:
        raise ConfigError("dbt is not installed.", hint="Install the extra: pip install 'stocks[gold]'.") from error

    def watch(event: Any) -> None:
        if (total := _TOTALS.get(event.info.name)) is not None:
            progress(event.data.index, getattr(event.data, total), event.data.node_info.node_name)

    options = [
        *("--project-dir", str(project_folder()), "--profiles-dir", str(project_folder())),
        *("--target-path", str(artifacts / "target"), "--log-path", str(artifacts / "logs")),
    ]
    quiet = [
        *("--log-level", "none", "--log-level-file", "debug", "--no-use-colors"),
        *("--no-send-anonymous-usage-stats", "--no-version-check"),
    ]
    with _environment(variables):
        ended = dbtRunner(callbacks=[watch]).invoke([*arguments, *quiet, *options])
    if ended.exception is not None:
        raise _failure(ended.exception, artifacts)
    return [_result(node) for node in getattr(ended.result, "results", [])]


def lost_connection(text: str) -> bool:
    """Whether an error text of dbt says that PostgreSQL went away; dbt keeps no code of it."""
    return any(sign in text for sign in _LOST)


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
    if lost_connection(text):
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
