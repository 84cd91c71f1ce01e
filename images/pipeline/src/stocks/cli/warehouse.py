"""Commands around the warehouse."""

from __future__ import annotations

import getpass
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from stocks.cli.options import AsJson, AsText, InCluster
from stocks.cli.running import open_warehouse, reporting
from stocks.errors import ConfigError, DataError
from stocks.settings import load_settings
from stocks.steps import Login


def migrate() -> None:
    """Bring the warehouse to this version; the embedded one is always brought there."""
    from stocks.warehouse import Warehouse
    from stocks.warehouse.migrate import migrate as bring

    settings = load_settings()
    if settings.stocks_warehouse_url is None:
        with open_warehouse(settings):
            print("The embedded warehouse is at this version.")
        return
    applied = bring(Warehouse(settings.stocks_warehouse_url, connect_wait=settings.stocks_connect_wait))
    names = ", ".join(f"{m.version:04d}_{m.name}" for m in applied)
    print(f"Applied {names}." if applied else "The warehouse is at this version already.")


def query(
    sql: Annotated[str, typer.Argument(help="One statement that reads.")],
    fmt: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
) -> None:
    """Read the warehouse with the read-only role."""
    from stocks.cli.rows import Format, print_rows
    from stocks.warehouse.query import stream

    if fmt not in set(Format):
        raise ConfigError(f"There is no format {fmt!r}.", hint=f"Choose one of {', '.join(Format)}.")
    # As the reader's own login: one that is narrowed to the reader could take its other roles again.
    with open_warehouse(load_settings(), Login.READER) as warehouse, stream(warehouse, sql) as (columns, rows):
        print_rows(columns, rows, Format(fmt))


def status(cluster: InCluster = False, output: AsText = None, as_json: AsJson = False) -> None:
    """Show the last runs, how fresh each ticker is, what the tests said, and the request budget."""
    if cluster:
        from stocks.cli.cluster import show_cluster

        with reporting(output, as_json) as (report, _):
            show_cluster(report)
        return
    from stocks.cli.status import show_status

    with reporting(output, as_json) as (report, settings), open_warehouse(settings) as warehouse:
        show_status(report, settings, warehouse)


def reconcile(
    symbol: Annotated[str, typer.Argument(help="Whose daily bars two sources or more have told.")],
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Compare what the sources last said of a symbol, held or not, and say which one is off; 65 where they differ."""
    from stocks.bronze import open_bronze
    from stocks.universe import parse_symbols
    from stocks.warehouse.reconcile import compare_sources

    [name] = parse_symbols(symbol) or [""]
    with reporting(output, as_json) as (report, settings):
        with open_warehouse(settings, Login.READER) as warehouse:
            found = compare_sources(open_bronze(settings), warehouse, name)
        for (one, other), differences in found.items():
            columns = ["what", "first_date", "last_date", "bars", one, other, "off", "evidence"]
            rows = [(*told[:6], told.off or "can't be told", told.evidence) for told in differences]
            report.rows("difference", columns, rows, title=f"{name}: {one} beside {other}")
            report.say(f"{name}: {one} and {other} " + (f"differ in {len(rows)} ways." if rows else "agree."))
    if any(found.values()):
        raise typer.Exit(DataError.exit_code)


def accept(
    symbol: Annotated[str, typer.Argument(help="Whose series is held.")],
    rule: Annotated[str, typer.Argument(help="What its latest answer breaks; `stocks status` says it.")],
    who: Annotated[str, typer.Option("--by", help="Who accepts it (default: the user at this machine).")] = "",
) -> None:
    """Take a held symbol's latest answer though it breaks a rule: the next run loads it, and it is held no more."""
    from stocks.universe import parse_symbols
    from stocks.warehouse.accept import accept as take

    names = parse_symbols(symbol)
    if len(names) != 1:
        raise ConfigError("One symbol at a time is accepted.", hint="stocks accept SYMBOL RULE")
    [name] = names
    with open_warehouse(load_settings(), Login.WRITER) as warehouse:
        keys = take(warehouse, name, rule, who=who or user())
    print(f"{name}: {rule} is accepted for {', '.join(keys)}. `stocks run` (or `stocks normalize`) loads it.")


def user() -> str:
    """The name of the user at this machine, or the number where it has none, as in a pod."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return f"uid {os.getuid()}"


def env(
    context: typer.Context,
    role: Annotated[
        Login,
        typer.Option(help="Whose login to the embedded warehouse: dbt needs the owner's, a dashboard the reader's."),
    ] = Login.OWNER,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the embedded server that an earlier `stocks env` left on.")
    ] = False,
) -> None:
    """Print the environment that dbt and psql need: eval "$(stocks env)". With a command, run it in there.

    Printing leaves the embedded server running until `stocks env --stop`; `stocks env -- dbt build` stops it
    afterwards. What is printed holds the password.
    """
    from stocks.embedded import EmbeddedPostgres
    from stocks.gold import environment

    settings = load_settings()
    server = EmbeddedPostgres(settings.stocks_state_dir)
    if stop:
        print("Stopped." if server.stop() else "Others still use the server: the last of them stops it.")
        return
    with open_warehouse(settings, role) as warehouse:
        variables = {**environment(warehouse), "STOCKS_WAREHOUSE_URL": warehouse.url}
        if context.args:
            command = [_beside_python(context.args[0]), *context.args[1:]]
            try:
                ended = subprocess.run(command, env={**os.environ, **variables}, check=False)  # noqa: TID251 -- passed on unread
            except OSError as error:
                raise ConfigError(f"{context.args[0]!r} can't be run: {error.strerror}.") from error
            raise typer.Exit(ended.returncode)
        if settings.stocks_warehouse_url is None:
            server.keep_running()
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")


def _beside_python(program: str) -> str:
    """The program of this environment where it has one (dbt), else the one on the PATH."""
    own = Path(sys.executable).parent / program
    return str(own) if own.is_file() else program
