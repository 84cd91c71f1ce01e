"""The commands: they read arguments, call a step, and say what came of it."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from stocks.cli import bootstrap
from stocks.cli.report import Output, Reporter, reporter
from stocks.errors import ConfigError, StocksError, exit_code_of
from stocks.settings import Settings, load_settings
from stocks.universe import parse_symbols

if TYPE_CHECKING:  # heavy: each command imports what it needs
    from stocks.local.runner import Run
    from stocks.pipeline import Outcome
    from stocks.warehouse import Warehouse
    from stocks.warehouse.runlog import RunLog, StepNote


class LoginRole(StrEnum):
    """A login of the embedded warehouse."""

    OWNER = "owner"
    WRITER = "writer"
    READER = "reader"


class Commands(TyperGroup):
    """The commands; every error of the pipeline ends with its own exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a command, and turns its errors into words and codes."""
        try:
            return super().invoke(ctx)
        except StocksError as error:
            _show(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            print("Interrupted. Nothing is half-done: the same command goes on from here.", file=sys.stderr)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Commands,
    name="stocks",
    help="Stock prices from raw provider answers (bronze) to typed bars (silver) and a tested star schema (gold).",
    epilog="Settings come from the environment and from .env; see .env.example.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bootstrap.app, name="bootstrap", rich_help_panel="Warehouse")

Tickers = Annotated[str, typer.Option(help="Symbols, separated by commas (default: the universe).")]
AsText = Annotated[
    Output | None,
    typer.Option("--output", help="text for a person, json for a machine (default: text on a terminal, else json)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The same as --output json.")]
RunId = Annotated[
    uuid.UUID | None,
    typer.Option(help="The run in ops.run that this step belongs to: a workflow's steps share one (see `report`)."),
]
Force = Annotated[bool, typer.Option("--force", help="Fetch even where no session has ended since the latest answer.")]
Overview = Annotated[bool, typer.Option("--overview", help="Fetch company attributes too: a second request a ticker.")]
InCluster = Annotated[
    bool, typer.Option("--cluster", help="Of the Kubernetes cluster that kubectl talks to, not of this machine.")
]
ToFile = Annotated[Path | None, typer.Option("--to", help="Write the result to this file, too.")]


def main() -> None:
    """Runs the command line."""
    signal.signal(signal.SIGTERM, _terminate)
    app()


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM (kubectl delete pod, docker stop) ends as Ctrl-C does: the embedded server is stopped, the run noted."""
    raise KeyboardInterrupt


def _show(error: StocksError) -> None:
    if sys.stderr.isatty():
        print(f"error: {error.message}" + (f"\n       {error.hint}" if error.hint else ""), file=sys.stderr)
    else:
        facts = {"event": "error", "message": error.message, "hint": error.hint, "exit_code": error.exit_code}
        print(json.dumps(facts), file=sys.stderr)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Options of all commands."""
    if version:
        print(metadata.version("stocks"))
        raise typer.Exit


@app.command(rich_help_panel="Whole pipeline")
def run(
    tickers: Tickers = "",
    force: Force = False,
    overview: Overview = False,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Fetch, load, build and test: all steps in one process. A second run finds nothing new and writes nothing."""
    from stocks.local import runner

    symbols = parse_symbols(tickers)
    _logged_run(
        "run",
        output,
        as_json,
        lambda settings, warehouse, log, report: runner.run(
            settings, warehouse, log, symbols, report, force=force, overview=overview
        ),
    )


