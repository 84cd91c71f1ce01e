"""Runs dbt in this process and tells what it does, node by node.

dbt finds its project and profile itself: by DBT_PROJECT_DIR and DBT_PROFILES_DIR, else in the working directory. Its
import takes three seconds: `preload` starts it while other work goes on.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from argodbt.errors import ConfigError, Unavailable
from argodbt.manifest import MANIFEST, Manifest, read_manifest
from argodbt.results import is_passing_fault

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


_OBJECTS_A_COLLECTION = 100_000
"""dbt makes half a million objects, most of which stay: at Python's 700 the collector takes a fifth of a build."""


def preload() -> None:
    """Imports dbt in the background."""
    threading.Thread(target=_imported, daemon=True).start()


def parsed_manifest() -> Path:
    """Where `dbt parse` leaves the manifest of the project."""
    return Path(os.environ.get("DBT_PROJECT_DIR") or ".") / "target" / MANIFEST


class Dbt:
    """dbt over a project.

    Args:
        artifacts: Folder for dbt's target and logs: parsed state is kept there between runs.
        variables: Set in the environment while dbt runs.
        progress: Called as nodes end.
    """

    _held: ClassVar[tuple[Mapping[str, str], Any] | None] = None
    """The variables under which the project was parsed ahead, and dbt's own manifest."""

    def __init__(
        self, artifacts: Path, *, variables: Mapping[str, str] | None = None, progress: Progress = lambda _: None
    ) -> None:
        self.artifacts = artifacts
        self.target, self.log = artifacts / "target", artifacts / "logs" / "dbt.log"
        self._variables = variables or {}
        self._progress = progress
        self._parsed: Any = None

    @classmethod
    def parse_ahead(cls, variables: Mapping[str, str]) -> None:
        """Parses the project once for all processes that are forked off this one, where they run it as it stands.

        Args:
            variables: Set in the environment while dbt runs.

        Raises:
            ConfigError: dbt is not installed, or the project can't be parsed.
        """
        with tempfile.TemporaryDirectory() as folder:
            cls._held = dict(variables), cls(Path(folder), variables=variables).run("parse")

    def parse(self, *options: str, variables: Mapping[str, str] | None = None) -> Manifest:
        """Parses the project; what runs next does not parse it again.

        It begins with the parse that an earlier run left among the artifacts, else with the one that
        DBT_PARTIAL_PARSE_FILE_PATH names.

        Args:
            options: Of dbt: --vars.
            variables: Set in the environment meanwhile, where they are others than those of the runs.

        Raises:
            ConfigError: dbt is not installed, or the project can't be parsed.
        """
        own = self.target / "partial_parse.msgpack"
        saved = ["--partial-parse-file-path", str(own.absolute())] if own.exists() else []
        self._parsed = Dbt(self.artifacts, variables=variables or self._variables).run("parse", *saved, *options)
        return read_manifest(self.target / MANIFEST)

    def results(self, *arguments: str) -> dict[str, Any]:
        """Runs a command over nodes: `build`, `source freshness`.

        Args:
            arguments: The command and its options, as dbt's own command line takes them.

        Returns:
            dbt's artifact, run_results.json or sources.json: a failed node stands there, and raises nothing.

        Raises:
            ConfigError, Unavailable: As `run`.
        """
        # Left to itself dbt writes the whole manifest beside it, as the parse has done.
        told = self.run(*arguments, "--no-write-json")
        path = self.target / "results.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        told.write(str(path))
        return dict(json.loads(path.read_text()))

    def run(self, *arguments: str) -> Any:
        """Runs a command.

        Args:
            arguments: The command and its options, as dbt's own command line takes them.

        Returns:
            What dbt gives: lines for `ls`, its own manifest for `parse`.

        Raises:
            ConfigError: dbt is not installed, or the project can't be parsed.
            Unavailable: The warehouse went away.
        """
        try:
            runner = _imported().dbtRunner
        except ImportError as error:
            raise ConfigError(
                "dbt is not installed.", hint="pip install dbt-core and the warehouse's adapter."
            ) from error
        options = [
            # dbt takes a relative path for one below the project.
            *("--target-path", str(self.target.absolute()), "--log-path", str(self.log.parent.absolute())),
            *("--log-level", "none", "--log-level-file", "debug", "--no-use-colors"),
            *("--no-send-anonymous-usage-stats", "--no-version-check"),
        ]
        with _environment(self._variables):
            ended = runner(manifest=self._parsed_for(arguments), callbacks=[self._watch]).invoke([*arguments, *options])
        if ended.exception is not None:
            raise self._failure(ended.exception)
        return ended.result

    def _parsed_for(self, arguments: Sequence[str]) -> Any:
        """What dbt need not parse again for a command; None: it does."""
        if self._parsed is not None or self._held is None:
            return self._parsed
        variables, parsed = self._held
        is_other = "parse" in arguments or "--vars" in arguments or variables != dict(self._variables)
        return None if is_other else parsed

    def _watch(self, event: Any) -> None:
        if (total := _TOTALS.get(event.info.name)) is not None:
            node = event.data.node_info
            self._progress(
                NodeEnd(
                    total=getattr(event.data, total),
                    name=node.node_name,
                    kind=node.resource_type,
                    # Of a unit test node_info says "None".
                    status=event.data.status.lower() if node.node_status == "None" else node.node_status,
                    seconds=event.data.execution_time,
                )
            )

    def _failure(self, error: BaseException) -> BaseException:
        if not isinstance(error, Exception):
            return error  # Ctrl-C
        text = " ".join(str(error).split())
        if is_passing_fault(text):
            return Unavailable(f"dbt lost the warehouse: {text}")
        return ConfigError(f"dbt failed: {text}", hint=f"Its log is {self.log}.")


def _imported() -> Any:
    """The module of dbt that runs it from a program."""
    gc.set_threshold(_OBJECTS_A_COLLECTION)
    return importlib.import_module("dbt.cli.main")


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
