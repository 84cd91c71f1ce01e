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
from datetime import UTC, date, datetime, time
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from stocks.cli.report import Output, Reporter, reporter
from stocks.errors import ConfigError, StocksError, exit_code_of
from stocks.settings import Settings, load_settings
from stocks.universe import parse_symbols

if TYPE_CHECKING:  # heavy: each command imports what it needs
    from stocks.local.runner import Run
    from stocks.pipeline import Outcome
    from stocks.warehouse import Warehouse
    from stocks.warehouse.runlog import RunLog


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

Tickers = Annotated[str, typer.Option(help="Symbols, separated by commas (default: the universe).")]
AsText = Annotated[
    Output | None,
    typer.Option("--output", help="text for a person, json for a machine (default: text on a terminal, else json)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The same as --output json.")]
RunId = Annotated[
    uuid.UUID | None, typer.Option(help="The run in ops.run that this step belongs to (default: a new one).")
]
Force = Annotated[bool, typer.Option("--force", help="Fetch even where no session has ended since the latest answer.")]
Overview = Annotated[bool, typer.Option("--overview", help="Fetch company attributes too: a second request a ticker.")]
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
        lambda settings, warehouse, log, report: runner.replay(settings, warehouse, log, symbols, report, as_of=moment),
    )


@app.command(rich_help_panel="Steps")
def plan(
    tickers: Tickers = "",
    batch_size: Annotated[int, typer.Option(min=1, help="Tickers in a batch.")] = 1,
    to: ToFile = None,
) -> None:
    """List the tickers to fetch, as a JSON list of batches (each a list separated by commas)."""
    from stocks import pipeline
    from stocks.source import Unlimited, open_source

    with open_source(load_settings(), Unlimited()) as source:
        chosen = pipeline.plan(source, parse_symbols(tickers))
    text = json.dumps([",".join(batch) for batch in pipeline.batches(chosen, batch_size)])
    print(text)
    if to is not None:
        to.write_text(text)


@app.command(rich_help_panel="Steps")
def extract(
    tickers: Tickers = "",
    force: Force = False,
    overview: Overview = False,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Fetch answers from the provider into bronze."""
    from stocks import pipeline
    from stocks.bronze import open_bronze
    from stocks.local.instance import open_warehouse, request_budget
    from stocks.source import Endpoint, open_source

    with (
        _reporting(output, as_json) as (report, settings),
        open_warehouse(settings) as warehouse,
        open_source(settings, request_budget(settings, warehouse)) as source,
    ):
        endpoints = [Endpoint.of_series(settings.stocks_series), *([Endpoint.OVERVIEW] if overview else [])]
        chosen = pipeline.plan(source, parse_symbols(tickers))
        with report:
            outcome = pipeline.extract(
                source, open_bronze(settings), chosen, endpoints=endpoints, report=report, force=force
            )
        _finish(report, outcome)


@app.command(rich_help_panel="Steps")
def normalize(
    tickers: Annotated[str, typer.Option(help="Symbols, separated by commas (default: all that bronze holds).")] = "",
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Load what bronze holds and silver has not seen yet."""
    from stocks import pipeline
    from stocks.bronze import open_bronze
    from stocks.local.instance import open_warehouse

    with _reporting(output, as_json) as (report, settings), open_warehouse(settings) as warehouse:
        bronze = open_bronze(settings)
        chosen = parse_symbols(tickers) or bronze.symbols()
        with report:
            outcome = pipeline.normalize(bronze, warehouse, chosen, report=report)
        _finish(report, outcome)


@app.command(rich_help_panel="Steps")
def commit(to: ToFile = None) -> None:
    """Say how many bars of silver changed since gold was built."""
    from stocks import pipeline
    from stocks.local.instance import open_warehouse

    with open_warehouse(load_settings()) as warehouse:
        text = json.dumps({"bars_changed": pipeline.commit(warehouse)})
    print(text)
    if to is not None:
        to.write_text(text)


@app.command(rich_help_panel="Steps")
def gold(
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Build incremental models from nothing.")
    ] = False,
    if_changed: Annotated[bool, typer.Option("--if-changed", help="Do nothing where gold is current.")] = False,
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
    )


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
def status(output: AsText = None, as_json: AsJson = False) -> None:
    """Show the last runs, how fresh each ticker is, what the tests said, and the request budget."""
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
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Check settings, store, warehouse and provider, each with what to do."""
    from stocks.cli.checks import check_all

    with _reporting(output, as_json) as (report, settings):
        checks = check_all(settings, request=request)
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
def _reporting(output: Output | None, as_json: bool) -> Iterator[tuple[Reporter, Settings]]:
    """The reporter that was asked for, which also tells how the command failed, and the settings."""
    report = reporter(Output.JSON if as_json else output)
    try:
        yield report, load_settings()
    except StocksError as error:
        report.fail("", error)
        raise typer.Exit(error.exit_code) from None


def _logged_run(
    command: str,
    output: Output | None,
    as_json: bool,
    work: Callable[[Settings, Warehouse, RunLog, Reporter], Run],
) -> None:
    """Does work that is a run of its own in the run log, shows what it brought, and ends with its code."""
    from stocks.cli.summary import show_run
    from stocks.local.runner import open_run

    with (
        _reporting(output, as_json) as (report, settings),
        open_run(settings, command, report) as (warehouse, log),
    ):
        with report:
            done = work(settings, warehouse, log, report)
        log.end(done.exit_code, done.message)
        show_run(report, settings, warehouse, done)
    raise typer.Exit(done.exit_code)


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
