"""What the dashboard may not do: know the pipeline, write, or bring pandas."""

from __future__ import annotations

import ast
from pathlib import Path

import psycopg
import pytest

import stocks_dashboard

SOURCES = sorted(Path(stocks_dashboard.__path__[0]).rglob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_module_imports_neither_the_pipeline_nor_pandas(source: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    assert not imported & {"stocks", "pandas", "sqlalchemy"}


def test_the_readers_login_can_only_read(gold_url: str) -> None:
    with psycopg.connect(gold_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("delete from gold.mart_stock_summary")
