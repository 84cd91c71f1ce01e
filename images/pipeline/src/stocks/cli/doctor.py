"""`stocks doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from stocks.cli.options import AsJson, AsText, InCluster, InNamespace
from stocks.cli.running import reporting
from stocks.errors import exit_code_of


def doctor(
    request: Annotated[
        bool,
        typer.Option("--request", help="Also fetch one answer: it tests the key, and counts as one request."),
    ] = False,
    wait: Annotated[
        int, typer.Option(min=0, help="Look again for so many seconds at what can't be reached (not with --cluster).")
    ] = 0,
    cluster: InCluster = False,
    namespace: InNamespace = "",
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Check settings, store, warehouse and provider, each with what to do."""
    from stocks.cli.checks import check_all
    from stocks.cli.cluster import check_cluster

    with reporting(output, as_json) as (report, settings):
        checks = check_cluster(namespace=namespace) if cluster else check_all(settings, request=request, wait=wait)
        report.rows(
            "check",
            ["check", "state", "detail"],
            [
                [c.name, "ok" if c.error is None else "wrong", c.detail if c.error is None else str(c.error)]
                for c in checks
            ],
        )
    raise typer.Exit(exit_code_of(c.error for c in checks if c.error is not None))
