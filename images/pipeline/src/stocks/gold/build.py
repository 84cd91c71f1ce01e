"""Builds gold in one process: write beside, audit, publish.

dbt builds and tests in the schema gold_next. When every test of severity error has passed, the two schemas
swap names in one transaction: readers see the old gold or the new one, whole, and never one whose tests
failed. gold_next then holds the build before; its incremental models catch up from their own newest rows.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from stocks.gold import ledger
from stocks.gold.dbt import Progress, environment, run_dbt
from stocks.gold.results import NodeResult
from stocks.warehouse import Warehouse


@dataclass(frozen=True, kw_only=True)
class GoldBuild:
    """What a build did."""

    results: list[NodeResult] = field(default_factory=list)

    @property
    def models(self) -> int:
        """Models, seeds and snapshots that were built; an exposure only stands in the graph."""
        return sum(1 for result in self.results if result.status == "success")

    @property
    def tests(self) -> int:
        """Tests that passed, warnings included."""
        return sum(1 for result in self.results if result.is_test)

    @property
    def warnings(self) -> list[NodeResult]:
        """Tests of severity warn that found rows."""
        return [result for result in self.results if result.status == "warn"]


def build_gold(
    warehouse: Warehouse,
    *,
    run_id: uuid.UUID,
    artifacts: Path,
    progress: Progress,
    full_refresh: bool = False,
) -> GoldBuild:
    """Builds gold with all its tests and publishes it; waits while another process does.

    Args:
        warehouse: Its login must be a member of stocks_owner.
        run_id: The run in ops.run that asks for it.
        artifacts: Folder for dbt's target and logs.
        progress: Called as nodes end.
        full_refresh: Build incremental models from nothing.

    Raises:
        TestsFailed: A test of severity error found rows, or a model's own constraints did; the published gold
            is as before.
        ConfigError: The project can't be parsed, or SQL of ours is wrong.
        WarehouseUnavailable: The warehouse went away.
    """
    with ledger.owner(warehouse) as connection:
        build_id = ledger.begin(connection, run_id, full_refresh=full_refresh)
        with ledger.noted(connection, build_id):
            results = run_dbt(
                ["build", *(["--full-refresh"] if full_refresh else [])],
                variables=environment(warehouse, schema=ledger.BUILD_SCHEMA),
                artifacts=artifacts,
                progress=progress,
            )
            ledger.judge(connection, build_id, results)
            ledger.publish(connection, build_id)
    return GoldBuild(results=results)
