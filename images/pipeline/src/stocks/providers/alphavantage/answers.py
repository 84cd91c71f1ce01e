"""Tells the provider's answers apart: it says nearly everything, refusals too, with HTTP 200.

Several public clients get this wrong: a healthy answer holds "1. Information" in its meta data, and the text
about a burst of requests also mentions the daily limit and "premium endpoints". So the order here matters: a
series first, then the field that holds a text, then the text itself by phrases that no other text has.
"""

from __future__ import annotations

import re
from enum import Enum, auto

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
DAILY = Endpoint(name="TIME_SERIES_DAILY_ADJUSTED", interval="daily")
WEEKLY = Endpoint(name="TIME_SERIES_WEEKLY_ADJUSTED", interval="weekly")
OVERVIEW = Endpoint(name="OVERVIEW", interval=None)

SERIES_KEYS = {DAILY: "Time Series (Daily)", WEEKLY: "Weekly Adjusted Time Series"}
"""The top-level key under which an endpoint's answer holds its series."""

_MINUTE_WAIT = 60.0

_HAS_MEMBER = re.compile(rb"\s*\{\s*[^\s}]")
_NO_VALUE = re.compile(rb"\s*(?:\{\s*\}|null)\s*")


class _Refusal(Enum):
    """Why the provider gives no data, as its text says."""

    SYMBOL = auto()
    FUNCTION = auto()
    KEY = auto()
    NOT_ENTITLED = auto()
    DAILY_QUOTA = auto()
    BURST = auto()
    PREMIUM_BURST = auto()
    MINUTE = auto()
    UNKNOWN = auto()


_ERROR_TEXTS = (
    (_Refusal.KEY, re.compile(r"apikey|is invalid or missing", re.IGNORECASE)),
    (_Refusal.FUNCTION, re.compile(r"API function .*does not exist", re.IGNORECASE | re.DOTALL)),
    (_Refusal.SYMBOL, re.compile("")),
)
_INFORMATION_TEXTS = tuple(
    (refusal, re.compile(pattern, re.IGNORECASE | re.DOTALL))
    for refusal, pattern in (
        (_Refusal.NOT_ENTITLED, r"is a premium (endpoint|feature)"),
        (_Refusal.DAILY_QUOTA, r"(detected your API key|standard API rate limit).*per day"),
        (_Refusal.PREMIUM_BURST, r"burst pattern"),
        (_Refusal.BURST, r"per second|sparingly"),
        (_Refusal.MINUTE, r"per minute|minute-level|call frequency"),
        (_Refusal.KEY, r"apikey|is invalid or missing|\bdemo\b"),
        (_Refusal.UNKNOWN, ""),
    )
)
_TEXTS = {
    "Error Message": _ERROR_TEXTS,
    "Information": _INFORMATION_TEXTS,
    "Note": _INFORMATION_TEXTS,
    "message": _INFORMATION_TEXTS,
}


def check_answer(body: bytes, endpoint: Endpoint, symbol: str) -> None:
    """As `Provider.check`."""
    document = _decode(body, endpoint, symbol)
    if _holds_data(document, endpoint):
        return
    refusal, text = _refusal(document)
    if refusal:
        raise _error(refusal, text, endpoint, symbol, body)
    data = document.get(_data_key(endpoint))
    if (data is None and all(map(_is_empty, document.values()))) or (data is not None and _is_empty(data)):
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


def _data_key(endpoint: Endpoint) -> str:
    return SERIES_KEYS.get(endpoint, "Symbol")


def _holds_data(document: dict[str, msgspec.Raw], endpoint: Endpoint) -> bool:
    data = document.get(_data_key(endpoint))
    if data is None:
        return False
    if endpoint not in SERIES_KEYS:
        return bool(_text(data))
    return _HAS_MEMBER.match(memoryview(data)) is not None


def _is_empty(value: msgspec.Raw) -> bool:
    return _NO_VALUE.fullmatch(memoryview(value)) is not None


def _text(value: msgspec.Raw) -> str:
    """The value where it is a text, else an empty text."""
    try:
        return msgspec.json.decode(value, type=str)
    except ValueError:
        return ""


def _refusal(document: dict[str, msgspec.Raw]) -> tuple[_Refusal | None, str]:
    """Why there are no data, and the text that says so; None where no field holds one."""
    for field, texts in _TEXTS.items():
        if field in document and (text := _text(document[field])):
            return next(refusal for refusal, pattern in texts if pattern.search(text)), text
    return None, ""


def _error(refusal: _Refusal, text: str, endpoint: Endpoint, symbol: str, body: bytes) -> StocksError:
    match refusal:
        case _Refusal.SYMBOL:
            return UnknownSymbol(
                f"{symbol}: the provider does not know the symbol ({endpoint.name}).",
                hint="Symbols look like IBM, BRK-B, TSCO.LON, SHOP.TRT.",
                body=body,
            )
        case _Refusal.FUNCTION:
            return ConfigError(
                f"The provider does not know the function {endpoint.name}.",
                hint="Does STOCKS_PROVIDER_URL name Alpha Vantage or `stocks sample-api`?",
                body=body,
            )
        case _Refusal.KEY:
            return KeyRejected("The provider does not accept the API key.", hint=KEY_HINT, body=body)
        case _Refusal.NOT_ENTITLED:
            return NotEntitled(
                f"The API key's plan does not include {endpoint.name}.",
                hint="A free key is entitled to the weekly series: set STOCKS_SERIES=weekly_adjusted.",
                body=body,
            )
        case _Refusal.DAILY_QUOTA:
            return QuotaSpent(
                "The provider's quota of requests for the day is spent.",
                hint="The next scheduled run goes on from here.",
                body=body,
            )
        case _Refusal.BURST | _Refusal.PREMIUM_BURST:
            # The free key's limit has been seen where the day's quota was spent, although requests were spread out.
            return Throttled(
                "Too many requests within a second.",
                body=body,
                retry_after=BURST_WAIT,
                or_spent=refusal is _Refusal.BURST,
            )
        case _Refusal.MINUTE:
            return Throttled("Too many requests within a minute.", body=body, retry_after=_MINUTE_WAIT)
        case _Refusal.UNKNOWN:
            return MalformedPayload(
                f"{symbol}: the provider answered {endpoint.name} with an unknown text: {excerpt(text)!r}.",
                hint="The body is in quarantine.",
                body=body,
            )
