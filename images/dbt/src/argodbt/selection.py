"""What a build is asked for, and what of the project that selects: `prepare` writes it down for the pods behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from argodbt.errors import ConfigError
from argodbt.graph import Granularity, Graph

Ticket = dict[str, Any]
"""What the hooks' `begin` wants to be told again later: JSON's types."""

_FULL_REFRESH = "--full-refresh"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a build is asked for."""

    select: str = ""
    """As dbt's --select takes it; empty: everything."""
    exclude: str = ""
    """As dbt's --exclude."""
    full_refresh: bool = False
    """Build incremental models from nothing."""
    variables: str = ""
    """As dbt's --vars."""

    @property
    def options(self) -> list[str]:
        """Of `dbt build`."""
        return [*([_FULL_REFRESH] if self.full_refresh else []), *self.parse_options]

    @property
    def parse_options(self) -> list[str]:
        """Of every command of dbt."""
        return ["--vars", self.variables] if self.variables else []

    @property
    def is_whole(self) -> bool:
        """Whether all of the project is to be built."""
        return not self.select and not self.exclude

    @property
    def is_plain(self) -> bool:
        """Whether nothing special is asked for."""
        return self == Asked()

    @property
    def continues(self) -> bool:
        """Whether it asks for what the last run left undone."""
        return "state:" in self.select or "result:" in self.select

    @property
    def has_all_changes(self) -> bool:
        """Whether all of the project's changes are in it: a later run may compare itself with it by `state:`."""
        return self.is_whole or "state:" in self.select


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a build is to do, as `prepare` writes it down for the pods behind it."""

    nodes: tuple[str, ...]
    """unique_ids, sorted."""
    granularity: Granularity
    asked: Asked
    ticket: Ticket = field(default_factory=dict)
    """What the hooks want to be told again."""

    @classmethod
    def read(cls, path: Path) -> Selection:
        """The selection in a file that `write` made.

        Raises:
            ConfigError: There is no such file, or it is another one.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(f"The selection {path} can't be read: {error}.", hint="`prepare` writes it.") from error

    def write(self, path: Path) -> None:
        """Writes it to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(self))

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
                hint="`argodbt graph --format json` lists them.",
            )
        return set(found.nodes) & set(self.nodes)


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """What the last run left behind."""

    ticket: Ticket
    """Which its hooks gave."""
    undone: frozenset[str]
    """The nodes of this project that it did not build, or whose tests failed."""
