"""Builds gold in one process, as the pods of stocks-gold do it together: by argodbt, with our books around it.

argodbt and dbt are in the images and extras that build gold alone: they are imported where that is done.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from stocks.errors import ConfigError
from stocks.outcome import GoldBuild
from stocks.warehouse import Warehouse

if TYPE_CHECKING:
    from argodbt.dbt import Progress


def build_gold(
    warehouse: Warehouse,
    *,
    run_id: uuid.UUID,
    artifacts: Path,
    progress: Progress,
    say: Callable[[str], object],
    full_refresh: bool = False,
) -> GoldBuild:
    """Builds gold with all its tests and publishes it; waits while another process does.

    Args:
        warehouse: Its login must be a member of stocks_owner.
        run_id: The run in ops.run that asks for it.
        artifacts: Folder for dbt's target and logs.
        progress: Called as nodes end.
        say: Told who is waited for.
        full_refresh: Build incremental models from nothing.

    Raises:
        TestsFailed: A test of severity error found rows, or a model's own constraints did; the published gold
            is as before.
        ConfigError: The project can't be parsed, SQL of ours is wrong, or dbt is not installed.
        WarehouseUnavailable: The warehouse went away, or another build does not end.
    """
    try:
        from argodbt.build import Outcome, build
        from argodbt.selection import Asked
        from stocks.gold.books import Books
    except ImportError as error:
        raise ConfigError("dbt is not installed.", hint="Install the extra: pip install 'stocks[gold]'.") from error
    told = build(
        Asked(full_refresh=full_refresh),
        hooks=Books(warehouse, run_id, say=say),
        artifacts=artifacts,
        results=artifacts,
        progress=progress,
    )
    counts = Outcome(results=told).counts
    warnings = [(result.name, result.model, result.failures) for result in told if result.status == "warn"]
    return GoldBuild(models=counts["built"], tests=counts["tests"], warnings=warnings)


@cache
def preload() -> None:
    """Imports dbt in the background, which takes three seconds; that it is not installed is for `build_gold` to say."""
    with contextlib.suppress(ImportError):
        from argodbt.dbt import preload

        preload()
