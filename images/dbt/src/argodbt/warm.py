"""What the nodes of `argodbt worker` need not do again: a worker imports this once, and forks its nodes off.

dbt is imported and the project parsed, which takes a pod of its own five seconds. Where that fails the nodes try it
themselves, and say what is wrong.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import uuid

import argodbt.build
import argodbt.cli  # noqa: F401 -- for the nodes
from argodbt.dbt import Dbt
from argodbt.errors import Told
from argodbt.hooks import load_hooks

_NO_RUN = str(uuid.UUID(int=0))
"""Stands for the run, which is not known yet. Where what its hooks set for dbt depends on it, each node parses."""

# dbt's fast parser has threads of its own, which no process that is forked off has: it would wait for them for ever.
os.environ["DBT_STATIC_PARSER"] = "false"
try:
    Dbt.parse_ahead(load_hooks(os.environ.get("ARGODBT_HOOKS", ""), _NO_RUN).variables())
    importlib.import_module("dbt.task.build")
except Exception as error:
    if not isinstance(error, Told):
        raise
    print(f"The project is not parsed ahead: {error}", file=sys.stderr, flush=True)
# What is there now is for good: no collection looks at it, and no process copies its pages for that.
gc.freeze()
