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
from stocks.source.endpoint import Endpoint

KEY_HINT = (
    "Get a free key at https://www.alphavantage.co/support/#api-key and set ALPHAVANTAGE_API_KEY, "
    "or set STOCKS_SOURCE=sample to do without."
)
BURST_WAIT = 1.2
"""Seconds after which a key that is allowed one request a second may surely ask again."""
MINUTE_WAIT = 60.0

_EXCERPT = 200
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
    """Returns for a body that holds data; the series itself is not decoded.

    Args:
        body: The answer, its API key redacted: errors carry it, and quote from it.
        endpoint: What was asked for.
        symbol: Whose data were asked for.

    Raises:
        UnknownSymbol: There are no data for the symbol.
        KeyRejected: The key is wrong, missing, or the public demo key.
        NotEntitled: The key's plan does not include the endpoint.
        ConfigError: The provider does not know the function.
        QuotaSpent: The day's requests are spent.
        Throttled: Too many requests within a second or a minute.
        ProviderUnavailable: The body breaks off.
        MalformedPayload: It is none of these, and holds no data.
    """
    document = _decode(body, endpoint, symbol)
    if _holds_data(document, endpoint):
        return
    refusal, text = _refusal(document)
    if refusal:
        raise _error(refusal, text, endpoint, symbol, body)
    data = document.get(_data_key(endpoint))
    if (data is None and all(map(_is_empty, document.values()))) or (data is not None and _is_empty(data)):
        raise UnknownSymbol(f"{symbol}: the provider has no data ({endpoint}).", body=body)
    raise MalformedPayload(
        f"{symbol}: the answer to {endpoint} holds neither data nor a known error; its keys: "
        f"{_excerpt(', '.join(document))}.",
        hint="The body is in quarantine. Did the provider change its format?",
        body=body,
    )


def is_free_burst(error: BaseException | None) -> bool:
    """Whether an error is the free key's limit per second.

    Where that persists although requests were spread out, the day's quota is spent: the provider has been
    seen to answer so.
    """
    if not isinstance(error, Throttled) or not error.body:
        return False
    try:
        document = msgspec.json.decode(error.body, type=dict[str, msgspec.Raw])
    except ValueError:  # the body of an HTTP 429
        return False
    return _refusal(document)[0] is _Refusal.BURST


def _decode(body: bytes, endpoint: Endpoint, symbol: str) -> dict[str, msgspec.Raw]:
    """The top level of the answer: values stay undecoded, for a series has megabytes."""
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, no object, or not UTF-8
        reason = str(error)
    # Only an object that was healthy so far counts as cut off: anything else would be retried for nothing.
    if "truncated" in reason and body.lstrip()[:1] in {b"{", b""}:
        raise ProviderUnavailable(f"{symbol}: the answer to {endpoint} breaks off after {len(body)} bytes.", body=body)
    what = "is HTML" if body.lstrip().startswith(b"<") else "is no JSON object"
    raise MalformedPayload(
        f"{symbol}: the answer to {endpoint} {what}: {_excerpt(body.decode(errors='replace'))!r}.",
        hint="Does STOCKS_PROVIDER_URL name the provider, and does no proxy answer in its place?",
        body=body,
    )


def _data_key(endpoint: Endpoint) -> str:
    return "Symbol" if endpoint is Endpoint.OVERVIEW else endpoint.series_key


def _holds_data(document: dict[str, msgspec.Raw], endpoint: Endpoint) -> bool:
    data = document.get(_data_key(endpoint))
    if data is None:
        return False
    if endpoint is Endpoint.OVERVIEW:
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


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def _error(refusal: _Refusal, text: str, endpoint: Endpoint, symbol: str, body: bytes) -> StocksError:
    match refusal:
        case _Refusal.SYMBOL:
            return UnknownSymbol(
                f"{symbol}: the provider does not know the symbol ({endpoint}).",
                hint="Symbols look like IBM, BRK-B, TSCO.LON, SHOP.TRT.",
                body=body,
            )
        case _Refusal.FUNCTION:
            return ConfigError(
                f"The provider does not know the function {endpoint}.",
                hint="Does STOCKS_PROVIDER_URL name Alpha Vantage or `stocks sample-api`?",
                body=body,
            )
        case _Refusal.KEY:
            return KeyRejected("The provider does not accept the API key.", hint=KEY_HINT, body=body)
        case _Refusal.NOT_ENTITLED:
            return NotEntitled(
                f"The API key's plan does not include {endpoint}.",
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
            return Throttled("Too many requests within a second.", body=body, retry_after=BURST_WAIT)
        case _Refusal.MINUTE:
            return Throttled("Too many requests within a minute.", body=body, retry_after=MINUTE_WAIT)
        case _Refusal.UNKNOWN:
            return MalformedPayload(
                f"{symbol}: the provider answered {endpoint} with an unknown text: {_excerpt(text)!r}.",
                hint="The body is in quarantine.",
                body=body,
            )
