"""`stocks gold`: the build in one process. A workflow's pods run `argodbt` with our hooks."""

from __future__ import annotations

from typing import Annotated

import typer

from stocks.cli.options import AsJson, AsText, RunId
from stocks.cli.running import logged_run


def gold(
    full_refresh: Annotated[bool, typer.Option(help="Build incremental models from nothing.")] = False,
    if_changed: Annotated[bool, typer.Option("--if-changed", help="Do nothing where gold is current.")] = False,
    run_id: RunId = None,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Build and test the star schema with dbt; publish it when every test has passed."""
    from stocks.gold import preload
    from stocks.local import runner

    preload()
    logged_run(
        "gold",
        output,
        as_json,
        lambda settings, warehouse, log, report: runner.gold(
            settings, warehouse, log, report, full_refresh=full_refresh, only_if_changed=if_changed
        ),
        run_id=run_id,
    )
