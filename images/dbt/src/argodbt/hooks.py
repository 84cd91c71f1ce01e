"""What a project may do around its builds: keep books, build beside what readers read, publish.

    argodbt build --hooks shop.books:Books --run-id 2026-11-20

The attribute is called with the run's id and gives an object with the methods of `Hooks`; a subclass takes over those
that it needs. All of them run in the process of the command that needs them: over pods, each time in another one.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from argodbt.errors import ConfigError
from argodbt.results import NodeResult
from argodbt.selection import Leftover, Selection, Ticket


class Hooks:
    """Does nothing: a project is built in place, as its profile says, and recorded nowhere.

    Args:
        run_id: As the command line has it; empty where it has none.
    """

    hint = ""
    """What the error says in the end where nodes failed."""

    def __init__(self, run_id: str = "") -> None:
        self.run_id = run_id

    def around(self, command: str) -> AbstractContextManager[dict[str, Any]]:  # noqa: ARG002
        """Surrounds a command (prepare, task, finish or build), whose errors pass through it.

        Returns:
            Gives what the command can add facts to: how many nodes it selected, built and tested.
        """
        return contextlib.nullcontext({})

    def is_due(self) -> bool:
        """Whether there is anything to build, where no more is asked for than `--if-due`."""
        return True

    def starts_over(self) -> bool:
        """Whether incremental models must be built from nothing, as another state of the project made what is there.

        Asked where the whole project is built, or all that changed of it (`state:`).
        """
        return False

    def left_out(self, nodes: Collection[str], *, full_refresh: bool) -> Collection[str]:  # noqa: ARG002
        """Those of the nodes, by unique_id, that a build of the whole project does without.

        What they made stands, and neither they nor what they read are others now (seeds); or they look at nothing that
        a build makes (unit tests).

        Args:
            nodes: Of the whole project.
            full_refresh: Whether incremental models are built from nothing.
        """
        return ()

    def variables(self, *, published: bool = False) -> Mapping[str, str]:  # noqa: ARG002
        """What is set in dbt's environment.

        Args:
            published: For the documentation of what readers read, not for a build.
        """
        return {}

    def parse_variables(self) -> Mapping[str, str]:
        """What is set in dbt's environment where it parses ahead of a build in one process: it connects to nothing.

        dbt takes a saved parse for current only where the connection is that of the parse. Where no model asks for it
        (`target.host`), a made-up one lets a parse serve for every warehouse.
        """
        return self.variables()

    def begin(self, selection: Selection, left: Leftover | None) -> Ticket:  # noqa: ARG002
        """Makes the place ready in which the selected nodes are built; there is at least one.

        Args:
            selection: What will be built.
            left: What the last run left undone, where its state is there.
        """
        return {}

    def check(self, ticket: Ticket) -> None:
        """Raises where the build must not go on as another one has begun; asked before each task and in the end."""

    def judge(self, ticket: Ticket, results: Sequence[NodeResult]) -> Mapping[str, Sequence[str]]:  # noqa: ARG002
        """Notes what became of the selected nodes.

        Returns:
            Lines that explain a failed node, by its unique_id.
        """
        return {}

    def publish(self, ticket: Ticket) -> None:
        """Everything that was selected is built, and has passed: makes it what readers read."""


def load_hooks(name: str, run_id: str) -> Hooks:
    """The hooks that the command line names.

    Args:
        name: module:attribute; empty for none.
        run_id: What the attribute is called with.

    Raises:
        ConfigError: There is no such module or attribute.
    """
    if not name:
        return Hooks(run_id)
    module, _, attribute = name.partition(":")
    try:
        make = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"There are no hooks {name!r}: {error}.", hint="Name them as module:attribute.") from error
    made = make(run_id)
    if not isinstance(made, Hooks):
        raise ConfigError(
            f"{name} gives no hooks: a {type(made).__name__}.", hint="Derive it from argodbt.hooks.Hooks."
        )
    return made
