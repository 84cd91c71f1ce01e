"""Tiingo: daily bars as traded and adjusted, of companies listed in the United States, with a free key.

What was taken from where (no live call was made): the request from pydata/pandas-datareader; the two ways to write a
date from OpenBB-finance/OpenBB and hydrosquall/tiingo-python, whose recorded answers these are. The texts of its limits
are quoted in the sources and tests of many public clients, as plain text and as {"detail": …}, with HTTP 200 and 429;
that of the day is by analogy with the hour's. OpenBB's recording of AAPL also shows the convention of adjusted closes:
on the ex-date 2023-02-10 (dividend 0.23, close 151.01) the factor moves by 0.998479238 = 151.01 / 151.24; one less the
dividend over the close before, 150.87, would be 0.998475509.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec

from stocks.errors import (
    KeyRejected,
    MalformedPayload,
    NotEntitled,
    ProviderUnavailable,
    QuotaSpent,
    StocksError,
    UnknownSymbol,
)
from stocks.providers import json_text
from stocks.providers.frame import FIELDS, Decoded, frame, frame_of_pairs
from stocks.providers.json_text import Pairs
from stocks.providers.provider import ApiKey, Endpoint, Limits, Provider, Request, excerpt

DAILY = Endpoint(name="DAILY_PRICES", interval="daily", tail=10_000)  # from any day on

_FIRST_DAY = date(1960, 1, 1)  # before any of its bars: without a first day it gives the latest bar alone
_KEY_HINT = "Get a free key at https://www.tiingo.com/account/api/token and set TIINGO_API_KEY."
_MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})T00:00:00(?:\.0+)?(?:Z|\+00:00)")
_NAMES = {
    "adjClose": "adjusted_close",
    "divCash": "dividend_amount",
    "splitFactor": "split_coefficient",
}
_UNUSED = ("adjOpen", "adjHigh", "adjLow", "adjVolume")

# All that a row has today; an answer with other rows is read row by row.
_BARS = msgspec.json.Decoder(
    list[  # type: ignore[misc]
        msgspec.defstruct(
            "Bar",
            [("date", str), *((name, float) for name in FIELDS), *((name, msgspec.Raw) for name in _UNUSED)],
            rename={name: label for label, name in _NAMES.items()},
            forbid_unknown_fields=True,
            gc=False,
        )
    ]
)
_COLONS = 1 + len(FIELDS) + len(_UNUSED) + len("::")  # in a row: one behind each label, two in the date


def _spent(period: str, what: str, again: str) -> Callable[[str, bytes], StocksError]:
    return lambda _, body: QuotaSpent(
        f"Tiingo's {what} are spent.", hint=f"A run after {again} goes on from here.", body=body, period=period
    )


# What its texts say, by phrases that no other of them has; the first that is found counts.
_TEXTS: tuple[tuple[re.Pattern[str], Callable[[str, bytes], StocksError]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), error)
    for pattern, error in (
        (r"hourly.* allocation", _spent("hour", "requests of the hour", "the next full hour")),
        (r"symbol.*month|month.*symbol", _spent("month", "new symbols of the month", "the first of the next month")),
        (r"monthly bandwidth allocation", _spent("day", "bytes of the month", "the first of the next month")),
        (r"allocation|limit reached", _spent("day", "requests of the day", "midnight in New York")),
        (
            r"\btoken\b|credentials|API key",
            lambda _, body: KeyRejected("Tiingo does not accept the API key.", hint=_KEY_HINT, body=body),
        ),
        (
            r"permission|limited to",
            lambda symbol, body: NotEntitled(f"{symbol}: the plan of Tiingo's key does not include it.", body=body),
        ),
        (
            r"not found",
            lambda symbol, body: UnknownSymbol(f"{symbol}: Tiingo does not know the symbol.", body=body),
        ),
    )
)


class Tiingo(Provider):
    """Tiingo, as a free key meets it."""

    name = "tiingo"
    title = "Tiingo"
    url = "https://api.tiingo.com"
    endpoints = (DAILY,)
    key = ApiKey(setting="tiingo_api_key", header="Authorization", prefix="Token ", hint=_KEY_HINT)
    limits = Limits(per_hour=50, per_day=1000, symbols_per_month=500)

    def request(self, endpoint: Endpoint, symbol: str, since: date | None) -> Request:  # noqa: ARG002
        """From the first day on; a share class is set off by "-" alone."""
        ticker = symbol.replace(".", "-")
        params = {"startDate": (since or _FIRST_DAY).isoformat(), "format": "json"}
        return Request(path=f"/tiingo/daily/{ticker}/prices", params=params)

    def check(self, body: bytes, endpoint: Endpoint, symbol: str) -> None:
        """As the protocol says."""
        if body.lstrip().startswith(b"["):
            self._check_list(body, endpoint, symbol)
            return
        if refusal := self.refusal(200, body, endpoint, symbol):
            raise refusal
        if not body.strip() or (body.lstrip().startswith(b"{") and not body.rstrip().endswith(b"}")):
            raise _cut_off(symbol, body)
        raise MalformedPayload(
            f"{symbol}: Tiingo answered with neither prices nor a known text: {excerpt(body)!r}.",
            hint="The body is in quarantine.",
            body=body,
        )

    def refusal(self, status: int, body: bytes, endpoint: Endpoint, symbol: str) -> StocksError | None:  # noqa: ARG002
        """What the text says, with whatever status it comes."""
        text = _text(body)
        return next((error(symbol, body) for pattern, error in _TEXTS if pattern.search(text)), None)

    def read(self, body: bytes, endpoint: Endpoint) -> Decoded:  # noqa: ARG002
        """As the protocol says; the answer does not say whose series it is."""
        return read_regular(body) or read_any(body)

    @staticmethod
    def _check_list(body: bytes, endpoint: Endpoint, symbol: str) -> None:
        """Returns for a list that has members."""
        try:
            rows = msgspec.json.decode(body, type=list[msgspec.Raw])
        except (ValueError, RecursionError):
            if not body.rstrip().endswith(b"]"):
                raise _cut_off(symbol, body) from None
            raise MalformedPayload(f"{symbol}: the answer to {endpoint.name} is no JSON.", body=body) from None
        if not rows:
            raise UnknownSymbol(f"{symbol}: Tiingo has no prices.", body=body)


def read_regular(body: bytes) -> Decoded | None:
    """The fast way; None where any row has more or less than the others have: then nothing is lost yet."""
    try:
        bars = _BARS.decode(body)
    except (ValueError, RecursionError):
        return None
    # A label that stands twice in a row goes unseen, but for its colon.
    if not bars or b"\\" in body or body.count(b":") != len(bars) * _COLONS:
        return None
    columns = {name: [getattr(bar, name) for bar in bars] for name in FIELDS}
    return Decoded(symbol=None, rows=frame([_day(bar.date) for bar in bars], columns), raw=lambda: _rows(body))


def read_any(body: bytes) -> Decoded:
    """The tolerant way: any row, whatever it holds.

    Raises:
        MalformedPayload: The answer is no list, or an empty one.
    """
    rows = _rows(body)
    return Decoded(symbol=None, rows=frame_of_pairs(rows, lambda label: _NAMES.get(label, label)), raw=lambda: rows)


def _rows(body: bytes) -> list[tuple[str, Any]]:
    found = json_text.read(body)
    if not isinstance(found, list) or isinstance(found, Pairs) or not found:
        raise MalformedPayload("The answer holds no list of prices.", body=body)
    days = [row.named("date") if isinstance(row, Pairs) else [] for row in found]
    return [(_day(day[0] if len(day) == 1 else None), row) for day, row in zip(days, found, strict=True)]


def _cut_off(symbol: str, body: bytes) -> ProviderUnavailable:
    return ProviderUnavailable(f"{symbol}: the answer breaks off after {len(body)} bytes.", body=body)


def _text(body: bytes) -> str:
    """What an answer says: its `detail`, or all of it where it is plain text; a page in HTML says nothing."""
    try:
        found = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        text = body.decode(errors="replace").lstrip()
        return "" if text.startswith(("<", "{", "[")) else text
    if isinstance(found, dict):
        found = found.get("detail")
    return found if isinstance(found, str) else ""


def _day(told: object) -> str:
    """The day of a row's date; as received where it is no whole day."""
    text = told if isinstance(told, str) else ""
    whole = _MIDNIGHT.fullmatch(text)
    return whole[1] if whole else text
