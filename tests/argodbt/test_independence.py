"""argodbt stands alone: a project of its own needs nothing of stocks in its image."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import argodbt

SOURCES = sorted(Path(argodbt.__file__).parent.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports anywhere, inside of functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def test_no_module_imports_stocks() -> None:
    for path in SOURCES:
        assert not {name for name in imported(path) if name.startswith("stocks")}, path


def test_only_the_templates_need_hera() -> None:
    assert [path.stem for path in SOURCES if "hera" in imported(path)] == ["templates", "warm_template"]


def test_pods_load_neither_hera_nor_stocks() -> None:
    script = "import argodbt.cli, sys; print({name.split('.')[0] for name in sys.modules} & {'hera', 'stocks', 'dbt'})"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


def test_stocks_alone_needs_no_argodbt() -> None:
    """The image of the pipeline has neither it nor a server of its own: all that its steps load must do without."""
    script = (
        "import sys; sys.modules['argodbt'] = sys.modules['dbt'] = None\n"
        "import stocks.cli.app, stocks.run, stocks.bronze.extract, stocks.warehouse.normalize, stocks.warehouse.due\n"
        "print([name for name in sys.modules if name.startswith('stocks.embedded')])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
