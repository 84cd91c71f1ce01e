"""How commands tell what they do: for a person, or as JSON lines for a machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from stocks.errors import StocksError
from stocks.report import Report

_WIDEST = 200
_WORD = 26  # characters; a longer cell is a sentence
_LONG = 20  # a stage with fewer parts says only when it begins and ends


class Output(StrEnum):
    """What standard output is for."""

    TEXT = "text"
    JSON = "json"


class JsonReporter(Report):
    """One JSON object a line, each with the time and the event."""

    def begin(self, stage: str, total: int) -> None:
        """A line `begin`."""
        self._line("begin", stage=stage, total=total)

    def advance(self, stage: str, done: int, label: str) -> None:
        """A line `advance`."""
        self._line("advance", stage=stage, done=done, label=label)

    def say(self, message: str) -> None:
        """A line `message`."""
        self._line("message", message=message)

    def line(self, event: str, sentence: str, **facts: Any) -> None:  # noqa: ARG002
        """A line `event`."""
        self._line(event, **facts)

    def rows(self, event: str, columns: Iterable[str], rows: Iterable[Iterable[Any]], *, title: str = "") -> None:  # noqa: ARG002
        """A line `event` for each row."""
        names = list(columns)
        for row in rows:
            self._line(event, **dict(zip(names, row, strict=True)))

    def fail(self, subject: str, error: StocksError) -> None:
        """A line `error`."""
        self._line("error", subject=subject, message=error.message, hint=error.hint, exit_code=error.exit_code)

    def result(self, **facts: Any) -> None:
        """A line `result`."""
        self._line("result", **facts)

    def _line(self, event: str, **facts: Any) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        print(json.dumps({"time": moment, "event": event, **facts}, default=str), flush=True)


class TextReporter(Report):
    """Progress bars and tables on a terminal; plain lines where the output goes elsewhere."""

    def __init__(self) -> None:
        # Where the output goes to a file or a pipe there is no width to keep to.
        self._console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDEST)
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._totals: dict[str, int] = {}
        self._said: dict[str, int] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress = Progress(
                TextColumn("{task.description:<10}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn(
                    "[dim]{task.fields[label]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
                ),
                console=self._console,
            )
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def begin(self, stage: str, total: int) -> None:
        """A new progress bar, or a line."""
        self._totals[stage] = total
        if self._progress is not None:
            self._tasks[stage] = self._progress.add_task(stage, total=total, label="")
        else:
            self._said[stage] = 0
            self._console.print(f"{stage}: {total} to do")

    def advance(self, stage: str, done: int, label: str) -> None:
        """Moves the bar; without a terminal, a line at every quarter."""
        total = self._totals[stage]
        if self._progress is not None:
            self._progress.update(self._tasks[stage], completed=done, label="" if done == total else label)
        elif (quarter := 4 * done // total) > self._said[stage] and (total >= _LONG or done == total):
            self._said[stage] = quarter
            self._console.print(f"{stage}: {done} of {total}")

    def say(self, message: str) -> None:
        """A line."""
        self._console.print(message, markup=False, soft_wrap=True)

    def line(self, event: str, sentence: str, **facts: Any) -> None:  # noqa: ARG002
        """The sentence."""
        self.say(sentence)

    def rows(self, event: str, columns: Iterable[str], rows: Iterable[Iterable[Any]], *, title: str = "") -> None:  # noqa: ARG002
        """A table; numbers to the right."""
        body = [list(row) for row in rows]
        if not body:
            return
        table = Table(title=title or None, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
        needed = 0
        for position, name in enumerate(columns):
            values = [row[position] for row in body]
            words = name.replace("_", " ")
            widest = max(len(_cell(value)) for value in values)
            # A name that is longer than what it heads takes two lines: the table is to fit into 80 columns.
            header = words if len(words) <= widest else words.replace(" ", "\n", 1)
            is_sentence = widest > _WORD
            table.add_column(
                header,
                justify="right" if all(isinstance(value, int | float | None) for value in values) else "left",
                # Sentences may wrap; a number or a date that is cut short would be a wrong one.
                no_wrap=not is_sentence,
            )
            needed += 1 + (_WORD if is_sentence else max(widest, *map(len, header.splitlines())))
        for row in body:
            table.add_row(*(_cell(value) for value in row))
        Console(highlight=False, width=max(needed, self._console.width)).print(table)
        self._console.print()

    def fail(self, subject: str, error: StocksError) -> None:
        """What is wrong in red, what to do below it."""
        prefix = f"{subject}: " if subject else ""
        self._console.print(f"[bold red]error[/] {prefix}", end="")
        self._console.print(error.message, markup=False)
        if error.hint:
            self._console.print(f"      {error.hint}", markup=False, style="dim")


def reporter(output: Output | None) -> Report:
    """The reporter that was asked for; by default one for a person on a terminal, and JSON lines elsewhere."""
    chosen = output or (Output.TEXT if sys.stdout.isatty() else Output.JSON)
    return TextReporter() if chosen is Output.TEXT else JsonReporter()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.2f}"
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case _:
            return str(value)
