"""What the provider says instead of data, word for word: collected from public reports of 2023 to 2026.

The sample answers with these texts, and `stocks sample-api --answer NAME` gives any of them on demand.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

_PLANS = "subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to"
_THANKS = "Thank you for using Alpha Vantage!"
_QUOTA = f"standard API rate limit is 25 requests per day. Please {_PLANS} instantly remove all daily rate limits."
_TARGET = "Please contact support@alphavantage.co if you are targeting a higher API request volume."


@dataclass(frozen=True, kw_only=True)
class CannedAnswer:
    """An answer without data."""

    text: str
    """May name {function} and {apikey}: the provider echoes both."""
    field: str = ""
    """Key of the JSON object that holds the text; where empty, the text is the whole body."""
    status: int = 200
    content_type: str = "application/json"

    def body(self, function: str = "", apikey: str = "") -> bytes:
        """The body that answers a request with these parameters."""
        if not self.field:
            return self.text.encode()
        return msgspec.json.encode({self.field: self.text.replace("{function}", function).replace("{apikey}", apikey)})


CATALOGUE: dict[str, CannedAnswer] = {
    "daily-quota": CannedAnswer(
        field="Information", text=f"We have detected your API key as {{apikey}} and our {_QUOTA}"
    ),
    "daily-quota-2023": CannedAnswer(field="Note", text=f"{_THANKS} Our {_QUOTA}"),
    "burst": CannedAnswer(
        field="Information",
        text=f"{_THANKS} Please consider spreading out your free API requests more sparingly "
        f"(1 request per second). You may {_PLANS} lift the free key rate limit (25 requests per day), "
        "raise the per-second burst limit, and instantly unlock all premium endpoints",
    ),
    "premium-burst": CannedAnswer(
        field="Information",
        text="Burst pattern detected. Please consider spreading out your API requests more evenly across a "
        f"1-minute window and query no more than 20 requests per second. {_TARGET}",
    ),
    "premium-minute": CannedAnswer(
        field="Information",
        text="Minute-level rate limit exceed. Please stay under the number of API requests per minute for "
        f"your premium subscription plan. {_TARGET}",
    ),
    "legacy-minute": CannedAnswer(
        field="Note",
        text=f"{_THANKS} Our standard API call frequency is 5 calls per minute and 500 calls per day. Please "
        "visit https://www.alphavantage.co/premium/ if you would like to target a higher API call frequency.",
    ),
    "premium-endpoint": CannedAnswer(
        field="Information",
        text=f"{_THANKS} This is a premium endpoint. You may {_PLANS} instantly unlock all premium endpoints",
    ),
    "premium-parameter": CannedAnswer(
        field="Information",
        text=f"{_THANKS} The outputsize=full parameter value is a premium feature for the TIME_SERIES_DAILY "
        f"endpoint. You may {_PLANS} instantly unlock all premium features",
    ),
    "bad-symbol": CannedAnswer(
        field="Error Message",
        text="Invalid API call. Please retry or visit the documentation "
        "(https://www.alphavantage.co/documentation/) for {function}.",
    ),
    "bad-function": CannedAnswer(field="Error Message", text="This API function ({function}) does not exist."),
    "bad-key": CannedAnswer(
        field="Error Message",
        text="the parameter apikey is invalid or missing. Please claim your free API key on "
        "(https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds.",
    ),
    "bad-key-information": CannedAnswer(
        field="Information",
        text="the parameter apikey is invalid or missing. Please claim your free API key on "
        "(https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds.",
    ),
    "demo-key": CannedAnswer(
        field="Information",
        text="The **demo** API key is for demo purposes only. Please claim your free API key at "
        "(https://www.alphavantage.co/support/#api-key) to explore our full API offerings. "
        "It takes fewer than 20 seconds.",
    ),
    "no-data": CannedAnswer(text="{}"),
    "no-quote": CannedAnswer(text='{"Global Quote": {}}'),
    "empty-series": CannedAnswer(
        text='{"Meta Data": {}, "Time Series (Daily)": {}, "Weekly Adjusted Time Series": {}}'
    ),
    # Not the provider's words: what comes in their place when something else is wrong.
    "unknown-text": CannedAnswer(field="Information", text="We are moving to a new API. Your key is {apikey}."),
    "not-json": CannedAnswer(text="timestamp,open,high,low,close,volume\r\n", content_type="text/csv"),
    "not-an-object": CannedAnswer(text="[]"),
    "html": CannedAnswer(
        text="<!doctype html><title>Just a moment...</title>", content_type="text/html; charset=utf-8"
    ),
    "unauthorized": CannedAnswer(text="Unauthorized", status=401, content_type="text/plain"),
    "forbidden": CannedAnswer(text="Forbidden", status=403, content_type="text/plain"),
    "not-found": CannedAnswer(text="Not Found", status=404, content_type="text/plain"),
    "too-many-requests": CannedAnswer(text="Too Many Requests", status=429, content_type="text/plain"),
    "server-error": CannedAnswer(text="Internal Server Error", status=500, content_type="text/plain"),
    "unavailable": CannedAnswer(text="Service Unavailable", status=503, content_type="text/plain"),
}
"""Every answer without data, by the name that `stocks sample-api --answer` takes."""
