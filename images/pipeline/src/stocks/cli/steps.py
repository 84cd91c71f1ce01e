"""The commands that run steps, made from their list: an option for each keyword argument of a step's function."""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from stocks.cli.options import AsJson, AsText, NoGold, RunId, ToFile
from stocks.cli.report import Output
from stocks.cli.running import open_warehouse, reporting
from stocks.errors import ConfigError
from stocks.steps import REBUILD, REPLAY, RUN, Flow, Option, Step

Command = Callable[..., None]


def command_of(step: Step) -> Command:
    """The sub-command of a step."""
    flow = Flow(name=step.run, steps=(step,))

    def command(run_id: uuid.UUID | None, to: Path | None = None, **given: Any) -> None:
        _perform(flow, given, run_id=run_id, to=to)

    own: dict[str, Any] = {"to": ToFile} if step.writes else {}
    return _named(command, step.name, step.work.__doc__ or "", flow, {**own, "run_id": RunId})


def run_command() -> Command:
    """`stocks run`."""

    def command(**given: Any) -> None:
        _perform(RUN, given)

    return _named(command, RUN.name, RUN.summary, RUN)


def replay_command() -> Command:
    """`stocks replay`: with gold, or the step alone as a workflow has it."""

    def command(run_id: uuid.UUID | None, no_gold: bool, **given: Any) -> None:
        flow = Flow(name=REPLAY.run, steps=(REPLAY,)) if no_gold else REBUILD
        _perform(flow, given, run_id=run_id)

    return _named(command, REBUILD.name, REBUILD.summary, REBUILD, {"no_gold": NoGold, "run_id": RunId})


def _named(command: Command, name: str, summary: str, flow: Flow, own: dict[str, Any] | None = None) -> Command:
    """The function with the name, the help and the options that typer reads off it."""
    defaults = {"no_gold": False, "as_json": False}
    annotations = {**(own or {}), "output": AsText, "as_json": AsJson}
    parameters = [
        *(_parameter(option) for option in _options(flow)),
        *(_keyword(key, annotation, defaults.get(key)) for key, annotation in annotations.items()),
    ]
    command.__name__, command.__doc__ = name, summary
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _options(flow: Flow) -> Iterable[Option]:
    """The options of all steps that a person may set, each once."""
    found: dict[str, Option] = {}
    for step in flow.steps:
        found = {**flow.options_of(step), **found}
    return [*found.values(), *(option for step in flow.steps for option in step.overrides)]


def _parameter(option: Option) -> inspect.Parameter:
    flag = f"--{option.name.replace('_', '-')}"
    return _keyword(option.name, Annotated[option.type, typer.Option(flag, help=option.help)], option.default)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _perform(
    flow: Flow,
    given: dict[str, Any],
    *,
    run_id: uuid.UUID | None = None,
    to: Path | None = None,
) -> None:
    """Runs the steps, tells what they brought, and ends with the code that sums it up."""
    from stocks.cli.summary import show_run, show_step
    from stocks.run import open_run, run_steps

    output: Output | None = given.pop("output")
    as_json: bool = given.pop("as_json")
    overrides = {option.name: given.pop(option.name) for step in flow.steps for option in step.overrides}
    with (
        reporting(output, as_json, **overrides) as (report, settings),
        open_run(flow, settings=settings, report=report, open_warehouse=open_warehouse, run_id=run_id) as (
            warehouse,
            log,
        ),
    ):
        with report:
            done = run_steps(flow, given, settings=settings, report=report, warehouse=warehouse, log=log)
        if log and warehouse and run_id is None:
            log.end(done.exit_code, done.message)
            show_run(report, settings, warehouse, done)
        else:
            show_step(report, done)
    if flow.steps[-1].writes and not done.failed:
        text = json.dumps(done.outcomes[flow.steps[-1].name].result)
        print(text)
        if to:
            try:
                to.write_text(text)
            except OSError as error:
                raise ConfigError(f"{to} can't be written: {error.strerror}.", hint="--to names a file.") from error
    raise typer.Exit(done.exit_code)
