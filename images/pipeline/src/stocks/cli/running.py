"""What commands have in common: how they tell what they do, and leave it in the run log."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from stocks.cli.report import Output, Reporter, reporter
from stocks.errors import StocksError, exit_code_of
from stocks.settings import Settings, load_settings

if TYPE_CHECKING:  # heavy: each command imports what it needs
    from stocks.local.runner import Run
    from stocks.pipeline import Outcome
    from stocks.warehouse import Warehouse
    from stocks.warehouse.runlog import RunLog, StepNote


@contextlib.contextmanager
def reporting(output: Output | None, as_json: bool, *, series: str = "") -> Iterator[tuple[Reporter, Settings]]:
    """The reporter that was asked for, which also tells how the command failed, and the settings."""
    report = reporter(Output.JSON if as_json else output)
    try:
        yield report, load_settings(series=series)
    except StocksError as error:
        report.fail("", error)
        raise typer.Exit(error.exit_code) from None


def logged_run(
    command: str,
    output: Output | None,
    as_json: bool,
    work: Callable[[Settings, Warehouse, RunLog, Reporter], Run],
    *,
    run_id: uuid.UUID | None = None,
) -> None:
    """Does work that is a run in the run log, shows what it brought, and ends with its code.

    The run of a workflow (`run_id`) goes on: `stocks report` ends it.
    """
    from stocks.cli.summary import show_run
    from stocks.local.runner import open_run

    with (
        reporting(output, as_json) as (report, settings),
        open_run(settings, command, report, run_id=run_id) as (warehouse, log),
    ):
        with report:
            done = work(settings, warehouse, log, report)
        if run_id is None:
            log.end(done.exit_code, done.message)
        show_run(report, settings, warehouse, done)
    raise typer.Exit(done.exit_code)


@contextlib.contextmanager
def noted(
    settings: Settings, run_id: uuid.UUID | None, name: str, *, batch: str = "", command: str = "ingest"
) -> Iterator[StepNote]:
    """Writes a step into the log of its workflow's run; one that belongs to none leaves no trace there."""
    from stocks.local.instance import open_warehouse
    from stocks.local.runner import begin_step_of
    from stocks.warehouse.runlog import StepNote

    if run_id is None:
        yield StepNote()
        return
    with (
        open_warehouse(settings) as warehouse,
        begin_step_of(settings, warehouse, run_id, command).note(name, batch=batch) as note,
    ):
        yield note


def take(note: StepNote, outcome: Outcome, **facts: Any) -> None:
    """What a fan-out step did, for the run log."""
    note.exit_code = exit_code_of(outcome.errors.values())
    note.detail.update(facts, errors={symbol: error.message for symbol, error in outcome.errors.items()})


def print_result(text: str, to: Path | None) -> None:
    """A step's output: on standard output, and in a file where Argo wants it."""
    print(text)
    if to is not None:
        to.write_text(text)


def finish(report: Reporter, outcome: Outcome) -> None:
    """Says what became of each ticker, and ends with the code that sums it up."""
    for symbol, what in outcome.done.items():
        report.say(f"{symbol}: {what}")
    for symbol, error in outcome.errors.items():
        report.fail(symbol, error)
    raise typer.Exit(exit_code_of(outcome.errors.values()))
