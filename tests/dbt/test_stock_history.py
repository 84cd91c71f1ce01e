"""A stock's history follows when its attributes were observed, however late gold was built and whatever was replayed.

The fixture `sample_warehouse` is as in test_incremental.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stocks.bronze import Bronze
from stocks.bronze.folder_store import FolderStore
from stocks.cli.report import JsonReporter
from stocks.providers import Answer
from stocks.providers.alphavantage.answers import DAILY, OVERVIEW
from stocks.providers.sample.data import Sample
from stocks.warehouse import Warehouse
from stocks.warehouse.normalize import normalize, replay

LISTED = datetime(2011, 6, 1, 22, tzinfo=UTC)
MOVED = datetime(2012, 9, 1, 8, tzinfo=UTC)
ALWAYS, FOR_EVER = date(1900, 1, 1), date(9999, 12, 31)


@pytest.fixture
def bronze(tmp_path: Path) -> Bronze:
    """Answers about a symbol that no seed knows: its prices, and its sector twice."""
    bronze = Bronze(FolderStore(tmp_path))
    asked = {"function": DAILY.name, "symbol": "IBM", "outputsize": "full", "apikey": "x"}
    prices = Sample(LISTED.date()).answer(asked).replace(b'"IBM"', b'"NEW"')
    sectors = {LISTED: "TECHNOLOGY", MOVED: "ENERGY", MOVED.replace(month=11): "ENERGY"}
    bodies = [
        (moment, OVERVIEW, json.dumps({"Symbol": "NEW", "Name": "New Inc", "Sector": sector}).encode())
        for moment, sector in sectors.items()
    ]
    for moment, endpoint, body in [(LISTED, DAILY, prices), *bodies]:
        bronze.put(Answer(source="sample", endpoint=endpoint, symbol="NEW", observed_at=moment, body=body))
    return bronze


def history(warehouse: Any) -> list[tuple[Any, ...]]:
    """The versions of the symbol in a gold that is built now."""
    # Cautious: tests that look at the facts, too, would find none of the symbol.
    built = warehouse.dbt("build", "--select", "+dim_stock_history", "--indirect-selection", "cautious")
    assert {status for status, _ in built.values()} <= {"success", "pass", "warn"}
    with psycopg.connect(warehouse.dsn) as connection:
        return connection.execute(
            f"""
            select sector, valid_from, valid_to, is_current from {warehouse.schema}.dim_stock_history
            where symbol = 'NEW' order by valid_from
            """.encode()
        ).fetchall()


def test_versions_begin_when_they_were_observed(sample_warehouse: Any, bronze: Bronze) -> None:
    warehouse, report = Warehouse(sample_warehouse.dsn), JsonReporter()
    all_that_is_known = [
        ("Technology", ALWAYS, MOVED.date(), False),
        ("Energy", MOVED.date(), FOR_EVER, True),
    ]
    assert not normalize(bronze, warehouse, ["NEW"], report=report).errors
    assert history(sample_warehouse) == all_that_is_known, "one build, years after both"
    assert not replay(bronze, warehouse, ["NEW"], as_of=LISTED, report=report).errors
    assert history(sample_warehouse) == [("Technology", ALWAYS, FOR_EVER, True)]
    assert not replay(bronze, warehouse, ["NEW"], as_of=None, report=report).errors
    assert history(sample_warehouse) == all_that_is_known
