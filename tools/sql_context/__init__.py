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
