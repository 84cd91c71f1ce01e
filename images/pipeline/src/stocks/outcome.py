"""What a step did: for the run log, for the person, and for the step behind it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from stocks.errors import OK, StocksError, exit_code_of


@dataclass(kw_only=True)
class LoadCounts:
    """What loads changed, in bars."""

    inserted: int = 0
    restated: int = 0
    """Final bars whose values the provider changed."""
    replaced: int = 0
    """Provisional bars that a newer answer replaced."""
    unchanged: int = 0
    withdrawn: int = 0
    """Bars that the newer answer no longer has."""
    rejected: int = 0

    @property
    def changed(self) -> int:
        """Bars of silver that are not what they were."""
        return self.inserted + self.restated + self.replaced + self.withdrawn

    def add(self, other: LoadCounts) -> None:
        """Adds another load's counts, count by count."""
        for count in fields(self):
            setattr(self, count.name, getattr(self, count.name) + getattr(other, count.name))


@dataclass(frozen=True, kw_only=True)
class GoldBuild:
    """What a build of gold did."""

    models: int
    """Models, seeds and snapshots that were built."""
    tests: int
    """Tests that were made, warnings included."""
    warnings: list[tuple[str, str, int]]
    """Of tests that warn: the rule, its model, and how many rows break it."""


@dataclass(kw_only=True)
class Outcome:
    """What a step did."""

    done: dict[str, str] = field(default_factory=dict)
    """What happened to each ticker."""
    errors: dict[str, StocksError] = field(default_factory=dict)
    """What failed (a ticker), and why; the others went on."""
    detail: dict[str, Any] = field(default_factory=dict)
    """For the run log, as JSON."""
    result: Any = None
    """What the step behind it is given; printed as JSON."""
    tickers: list[str] = field(default_factory=list)
    """What it was about, where it chose that itself."""
    written: int = 0
    """New answers in bronze."""
    counts: LoadCounts = field(default_factory=LoadCounts)
    build: GoldBuild | None = None
    code: int = OK
    """The exit code where nothing failed here."""

    @property
    def exit_code(self) -> int:
        """The code that sums up the errors."""
        return exit_code_of(self.errors.values()) or self.code
