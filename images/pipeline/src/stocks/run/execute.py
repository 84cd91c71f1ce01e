"""One step: open just what it needs, log it, run it."""

from __future__ import annotations

import contextlib
from typing import Any

from stocks.bronze.side_by_side import Handover
from stocks.outcome import Outcome
from stocks.report import Report
from stocks.settings import Settings
from stocks.steps import Means, Step
from stocks.warehouse import Warehouse
from stocks.warehouse.runlog import RunLog, StepNote


def execute(
    step: Step,
    options: dict[str, Any],
    *,
    settings: Settings,
    report: Report,
    warehouse: Warehouse | None,
    log: RunLog | None,
    handover: Handover[str] | None = None,
) -> Outcome:
    """Runs a step, and writes into the log of its run how it ended.

    Args:
        step: The step.
        options: Of its function, by name.
        settings: The settings in force.
        report: Told how the work goes.
        warehouse: Where the step needs it.
        log: Of the run that the step belongs to; one that belongs to none leaves no trace.
        handover: Of tickers, where the step before it or behind it is at work at the same time.

    Raises:
        StocksError: The step failed as a whole. What failed of it alone is in the outcome.
    """
    batch = options.get("tickers", "") if step.fan_out else ""
    means = Means(settings=settings, report=report, run_id=log.run_id if log else None, handover=handover)
    with contextlib.ExitStack() as stack:
        note = stack.enter_context(log.note(step.name, batch=batch)) if log and step.is_logged else StepNote()
        if step.needs.login and warehouse:
            means.warehouse = warehouse
        if step.needs.store:
            from stocks.bronze import open_bronze

            means.bronze = open_bronze(settings)
        if step.needs.provider:
            from stocks.providers import open_sources
            from stocks.warehouse.budget import request_budget

            means.sources = stack.enter_context(open_sources(settings, request_budget(settings, means.warehouse)))
        outcome = step.work(means, **options)
        note.exit_code = outcome.exit_code
        note.detail |= outcome.detail
        if outcome.errors:
            note.detail["errors"] = {subject: error.message for subject, error in outcome.errors.items()}
        return outcome
