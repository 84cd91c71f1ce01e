"""The command line: its commands are in the modules beside this one."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import metadata
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from stocks.cli import backup, bootstrap, doctor, sample_api, universe, warehouse, worker
from stocks.cli.steps import command_of, replay_command, run_command
from stocks.errors import INTERRUPTED, ConfigError, StocksError, code_of
from stocks.steps import PLAN_REPLAY, REPORT, STEPS


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
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    name="stocks",
    help="Stock prices from raw provider answers (bronze) to typed bars (silver) and a tested star schema (gold).",
    epilog="Settings come from the environment and from .env; see .env.example.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Whole pipeline": (run_command(), replay_command()),
    "Steps": tuple(map(command_of, (*STEPS, PLAN_REPLAY, REPORT))),
    "Warehouse": (
        warehouse.migrate,
        warehouse.query,
        warehouse.status,
        warehouse.accept,
        warehouse.reconcile,
        backup.backup,
        backup.restore,
    ),
    "Try and check": (doctor.doctor, sample_api.sample_api),
    "Cluster": (worker.worker,),
}
for panel, commands in _PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.command(rich_help_panel="Warehouse", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    warehouse.env
)
app.add_typer(universe.app, name="universe", rich_help_panel="Warehouse")
app.add_typer(bootstrap.app, name="bootstrap", rich_help_panel="Warehouse")


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def main() -> None:
    """Runs the command line."""
    signal.signal(signal.SIGTERM, _terminate)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started us has closed it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 -- open to the end, as Python's own
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as Python's stderr: a terminal may know no "…"
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # for what is still in its buffer
        wrong = ConfigError(
            f"The output can't be written: {error.strerror}.", hint="Free some space, and run it again."
        )
        try:
            _show(wrong)
        except OSError:
            os.dup2(nowhere, sys.stderr.fileno())  # it is full, too, and the exit code alone can tell
        sys.exit(wrong.exit_code)
    except Exception as error:  # noqa: BLE001 -- what nobody expected is a fault of ours, and has a code of its own
        traceback.print_exc()
        print("This is a fault of stocks itself: please report it with the lines above.", file=sys.stderr)
        sys.exit(code_of(error))


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
