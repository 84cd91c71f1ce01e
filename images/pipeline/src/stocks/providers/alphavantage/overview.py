"""An OVERVIEW answer -> the attributes of silver.company."""

from __future__ import annotations

import re

from stocks.errors import MalformedPayload
from stocks.providers.json_text import read_pairs, storable

_PLACEHOLDERS = frozenset({"", "-", "None", "0000-00-00"})
_COLUMNS = {
    "company_name": "Name",
    "asset_type": "AssetType",
    "exchange": "Exchange",
    "currency": "Currency",
    "country": "Country",
    "sector": "Sector",
    "industry": "Industry",
    "fiscal_year_end": "FiscalYearEnd",
}
# Codes stay as they are: USA is no "Usa", and GBp are pence but GBP pounds.
_PROSE = frozenset({"asset_type", "sector", "industry", "fiscal_year_end"})
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_LOWER = frozenset({"and", "for", "of", "the"})
_UPPER = frozenset({"adr", "etf", "it", "reit"})


def parse_overview(payload: bytes, *, symbol: str | None = None) -> dict[str, str | None]:
    """The company's attributes, by column of silver.company (not symbol, observed_at and bronze_key).

    The provider writes "TECHNOLOGY" at one time and "Technology" at another; both become the latter.

    Args:
        payload: The answer's bytes.
        symbol: Whose overview it must be; any where None.

    Raises:
        MalformedPayload: The answer is no overview, or another symbol's.
    """
    told = {name: storable(value).strip() for name, value in read_pairs(payload) if isinstance(value, str)}
    if "Symbol" not in told:
        raise MalformedPayload("The answer is no overview: it names no symbol.", body=payload)
    if symbol is not None and told["Symbol"].upper() != symbol.upper():
        raise MalformedPayload(f"The answer for {symbol} is the overview of {told['Symbol']!r}.", body=payload)
    found: dict[str, str | None] = {}
    for column, name in _COLUMNS.items():
        value = told.get(name, "")
        # A name in capitals and small letters is its owner's choice, and so may be a single word in capitals.
        if column in _PROSE or (column == "company_name" and value.isupper() and " " in value):
            value = _capitalized(value)
        found[column] = None if value in _PLACEHOLDERS else value
    return found


def _capitalized(text: str) -> str:
    """Each word with one capital, whatever it had."""

    def word(match: re.Match[str]) -> str:
        small = match[0].lower()
        if small in _UPPER:
            return small.upper()
        return small if small in _LOWER and match.start() else small.capitalize()

    return _WORD.sub(word, text)
