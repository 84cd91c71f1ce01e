"""Builds gold in one process, as the pods of stocks-gold do it together: by argodbt, with our books around it.

argodbt and dbt are in the images and extras that build gold alone: they are imported where that is done.
"""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from stocks.errors import ConfigError
from stocks.settings import project_folder
from stocks.warehouse import Warehouse
from stocks.warehouse.connection import lock_timeout

if TYPE_CHECKING:
    from argodbt.dbt import Progress
    from argodbt.results import NodeResult

BUILD_SCHEMA, PUBLISHED_SCHEMA = "gold_next", "gold"


@dataclass(frozen=True, kw_only=True)
class GoldBuild:
    """What a build did."""

    results: list[NodeResult] = field(default_factory=list)

    @property
    def models(self) -> int:
        """Models, seeds and snapshots that were built."""
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
        ConfigError: The project can't be parsed, SQL of ours is wrong, or dbt is not installed.
        WarehouseUnavailable: The warehouse went away.
    """
    try:
        from argodbt.build import Asked, build
        from stocks.gold.books import Books
    except ImportError as error:
        raise ConfigError("dbt is not installed.", hint="Install the extra: pip install 'stocks[gold]'.") from error
    return GoldBuild(
        results=build(
            Asked(full_refresh=full_refresh),
            hooks=Books(warehouse, run_id),
            artifacts=artifacts,
            results=artifacts,
            progress=progress,
        )
    )


def preload() -> None:
    """Imports dbt in the background, which takes three seconds; that it is not installed is for `build_gold` to say."""
    with contextlib.suppress(ImportError):
        from argodbt.dbt import preload

        preload()


def environment(warehouse: Warehouse, *, schema: str | None = None) -> dict[str, str]:
    """The variables that dbt/profiles.yml reads; the password under a name that dbt keeps out of its logs.

    The libpq names make `psql` work in the same shell.
    """
    parts = urlsplit(warehouse.url)
    password = unquote(parts.password or "")
    return {
        "DBT_PROJECT_DIR": str(project_folder()),
        "DBT_PROFILES_DIR": str(project_folder()),
        "DBT_ENV_SECRET_PGPASSWORD": password,
        "PGHOST": parts.hostname or "localhost",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": password,
        "PGDATABASE": parts.path.removeprefix("/"),
        **({"STOCKS_GOLD_SCHEMA": schema, "PGOPTIONS": lock_timeout()} if schema else {}),
    }
