"""A measured figure beside what it is measured against, and its goal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Line:
    """One figure.

    Args:
        work: What was measured.
        against: What it is divided by, in words; a unit where that is one.
        mine: Seconds, or what a stage printed.
        other: The same of what it is measured against.
        goal: The ratio to reach at most, where there is one.
    """

    def __init__(
        self,
        work: str,
        against: str,
        mine: float | Mapping[str, Any],
        other: float | Mapping[str, Any],
        goal: float | None,
    ) -> None:
        self.work = work
        self.against = against
        self.ratio = _seconds(mine) / _seconds(other)
        self.goal = goal

    @property
    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return vars(self)


def printed(lines: Iterable[Line]) -> str:
    """A table in Markdown."""
    rows = [
        (line.work, line.against, f"{line.ratio:.3g}", "" if line.goal is None else f"{line.goal:g}") for line in lines
    ]
    rows = [("work", "against", "got", "goal"), *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    texts = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    texts.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(texts)


def _seconds(told: float | Mapping[str, Any]) -> float:
    return float(told["seconds"]) if isinstance(told, Mapping) else told
