"""Commands that are one step: what `stocks run` does in one process, and Argo in containers."""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import asdict
from typing import Annotated

import typer

from stocks.cli.options import AsJson, AsText, Force, Overview, RunId, Tickers, ToFile
from stocks.cli.running import finish, noted, print_result, reporting, take
from stocks.errors import ConfigError
from stocks.settings import load_settings
from stocks.universe import parse_symbols


def plan(
    tickers: Tickers = "",
    batch_size: Annotated[int, typer.Option(min=1, help="Tickers in a batch.")] = 1,
    to: ToFile = None,
    run_id: RunId = None,
) -> None:
    """List the tickers to fetch, as a JSON list of batches (each a list separated by commas)."""
    from stocks import pipeline
    from stocks.providers import Unlimited, open_sources

    settings = load_settings()
    with contextlib.ExitStack() as stack:
        note = stack.enter_context(noted(settings, run_id, "plan"))
        sources = stack.enter_context(open_sources(settings, lambda _: Unlimited(), with_keys=False))
        chosen = pipeline.plan(sources, parse_symbols(tickers))
        lists = [",".join(batch) for batch in pipeline.batches(chosen, batch_size)]
        note.detail.update(tickers=len(chosen), batches=lists)
        print_result(json.dumps(lists), to)


def extract(
    tickers: Tickers = "",
    force: Force = False,
    overview: Overview = False,
    series: Annotated[str, typer.Option(help="daily_adjusted or weekly_adjusted (default: STOCKS_SERIES).")] = "",
    run_id: RunId = None,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Fetch answers from the provider into bronze."""
    from stocks import pipeline
    from stocks.bronze import open_bronze
    from stocks.local.instance import open_warehouse, request_budget
    from stocks.providers import open_sources

    with (
        reporting(output, as_json, series=series) as (report, settings),
        open_warehouse(settings) as warehouse,
        noted(settings, run_id, "extract", batch=tickers) as note,
        open_sources(settings, request_budget(settings, warehouse)) as sources,
    ):
        chosen = pipeline.plan(sources, parse_symbols(tickers))
        with report:
            outcome = pipeline.extract(
                sources, open_bronze(settings), chosen, report=report, force=force, overview=overview
            )
        take(note, outcome, fetched=outcome.written)
    finish(report, outcome)


def normalize(
    tickers: Annotated[str, typer.Option(help="Symbols, separated by commas (default: all that bronze holds).")] = "",
    run_id: RunId = None,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Load what bronze holds and silver has not seen yet."""
    from stocks import pipeline
    from stocks.bronze import open_bronze
    from stocks.local.instance import open_warehouse

    with (
        reporting(output, as_json) as (report, settings),
        open_warehouse(settings) as warehouse,
        noted(settings, run_id, "normalize", batch=tickers) as note,
    ):
        bronze = open_bronze(settings)
        chosen = parse_symbols(tickers) or bronze.symbols()
        with report:
            outcome = pipeline.normalize(bronze, warehouse, chosen, report=report)
        take(note, outcome, counts=asdict(outcome.counts))
    finish(report, outcome)


def commit(
    start_gold: Annotated[
        bool,
        typer.Option("--start-gold", help="Where any changed, start the workflow stocks-gold (needs --run-id)."),
    ] = False,
    to: ToFile = None,
    run_id: RunId = None,
) -> None:
    """Say how many bars of silver changed since gold was built."""
    from stocks import pipeline
    from stocks.local.instance import open_warehouse

    settings = load_settings()
    with open_warehouse(settings) as warehouse, noted(settings, run_id, "commit") as note:
        note.detail["bars_changed"] = pipeline.commit(warehouse)
        if start_gold and note.detail["bars_changed"]:
            if run_id is None:
                raise ConfigError("--start-gold needs the run that asks for it.", hint="Add --run-id.")
            from stocks.cluster import Cluster

            note.detail["gold"] = Cluster.connect().start_gold(run_id)
        print_result(json.dumps(note.detail), to)


def report(
    run_id: Annotated[uuid.UUID, typer.Option(help="The run in ops.run: the workflow's uid.")],
    steps: Annotated[str, typer.Option(help="The steps that the run should have had, in order, with commas.")],
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Sum up the steps of a workflow, say what failed and why, and end its run with the code that sums them up."""
    from stocks.local.instance import open_warehouse
    from stocks.steps import STEPS
    from stocks.warehouse.runlog import RunLog

    with reporting(output, as_json) as (told, settings), open_warehouse(settings) as warehouse:
        log = RunLog(warehouse, run_id)
        summary = log.sum_up(steps.split(","), [step.name for step in STEPS if step.fan_out])
        log.end(summary.exit_code, summary.message)
    told.rows(
        "failure",
        ["step", "subject", "exit_code", "message"],
        [[failure.step, failure.subject, failure.exit_code, failure.message] for failure in summary.failures],
        title="What failed",
    )
    told.say(f"{summary.steps} steps ended, {len(summary.failures)} failures.")
    raise typer.Exit(summary.exit_code)