@app.command(rich_help_panel="Whole pipeline")
def replay(
    as_of: Annotated[
        str, typer.Option(help="What was known at that moment: a day (its end, UTC) or an ISO date and time.")
    ] = "",
    tickers: Annotated[str, typer.Option(help="Symbols, separated by commas (default: all that bronze holds).")] = "",
    no_gold: Annotated[bool, typer.Option("--no-gold", help="Stop at silver: another step builds gold.")] = False,
    run_id: RunId = None,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Build silver and gold again from bronze, with no request to the provider."""
    from stocks.local import runner

    symbols, moment = parse_symbols(tickers), _moment(as_of)
    _logged_run(
        "replay",
        output,
        as_json,
        lambda settings, warehouse, log, report: runner.replay(
            settings, warehouse, log, symbols, report, as_of=moment, with_gold=not no_gold
        ),
        run_id=run_id,
    )


@app.command(rich_help_panel="Steps")
def plan(
    tickers: Tickers = "",
    batch_size: Annotated[int, typer.Option(min=1, help="Tickers in a batch.")] = 1,
    to: ToFile = None,
    run_id: RunId = None,
) -> None:
    """List the tickers to fetch, as a JSON list of batches (each a list separated by commas)."""
    from stocks import pipeline
    from stocks.source import Unlimited, open_source

    settings = load_settings()
    with contextlib.ExitStack() as stack:
        note = stack.enter_context(_noted(settings, run_id, "plan"))
        source = stack.enter_context(open_source(settings, Unlimited()))
        chosen = pipeline.plan(source, parse_symbols(tickers))
        lists = [",".join(batch) for batch in pipeline.batches(chosen, batch_size)]
        note.detail.update(tickers=len(chosen), batches=lists)
        _print_result(json.dumps(lists), to)


@app.command(rich_help_panel="Steps")
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
    from stocks.source import Endpoint, open_source

    with (
        _reporting(output, as_json, series=series) as (report, settings),
        open_warehouse(settings) as warehouse,
        _noted(settings, run_id, "extract", batch=tickers) as note,
        open_source(settings, request_budget(settings, warehouse)) as source,
    ):
        endpoints = [Endpoint.of_series(settings.stocks_series), *([Endpoint.OVERVIEW] if overview else [])]
        chosen = pipeline.plan(source, parse_symbols(tickers))
        with report:
            outcome = pipeline.extract(
                source, open_bronze(settings), chosen, endpoints=endpoints, report=report, force=force
            )
        _take(note, outcome, fetched=outcome.written)
    _finish(report, outcome)


@app.command(rich_help_panel="Steps")
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
        _reporting(output, as_json) as (report, settings),
        open_warehouse(settings) as warehouse,
        _noted(settings, run_id, "normalize", batch=tickers) as note,
    ):
        bronze = open_bronze(settings)
        chosen = parse_symbols(tickers) or bronze.symbols()
        with report:
            outcome = pipeline.normalize(bronze, warehouse, chosen, report=report)
        _take(note, outcome, counts=asdict(outcome.counts))
    _finish(report, outcome)


@app.command(rich_help_panel="Steps")
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
    with open_warehouse(settings) as warehouse, _noted(settings, run_id, "commit") as note:
        note.detail["bars_changed"] = pipeline.commit(warehouse)
        if start_gold and note.detail["bars_changed"]:
            if run_id is None:
                raise ConfigError("--start-gold needs the run that asks for it.", hint="Add --run-id.")
            from stocks.cluster import Cluster

            note.detail["gold"] = Cluster.connect().start_gold(run_id)
        _print_result(json.dumps(note.detail), to)


@app.command(rich_help_panel="Steps")
def gold(
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Build incremental models from nothing.")
    ] = False,
    if_changed: Annotated[bool, typer.Option("--if-changed", help="Do nothing where gold is current.")] = False,
    run_id: RunId = None,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Build and test the star schema with dbt; publish it when every test has passed."""
    from stocks.gold.dbt import preload
    from stocks.local import runner

    preload()
    _logged_run(
        "gold",
        output,
        as_json,
        lambda settings, warehouse, log, report: runner.gold(
            settings, warehouse, log, report, full_refresh=full_refresh, only_if_changed=if_changed
        ),
        run_id=run_id,
    )


@app.command(rich_help_panel="Steps")
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

    with _reporting(output, as_json) as (told, settings), open_warehouse(settings) as warehouse:
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


@app.command(rich_help_panel="Warehouse")
def migrate() -> None:
    """Bring the warehouse to this version; the embedded one is always brought there."""
    from stocks.local.instance import open_warehouse
    from stocks.warehouse import Warehouse
    from stocks.warehouse.migrate import migrate as bring

    settings = load_settings()
    if settings.stocks_warehouse_url is None:
        with open_warehouse(settings):
            print("The embedded warehouse is at this version.")
        return
    applied = bring(Warehouse(settings.stocks_warehouse_url))
    names = ", ".join(f"{m.version:04d}_{m.name}" for m in applied)
    print(f"Applied {names}." if applied else "The warehouse is at this version already.")


@app.command(rich_help_panel="Warehouse")
def query(
    sql: Annotated[str, typer.Argument(help="One statement that reads.")],
    fmt: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
) -> None:
    """Read the warehouse with the read-only role."""
    from stocks.cli.rows import Format, print_rows
    from stocks.local.instance import open_warehouse
    from stocks.warehouse.query import read

    if fmt not in set(Format):
        raise ConfigError(f"There is no format {fmt!r}.", hint=f"Choose one of {', '.join(Format)}.")
    with open_warehouse(load_settings()) as warehouse:
        print_rows(read(warehouse, sql), Format(fmt))


@app.command(rich_help_panel="Warehouse")
def status(cluster: InCluster = False, output: AsText = None, as_json: AsJson = False) -> None:
    """Show the last runs, how fresh each ticker is, what the tests said, and the request budget."""
    if cluster:
        from stocks.cli.cluster import show_cluster

        with _reporting(output, as_json) as (report, _):
            show_cluster(report)
        return
    from stocks.cli.summary import show_status
    from stocks.local.instance import open_warehouse

    with _reporting(output, as_json) as (report, settings), open_warehouse(settings) as warehouse:
        show_status(report, settings, warehouse)


@app.command(rich_help_panel="Help for the helper")
def doctor(
    request: Annotated[
        bool,
        typer.Option("--request", help="Also fetch one answer: it tests the key, and counts as one request."),
    ] = False,
    cluster: InCluster = False,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Check settings, store, warehouse and provider, each with what to do."""
    from stocks.cli.checks import check_all
    from stocks.cli.cluster import check_cluster

    with _reporting(output, as_json) as (report, settings):
        checks = check_cluster() if cluster else check_all(settings, request=request)
        report.rows(
            "check",
            ["check", "state", "detail"],
            [
                [c.name, "ok" if c.error is None else "wrong", c.detail if c.error is None else str(c.error)]
                for c in checks
            ],
        )
    raise typer.Exit(exit_code_of(c.error for c in checks if c.error is not None))


@app.command(rich_help_panel="Warehouse", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def env(
    context: typer.Context,
    role: Annotated[
        LoginRole,
        typer.Option(help="Whose login to the embedded warehouse: dbt needs the owner's, a dashboard the reader's."),
    ] = LoginRole.OWNER,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the embedded server that an earlier `stocks env` left on.")
    ] = False,
) -> None:
    """Print the environment that dbt and psql need: eval "$(stocks env)". With a command, run it in there.

    Printing leaves the embedded server running until `stocks env --stop`; `stocks env -- dbt build` stops it
    afterwards. What is printed holds the password.
    """
    from stocks.gold.dbt import environment
    from stocks.local.instance import open_warehouse
    from stocks.local.postgres import EmbeddedPostgres
    from stocks.warehouse import Warehouse

    settings = load_settings()
    server = EmbeddedPostgres(settings.stocks_state_dir)
    if stop:
        print("Stopped." if server.stop() else "Others still use the server: the last of them stops it.")
        return
    with open_warehouse(settings) as warehouse:
        is_embedded = settings.stocks_warehouse_url is None
        login = Warehouse(server.url(f"stocks_{role}")) if is_embedded else warehouse
        variables = {**environment(login), "STOCKS_WAREHOUSE_URL": login.url}
        if context.args:
            command = [_beside_python(context.args[0]), *context.args[1:]]
            ended = subprocess.run(command, env={**os.environ, **variables}, check=False)
            raise typer.Exit(ended.returncode)
        if is_embedded:
            server.keep_running()
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")


@app.command("sample-api", rich_help_panel="Help for the helper")
def sample_api(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8089,
    as_of: Annotated[str, typer.Option(help="The day that it is (default: STOCKS_SAMPLE_AS_OF, else the last).")] = "",
    answer: Annotated[str, typer.Option(help="Give this answer of the error catalogue in place of data.")] = "",
    cut_off: Annotated[bool, typer.Option("--cut-off", help="Break off in the middle of the body.")] = False,
    delay: Annotated[float, typer.Option(help="Seconds before an answer.")] = 0.0,
    every: Annotated[int, typer.Option(help="Only every n-th request goes wrong.")] = 1,
    after: Annotated[int, typer.Option(help="The first n requests go well.")] = 0,
) -> None:
    """Serve the sample over HTTP as the provider would, faults included.

    Point STOCKS_PROVIDER_URL at it. `--answer list` names the answers of the catalogue.
    """
    from stocks.source.sample import Sample
    from stocks.source.sample_api import Faults, serve

    faults = Faults(answer=answer, cut_off=cut_off, delay=delay, every=every, after=after)
    day = _day(as_of) if as_of else load_settings().stocks_sample_as_of
    serve(
        sample=Sample(day),
        faults=faults,
        host=host,
        port=port,
        on_ready=lambda url: print(f"Serving the sample: STOCKS_PROVIDER_URL={url}", flush=True),
    )


def _beside_python(program: str) -> str:
    """The program of this environment where it has one (dbt), else the one on the PATH."""
    own = Path(sys.executable).parent / program
    return str(own) if own.exists() else program


@contextlib.contextmanager
def _reporting(output: Output | None, as_json: bool, *, series: str = "") -> Iterator[tuple[Reporter, Settings]]:
    """The reporter that was asked for, which also tells how the command failed, and the settings."""
    report = reporter(Output.JSON if as_json else output)
    try:
        yield report, load_settings(series=series)
    except StocksError as error:
        report.fail("", error)
        raise typer.Exit(error.exit_code) from None


def _logged_run(
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
        _reporting(output, as_json) as (report, settings),
        open_run(settings, command, report, run_id=run_id) as (warehouse, log),
    ):
        with report:
            done = work(settings, warehouse, log, report)
        if run_id is None:
            log.end(done.exit_code, done.message)
        show_run(report, settings, warehouse, done)
    raise typer.Exit(done.exit_code)


@contextlib.contextmanager
def _noted(settings: Settings, run_id: uuid.UUID | None, name: str, *, batch: str = "") -> Iterator[StepNote]:
    """Writes a step into the log of its workflow's run; one that belongs to none leaves no trace there."""
    from stocks.local.instance import open_warehouse
    from stocks.local.runner import begin_step_of
    from stocks.warehouse.runlog import StepNote

    if run_id is None:
        yield StepNote()
        return
    with (
        open_warehouse(settings) as warehouse,
        begin_step_of(settings, warehouse, run_id, "ingest").note(name, batch=batch) as note,
    ):
        yield note


def _take(note: StepNote, outcome: Outcome, **facts: Any) -> None:
    """What a fan-out step did, for the run log."""
    note.exit_code = exit_code_of(outcome.errors.values())
    note.detail.update(facts, errors={symbol: error.message for symbol, error in outcome.errors.items()})


def _print_result(text: str, to: Path | None) -> None:
    print(text)
    if to is not None:
        to.write_text(text)


def _finish(report: Reporter, outcome: Outcome) -> None:
    for symbol, what in outcome.done.items():
        report.say(f"{symbol}: {what}")
    for symbol, error in outcome.errors.items():
        report.fail(symbol, error)
    raise typer.Exit(exit_code_of(outcome.errors.values()))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--as-of {text!r} is no day.", hint="Write it as 2005-02-25.") from None


def _moment(text: str) -> datetime | None:
    """A moment from a day (its end in UTC) or from a date and time (UTC where it names no zone)."""
    if not text:
        return None
    try:
        if len(text) == len("2005-02-25"):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--as-of {text!r} is no moment.",
            hint="Write a day (2005-02-25) or a time (2005-02-25T18:00-05:00).",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
