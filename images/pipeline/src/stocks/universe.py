"""The symbols that the platform knows: the list that ships, dbt's seed.

`stocks universe` changes it in the warehouse (stocks.warehouse.listings); what both say together is what plan and
dim_stock read. Calendars and the sample, which see no warehouse, go by the seed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any

from stocks.errors import ConfigError
from stocks.settings import project_folder

# A share class is set off by "-" (BRK-B) or "." (BRK.B), an exchange by ".LON" and the like.
_SYMBOL = re.compile(r"[A-Z0-9](?:[A-Z0-9.\-]{0,18}[A-Z0-9])?")


class Status(StrEnum):
    """Whether a symbol is asked for."""

    LISTED = "listed"
    DELISTED = "delisted"
    """Until its last day; its bars stay."""
    REMOVED = "removed"
    """No more; its bars stay."""


@dataclass(frozen=True, kw_only=True)
class Company:
    """A symbol of the universe; what nobody told of it is empty."""

    symbol: str
    company_name: str = ""
    exchange: str = ""
    currency: str = ""
    sector: str = ""
    industry: str = ""
    last_listed: date | None = None
    """The last day on which the symbol was this company's; None while it still is."""
    source: str = ""
    """The source whose bars gold takes where it has any; where empty, the order of STOCKS_SOURCE says which."""
    is_removed: bool = False

    @property
    def status(self) -> Status:
        """Whether it is asked for."""
        if self.is_removed:
            return Status.REMOVED
        return Status.LISTED if self.last_listed is None else Status.DELISTED

    def is_listed(self, day: date) -> bool:
        """Whether it is asked for on a day."""
        return not self.is_removed and (self.last_listed is None or day <= self.last_listed)


def read_seed(name: str) -> list[dict[str, str]]:
    """The rows of a dbt seed as text.

    Raises:
        ConfigError: The seed can't be read.
    """
    path = project_folder() / "seeds" / f"{name}.csv"
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return list(csv.DictReader(lines))
    except OSError as error:
        raise ConfigError(f"The seed {path} can't be read: {error.strerror}.") from error


@cache
def companies() -> dict[str, Company]:
    """The universe that ships, by symbol, in the seed's order."""
    found = {}
    for row in read_seed("universe"):
        last_listed = row.pop("last_listed", "") or ""
        told: dict[str, Any] = row
        company = Company(**told, last_listed=date.fromisoformat(last_listed) if last_listed else None)
        found[check_symbol(company.symbol)] = company
    return found


def is_symbol(text: str) -> bool:
    """Whether a text can be a symbol, and so part of a path."""
    return _SYMBOL.fullmatch(text) is not None and ".." not in text


def check_symbol(symbol: str) -> str:
    """The symbol itself.

    Raises:
        ConfigError: It can't be one; it would also become part of a path.
    """
    if not is_symbol(symbol):
        raise ConfigError(
            f"{symbol!r} is not a symbol.",
            hint="Symbols look like IBM, BRK-B, TSCO.LON; separate them by commas.",
        )
    return symbol


def parse_symbols(text: str) -> list[str]:
    """Symbols from a list separated by commas or white space: upper case, each once, in order; none from no text.

    Raises:
        ConfigError: A part can't be a symbol, or there are separators alone.
    """
    # Upper case alone would make IBM of a dotless i and "bm", and SS of "ß".
    parts = [part.upper() if part.isascii() else part for part in re.split(r"[,\s]+", text) if part]
    return unique(map(check_symbol, parts or text.split()))


def unique(symbols: Iterable[str]) -> list[str]:
    """Each symbol once, in order."""
    return list(dict.fromkeys(symbols))
