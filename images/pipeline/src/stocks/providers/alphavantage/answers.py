"""Tells the provider's answers apart: it says nearly everything, refusals too, with HTTP 200.

Several public clients get this wrong: a healthy answer holds "1. Information" in its meta data, and the text
about a burst of requests also mentions the daily limit and "premium endpoints". So the order here matters: a
series first, then the field that holds a text, then the text itself by phrases that no other text has.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from stocks.errors import (
    ConfigError,
    KeyRejected,
    MalformedPayload,
    NotEntitled,
    ProviderUnavailable,
    QuotaSpent,
    StocksError,
    Throttled,
    UnknownSymbol,
)
from stocks.providers.provider import BURST_WAIT, Endpoint, excerpt

KEY_HINT = (
    "Get a free key at https://www.alphavantage.co/support/#api-key and set ALPHAVANTAGE_API_KEY, "
    "or set STOCKS_SOURCE=sample to do without."
)
DAILY = Endpoint(name="TIME_SERIES_DAILY_ADJUSTED", interval="daily", tail=100)
WEEKLY = Endpoint(name="TIME_SERIES_WEEKLY_ADJUSTED", interval="weekly")
OVERVIEW = Endpoint(name="OVERVIEW", interval=None)

SERIES_KEYS = {DAILY: "Time Series (Daily)", WEEKLY: "Weekly Adjusted Time Series"}
"""The top-level key under which an endpoint's answer holds its series."""

_MINUTE_WAIT = 60.0
_HAS_MEMBER = re.compile(rb"\s*\{\s*[^\s}]")
_NO_VALUE = re.compile(rb"\s*(?:\{\s*\}|null)\s*")

_Refusal = Callable[[str, Endpoint, bytes], StocksError]
"""An error from the symbol, what was asked for, and the body."""


def _unknown_symbol(symbol: str, endpoint: Endpoint, body: bytes) -> StocksError:
    return UnknownSymbol(
        f"{symbol}: the provider does not know the symbol ({endpoint.name}).",
        hint="Symbols look like IBM, BRK-B, TSCO.LON, SHOP.TRT.",
        body=body,
    )


def _unknown_function(_: str, endpoint: Endpoint, body: bytes) -> StocksError:
    return ConfigError(
        f"The provider does not know the function {endpoint.name}.",
        hint="Does STOCKS_PROVIDER_URL name Alpha Vantage or `stocks sample-api`?",
        body=body,
    )


def _key_rejected(_: str, __: Endpoint, body: bytes) -> StocksError:
    return KeyRejected("The provider does not accept the API key.", hint=KEY_HINT, body=body)


def _not_entitled(_: str, endpoint: Endpoint, body: bytes) -> StocksError:
    return NotEntitled(
        f"The API key's plan does not include {endpoint.name}.",
        hint="A free key is entitled to the weekly series: set STOCKS_SERIES=weekly_adjusted.",
        body=body,
    )


def _quota_spent(_: str, __: Endpoint, body: bytes) -> StocksError:
    return QuotaSpent(
        "The provider's quota of requests for the day is spent.",
        hint="The next scheduled run goes on from here.",
        body=body,
    )


def _throttled(span: str, wait: float, *, or_spent: bool = False) -> _Refusal:
    return lambda _, __, body: Throttled(
        f"Too many requests within a {span}.", body=body, retry_after=wait, or_spent=or_spent
    )


_ERROR_TEXTS: tuple[tuple[str, _Refusal], ...] = (
    (r"apikey|is invalid or missing", _key_rejected),
    (r"API function .*does not exist", _unknown_function),
    ("", _unknown_symbol),
)
_INFORMATION_TEXTS: tuple[tuple[str, _Refusal], ...] = (
    (r"is a premium (endpoint|feature)", _not_entitled),
    (r"(detected your API key|standard API rate limit).*per day", _quota_spent),
    (r"burst pattern", _throttled("second", BURST_WAIT)),
    # The free key's limit has been seen where the day's quota was spent, although requests were spread out.
    (r"per second|sparingly", _throttled("second", BURST_WAIT, or_spent=True)),
    (r"per minute|minute-level|call frequency", _throttled("minute", _MINUTE_WAIT)),
    (r"apikey|is invalid or missing|\bdemo\b", _key_rejected),
)
_FIELDS = {
    "Error Message": _ERROR_TEXTS,
    "Information": _INFORMATION_TEXTS,
    "Note": _INFORMATION_TEXTS,
    "message": _INFORMATION_TEXTS,
}
"""Where a text stands, and what it says by the first phrase that is found in it."""


def check_answer(body: bytes, endpoint: Endpoint, symbol: str) -> None:
    """As `Provider.check`."""
    document = _decode(body, endpoint, symbol)
    data = document.get(SERIES_KEYS.get(endpoint, "Symbol"))
    if data is not None and (_HAS_MEMBER.match(memoryview(data)) if endpoint in SERIES_KEYS else _text(data)):
        return
    for field, texts in _FIELDS.items():
        if text := _text(document.get(field)):
            raise _refusal(text, texts, symbol, endpoint, body)
    if all(map(_is_empty, document.values() if data is None else [data])):
        raise UnknownSymbol(f"{symbol}: the provider has no data ({endpoint.name}).", body=body)
    raise MalformedPayload(
        f"{symbol}: the answer to {endpoint.name} holds neither data nor a known error; its keys: "
        f"{excerpt(', '.join(document))}.",
        hint="The body is in quarantine. Did the provider change its format?",
        body=body,
    )


def _decode(body: bytes, endpoint: Endpoint, symbol: str) -> dict[str, msgspec.Raw]:
    """The top level of the answer: values stay undecoded, for a series has megabytes."""
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, no object, or not UTF-8
        reason = str(error)
    # Only an object that was healthy so far counts as cut off: anything else would be retried for nothing.
    if "truncated" in reason and body.lstrip()[:1] in {b"{", b""}:
        raise ProviderUnavailable(
            f"{symbol}: the answer to {endpoint.name} breaks off after {len(body)} bytes.", body=body
        )
    what = "is HTML" if body.lstrip().startswith(b"<") else "is no JSON object"
    raise MalformedPayload(
        f"{symbol}: the answer to {endpoint.name} {what}: {excerpt(body)!r}.",
        hint="Does STOCKS_PROVIDER_URL name the provider, and does no proxy answer in its place?",
        body=body,
    )


def _refusal(
    text: str, texts: tuple[tuple[str, _Refusal], ...], symbol: str, endpoint: Endpoint, body: bytes
) -> StocksError:
    """What a text says."""
    for phrase, error in texts:
        if re.search(phrase, text, re.IGNORECASE | re.DOTALL):
            return error(symbol, endpoint, body)
    return MalformedPayload(
        f"{symbol}: the provider answered {endpoint.name} with an unknown text: {excerpt(text)!r}.",
        hint="The body is in quarantine.",
        body=body,
    )


def _is_empty(value: msgspec.Raw) -> bool:
    return _NO_VALUE.fullmatch(memoryview(value)) is not None


def _text(value: msgspec.Raw | None) -> str:
    """The value where it is a text, else an empty text."""
    try:
        return "" if value is None else msgspec.json.decode(value, type=str)
    except ValueError:
        return ""
