"""What sqlfluff's templater does not play of what dbt gives to a model: variables, and dbt's own macros."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

_PROJECT = Path(__file__).resolve().parents[2] / "dbt/dbt_project.yml"
_VARIABLES: dict[str, Any] = yaml.safe_load(_PROJECT.read_text())["vars"]

modules = SimpleNamespace(datetime=dt)
dbt = SimpleNamespace(type_string=lambda: "text", concat=" || ".join, hash="md5({})".format)


def var(name: str, default: Any = None) -> Any:
    """A variable of the project."""
    return _VARIABLES.get(name, default)


def is_incremental() -> bool:
    """Of dbt/materializations, as are the next: both ways of a model are linted by what is the same in them."""
    return False


def has_changes(relation: str) -> bool:  # noqa: ARG001
    """Whether a relation was made as changes."""
    return False


def changed(relation: str) -> str:
    """What a test looks at."""
    return relation


def published(relation: str) -> str:
    """A model's rows as readers have them."""
    return f"published_{relation}"


def part_of(relation: str, part: str) -> str:
    """The relation beside a model that holds a part of what changes of it."""
    return f"{relation}_{part}"
