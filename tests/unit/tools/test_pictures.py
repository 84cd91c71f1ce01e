"""Pictures of README.md and docs/: they say what is rendered, and a stale one is told."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from tools import pictures


def test_every_picture_stands_in_a_page() -> None:
    placed = [name for page in pictures.PAGES for name in re.findall(r"<!-- picture: ([\w-]+) -->", page.read_text())]
    assert sorted(placed) == sorted(pictures.PICTURES)


def test_a_task_waits_for_tasks_alone_whatever_their_end() -> None:
    drawn = list(pictures.workflow("stocks-ingest", "pod"))
    tasks = {line for line in drawn if re.fullmatch(r"[\w-]+", line)} | {"batches"}
    edges = [line.split(" --> ") for line in drawn if " --> " in line]
    assert ["batches", "commit"] in edges
    assert {end for edge in edges for end in edge} <= tasks


def test_keys_and_their_tables_are_drawn() -> None:
    drawn = list(pictures.star_schema())
    assert "integer date_key PK" in drawn
    assert "integer date_key FK" in drawn
    assert "dim_date ||--o{ fact_adjusted_prices : date_key" in drawn


def test_a_stale_picture_is_told_and_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- picture: stocks-ingest -->\nold\n<!-- /picture -->\n\nAfter.\n")
    monkeypatch.setattr(pictures, "PAGES", (page,))
    monkeypatch.setattr(sys, "argv", ["pictures.py", "--check"])
    assert pictures.main() == 1
    assert "page.md has a picture that is out of date" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["pictures.py"])
    assert pictures.main() == 0
    text = page.read_text()
    assert text.startswith("Before.\n\n<!-- picture: stocks-ingest -->\n```mermaid\nflowchart LR\n    plan\n")
    assert text.endswith("```\n<!-- /picture -->\n\nAfter.\n")
    assert pictures.main() == 0
    assert page.read_text() == text
