"""What a step tells while it works, and what a command shows at its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from stocks.errors import StocksError


class Report:
    """Tells nobody; who listens overrides what it wants to hear. A context manager while work goes on."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begin(self, stage: str, total: int) -> None:
        """A stage has begun; it will have `total` parts."""

    def advance(self, stage: str, done: int, label: str) -> None:
        """So many parts of the stage are done; the last one was `label`."""

    def say(self, message: str) -> None:
        """A sentence worth reading."""

    def line(self, event: str, sentence: str, **facts: Any) -> None:
        """Something that happened: the sentence for a person, the event and its facts for a machine."""

    def rows(self, event: str, columns: Iterable[str], rows: Iterable[Iterable[Any]], *, title: str = "") -> None:
        """A result: a table, or a line a row."""

    def fail(self, subject: str, error: StocksError) -> None:
        """What went wrong, with what, and what to do."""

    def result(self, **facts: Any) -> None:
        """The end of a command in a machine's terms; a person has read the tables."""
