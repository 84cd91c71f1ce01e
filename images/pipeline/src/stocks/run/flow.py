"""Steps in a row, in one process: what a workflow's templates do with containers."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from stocks.bronze.side_by_side import Handover, in_thread
from stocks.errors import StocksError, code_of, sum_of_codes
from stocks.gold import preload
from stocks.outcome import GoldBuild, LoadCounts, Outcome
from stocks.providers import in_words
from stocks.report import Report
from stocks.run.execute import execute
from stocks.settings import Settings
from stocks.steps import GOLD, PLAN, Flow, Step
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.connection import wait_for_turn
from stocks.warehouse.due import is_gold_due
from stocks.warehouse.runlog import RunLog

_LOCK = 0x72756E  # "run": one run a warehouse

OpenWarehouse = Callable[[Settings], AbstractContextManager[Warehouse]]
"""Gives the warehouse in force, at this code's version."""


@dataclass(kw_only=True)
class Run:
    """What a run did."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """By step."""
    failed: dict[str, StocksError] = field(default_factory=dict)
    """The step that failed as a whole: none came after it."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time of each step."""

    @property
    def tickers(self) -> list[str]:
        """What was planned."""
        return next((outcome.tickers for outcome in self.outcomes.values() if outcome.tickers), [])

    @property
    def fetched(self) -> int:
        """New answers in bronze."""
        return sum(outcome.written for outcome in self.outcomes.values())

    @property
    def counts(self) -> LoadCounts:
        """What was loaded, in bars."""
        total = LoadCounts()
        for outcome in self.outcomes.values():
            total.add(outcome.counts)
        return total

    @property
    def build(self) -> GoldBuild | None:
        """None where gold was current already."""
        return next((outcome.build for outcome in self.outcomes.values() if outcome.build), None)

    @property
    def errors(self) -> dict[str, StocksError]:
        """What failed (a ticker, a step), each with its first error."""
        found: dict[str, StocksError] = {}
        for errors in (*(outcome.errors for outcome in self.outcomes.values()), self.failed):
            found = {**errors, **found}
        return found

    @property
    def exit_code(self) -> int:
        """The code that sums up how the steps ended."""
        ended = [outcome.exit_code for outcome in self.outcomes.values()]
        return sum_of_codes(code for code in (*ended, *(error.exit_code for error in self.failed.values())) if code)

    @property
    def is_unchanged(self) -> bool:
        """Whether the run found nothing new and wrote nothing."""
        return not self.fetched and not self.counts.changed and self.build is None

    @property
    def message(self) -> str:
        """The run in one line, for the run log."""
        if self.is_unchanged and not self.errors:
            return "nothing new"
        gold = "gold published" if self.build else "gold as before"
        text = f"new answers: {self.fetched}, bars changed: {self.counts.changed}, {gold}"
        return "; ".join([text, *(f"{name}: {error.message.splitlines()[0]}" for name, error in self.errors.items())])


def run_steps(
    flow: Flow,
    options: Mapping[str, Any],
    *,
    settings: Settings,
    report: Report,
    warehouse: Warehouse | None,
    log: RunLog | None,
) -> Run:
    """Runs steps in order until one fails as a whole; what those before it did stays done, and is worth telling.

    A step that fans out over tickers behind another one takes each ticker as soon as that has done it.

    Args:
        flow: The steps. One that fans out behind plan is given the tickers that this chose.
        options: Of any of the steps, by name, as a person gave them.
        settings: The settings in force.
        report: Told how the work goes.
        warehouse: Where any step needs it.
        log: Of the run that the steps belong to, if they belong to one.
    """
    done = Run()
    is_gold_asked_for = not {**options, **flow.given.get(GOLD.name, {})}.get("if_changed")
    will_build = GOLD in flow.steps and warehouse is not None and (is_gold_asked_for or is_gold_due(warehouse))

    def attempt(step: Step, handover: Handover[str] | None = None) -> None:
        given = {name: options[name] for name in flow.options_of(step) if name in options}
        given |= flow.given.get(step.name, {})
        if step.fan_out and done.tickers:
            given["tickers"] = ",".join(done.tickers)
        start = time.perf_counter()
        try:
            done.outcomes[step.name] = execute(
                step, given, settings=settings, report=report, warehouse=warehouse, log=log, handover=handover
            )
        except StocksError as error:
            done.failed[step.name] = error
        finally:
            done.seconds[step.name] = time.perf_counter() - start

    for step, behind in _together(flow.steps):
        if will_build or (done.fetched and GOLD in flow.steps):
            preload()
        if step.fan_out and PLAN.name in done.outcomes and not done.tickers:
            continue
        if behind is None:
            attempt(step)
        else:
            handover = Handover[str]()
            waiting = in_thread(partial(attempt, behind, handover))
            try:
                attempt(step, handover)
            finally:
                handover.close()
            if done.fetched and GOLD in flow.steps:
                preload()
            waiting()
            # What it took beyond the step before it: all seconds together are those of the run.
            done.seconds[behind.name] = max(done.seconds[behind.name] - done.seconds[step.name], 0.0)
        if done.failed:
            break
    return done


def _together(steps: Sequence[Step]) -> Iterator[tuple[Step, Step | None]]:
    """The steps in order; one that fans out with the one that fans out behind it: both are at work at the same time."""
    waiting = list(steps)
    while waiting:
        step = waiting.pop(0)
        goes_along = waiting and step.fan_out and waiting[0].fan_out and waiting[0].after == (step.name,)
        yield step, waiting.pop(0) if goes_along else None


@contextlib.contextmanager
def open_run(
    flow: Flow,
    *,
    settings: Settings,
    report: Report,
    open_warehouse: OpenWarehouse,
    run_id: uuid.UUID | None,
) -> Iterator[tuple[Warehouse | None, RunLog | None]]:
    """The warehouse and the run log for these steps, where they need them.

    A run of its own has a row in ops.run, and no other run works on the warehouse meanwhile: a second one waits and
    says so. The steps of a workflow share its row (`run_id`); the workflow keeps others away itself, and ends its run
    with `stocks report`.

    Args:
        flow: The steps that will be run.
        settings: The settings in force.
        report: Told where another run is waited for.
        open_warehouse: Opens the warehouse.
        run_id: The run of a workflow.
    """
    is_own = run_id is None and any(step.is_run for step in flow.steps)
    if not (is_own or run_id or any(step.needs.login for step in flow.steps)):
        yield None, None
        return
    with contextlib.ExitStack() as stack:
        warehouse = stack.enter_context(open_warehouse(settings))
        if not (is_own or run_id):
            yield warehouse, None
            return
        if is_own:
            stack.enter_context(_alone(warehouse, report))
        log = RunLog(warehouse, run_id or uuid.uuid4())
        if any(step.is_logged for step in flow.steps):
            log.sweep(None if is_own else flow.name)
            if log.begin(flow.name, **in_words(settings)):
                log.prune(settings.stocks_log_days)
        try:
            yield warehouse, log
        except BaseException as error:
            if is_own:
                with contextlib.suppress(StocksError):
                    log.end(code_of(error), str(error) or type(error).__name__)
            raise


@contextlib.contextmanager
def _alone(warehouse: Warehouse, report: Report) -> Iterator[None]:
    """Holds the warehouse's run lock; it ends with the connection, so a killed run never leaves it behind."""
    with warehouse.connect(Role.WRITER) as connection:
        wait_for_turn(connection, _LOCK, "run", report.say)
        yield
