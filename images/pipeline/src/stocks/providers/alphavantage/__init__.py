"""Alpha Vantage: split- and dividend-adjusted bars, a day or a week each, and company overviews, with a free key.

answers    tells its answers apart (nearly all come with HTTP 200)
catalogue  its error texts, word for word
decode     a series -> the typed frame
overview   OVERVIEW -> a company's attributes
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from stocks.providers.alphavantage.answers import DAILY, KEY_HINT, OVERVIEW, SERIES_KEYS, WEEKLY, check_answer
from stocks.providers.alphavantage.decode import decode
from stocks.providers.alphavantage.overview import parse_overview
from stocks.providers.frame import Decoded
from stocks.providers.provider import ApiKey, Endpoint, Limits, Provider, Request


class AlphaVantage(Provider):
    """Alpha Vantage, as a free key meets it."""

    name = "alphavantage"
    title = "Alpha Vantage"
    url = "https://www.alphavantage.co/query"
    endpoints = (WEEKLY, DAILY, OVERVIEW)
    key: ApiKey | None = ApiKey(setting="alphavantage_api_key", parameter="apikey", public="demo", hint=KEY_HINT)
    limits = Limits(per_minute=50, per_day=25)
    suffixes = frozenset(
        {".AMS", ".BRU", ".BSE", ".DEX", ".FRK", ".LIS", ".LON", ".PAR", ".SAO", ".SHH", ".SHZ", ".STO", ".TRT", ".TRV"}
    )
    choice = "Alpha Vantage's weekly series, which every key has; with a paid plan set STOCKS_SERIES=daily_adjusted."

    def request(self, endpoint: Endpoint, symbol: str, since: date | None) -> Request:
        """The whole series, or the last hundred bars, whichever day is asked for."""
        size = {"outputsize": "compact" if since else "full"} if endpoint == DAILY else {}
        return Request(params={"function": endpoint.name, "symbol": symbol, **size})

    def check(self, body: bytes, endpoint: Endpoint, symbol: str) -> None:
        """As the protocol says."""
        check_answer(body, endpoint, symbol)

    def read(self, body: bytes, endpoint: Endpoint) -> Decoded:
        """As the protocol says."""
        decoded = decode(body, SERIES_KEYS[endpoint])
        if endpoint == WEEKLY and decoded.rows["split_coefficient"].is_null().all():  # weekly answers don't tell splits
            return replace(decoded, rows=decoded.rows.with_columns(split_coefficient=1.0))
        return decoded

    def read_company(self, body: bytes, symbol: str) -> dict[str, str | None]:
        """As the protocol says."""
        return parse_overview(body, symbol=symbol)
