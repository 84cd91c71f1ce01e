"""Runs all steps in one process: what Argo does with containers, for a laptop."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from stocks import pipeline
from stocks.bronze import open_bronze
from stocks.errors import StocksError, exit_code_of
from stocks.gold import GoldBuild, is_current
from stocks.gold.dbt import preload
from stocks.local.instance import open_warehouse, request_budget
from stocks.pipeline import Outcome, Report
from stocks.providers import open_sources
from stocks.settings import Settings
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.load import LoadCounts
from stocks.warehouse.runlog import RunLog

_LOCK = 0x72756E  # "run": one run a warehouse


@dataclass(kw_only=True)
class Run:
    """What a run did."""

    tickers: list[str] = field(default_factory=list)
    fetched: int = 0
    """New answers in bronze."""
    counts: LoadCounts = field(default_factory=LoadCounts)
    build: GoldBuild | None = None
    """None where gold was current already."""
    errors: dict[str, StocksError] = field(default_factory=dict)
    """Tickers that failed and why; `gold` where gold failed."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time of each stage."""

    def note(self, outcome: Outcome, detail: dict[str, Any]) -> None:
        """Takes over what a step says of each ticker; a ticker keeps its first error."""
        self.errors = {**outcome.errors, **self.errors}
        detail["errors"] = {name: error.message for name, error in outcome.errors.items()}
        detail["counts"] = asdict(outcome.counts)

    @property
    def exit_code(self) -> int:
        """The code that sums up the errors."""
        return exit_code_of(self.errors.values())

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


@contextlib.contextmanager
def open_run(
    settings: Settings, command: str, report: Report, *, run_id: uuid.UUID | None = None
) -> Iterator[tuple[Warehouse, RunLog]]:
    """The warehouse with a row in ops.run, while no other run works on it: a second one waits and says so.

    Args:
        settings: The settings in force.
        command: The run's name in the log.
        report: Told where another run is waited for.
        run_id: The run of a workflow, which keeps others away itself, and ends it with `stocks report`.
    """
    if run_id is not None:
        with open_warehouse(settings) as warehouse:
            yield warehouse, begin_step_of(settings, warehouse, run_id, command)
        return
    with open_warehouse(settings) as warehouse, _alone(warehouse, report):
        log = RunLog(warehouse, uuid.uuid4())
        log.sweep()
        log.begin(command, source=",".join(settings.sources), series=settings.stocks_series or "")
        try:
            yield warehouse, log
        except BaseException as error:
            code = error.exit_code if isinstance(error, StocksError) else 130
            with contextlib.suppress(StocksError):
                log.end(code, str(error) or type(error).__name__)
            raise


def begin_step_of(settings: Settings, warehouse: Warehouse, run_id: uuid.UUID, command: str) -> RunLog:
    """The log of a workflow's run; whichever of its steps comes first begins it."""
    log = RunLog(warehouse, run_id)
    log.sweep(command)
    log.begin(command, source=",".join(settings.sources), series=settings.stocks_series or "")
    return log


def run(
    settings: Settings,
    warehouse: Warehouse,
    log: RunLog,
    tickers: Sequence[str],
    report: Report,
    *,
    force: bool = False,
    overview: bool = False,
) -> Run:
    """All of `stocks.steps.STEPS`, in order. A failing ticker does not stop the others."""
    done = Run()
    if not is_current(warehouse):
        preload()
    bronze = open_bronze(settings)
    with open_sources(settings, request_budget(settings, warehouse)) as sources:
        with _step(log, done, "plan") as detail:
            done.tickers = pipeline.plan(sources, tickers)
            detail["tickers"] = len(done.tickers)
        with _step(log, done, "extract") as detail:
            fetched = pipeline.extract(sources, bronze, done.tickers, report=report, force=force, overview=overview)
            done.fetched = detail["fetched"] = fetched.written
            done.note(fetched, detail)
    if done.fetched:
        preload()
    with _step(log, done, "normalize") as detail:
        loaded = pipeline.normalize(bronze, warehouse, done.tickers, report=report)
        done.counts = loaded.counts
        done.note(loaded, detail)
    with _step(log, done, "commit") as detail:
        detail["bars_changed"] = pipeline.commit(warehouse)
    _gold(settings, warehouse, log, done, report, full_refresh=False, only_if_changed=True)
    return done


def replay(
    settings: Settings,
    warehouse: Warehouse,
    log: RunLog,
    tickers: Sequence[str],
    report: Report,
    *,
    as_of: datetime | None,
    with_gold: bool = True,
) -> Run:
    """Silver and gold again from bronze, with no request to the provider."""
    done = Run()
    bronze = open_bronze(settings)
    if with_gold:
        preload()
    with _step(log, done, "replay") as detail:
        done.tickers = list(tickers) or bronze.symbols()
        loaded = pipeline.replay(bronze, warehouse, done.tickers, as_of=as_of, report=report)
        done.counts = loaded.counts
        done.note(loaded, detail)
    if with_gold:
        _gold(settings, warehouse, log, done, report, full_refresh=True, only_if_changed=False)
    return done


def gold(
    settings: Settings,
    warehouse: Warehouse,
    log: RunLog,
    report: Report,
    *,
    full_refresh: bool,
    only_if_changed: bool,
) -> Run:
    """Gold alone."""
    done = Run()
    _gold(settings, warehouse, log, done, report, full_refresh=full_refresh, only_if_changed=only_if_changed)
    return done


def _gold(
    settings: Settings,
    warehouse: Warehouse,
    log: RunLog,
    done: Run,
    report: Report,
    *,
    full_refresh: bool,
    only_if_changed: bool,
) -> None:
    try:
        with _step(log, done, "gold") as detail:
            done.build = pipeline.gold(
                warehouse,
                run_id=log.run_id,
                artifacts=settings.stocks_state_dir / "dbt",
                report=report,
                full_refresh=full_refresh,
                only_if_changed=only_if_changed,
            )
            if done.build is not None:
                detail.update(
                    models=done.build.models,
                    tests=done.build.tests,
                    warnings=[w.name for w in done.build.warnings],
                )
    except StocksError as error:
        # What was loaded stays loaded, and is worth telling.
        done.errors["gold"] = error


@contextlib.contextmanager
def _step(log: RunLog, done: Run, name: str) -> Iterator[dict[str, Any]]:
    """Times a step and writes it into the run log, with what it says of itself."""
    start = time.perf_counter()
    try:
        with log.note(name) as note:
            yield note.detail
            note.exit_code = exit_code_of(done.errors.values())
    finally:
        done.seconds[name] = time.perf_counter() - start


@contextlib.contextmanager
def _alone(warehouse: Warehouse, report: Report) -> Iterator[None]:
    """Holds the warehouse's run lock; it ends with the connection, so a killed run never leaves it behind."""
    with warehouse.connect(Role.WRITER) as connection:
        taken = connection.execute("select pg_try_advisory_lock(%s)", [_LOCK]).fetchone() == (True,)
        if not taken:
            report.say("Another run is at work on this warehouse: waiting until it has ended.")
            connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        yield
