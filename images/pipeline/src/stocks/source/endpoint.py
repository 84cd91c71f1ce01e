"""What is asked of the provider, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stocks.settings import Series


class Endpoint(StrEnum):
    """A function of the provider's API; the value is the name that a request carries."""

    DAILY_ADJUSTED = "TIME_SERIES_DAILY_ADJUSTED"
    WEEKLY_ADJUSTED = "TIME_SERIES_WEEKLY_ADJUSTED"
    OVERVIEW = "OVERVIEW"

    @classmethod
    def of_series(cls, series: Series) -> Endpoint:
        """The endpoint of the setting STOCKS_SERIES."""
        return {"daily_adjusted": cls.DAILY_ADJUSTED, "weekly_adjusted": cls.WEEKLY_ADJUSTED}[series]

    @property
    def series_key(self) -> str:
        """The top-level key under which the answer holds its series.

        Raises:
            ValueError: The endpoint's answer holds none (OVERVIEW).
        """
        match self:
            case Endpoint.DAILY_ADJUSTED:
                return "Time Series (Daily)"
            case Endpoint.WEEKLY_ADJUSTED:
                return "Weekly Adjusted Time Series"
            case Endpoint.OVERVIEW:
                raise ValueError("OVERVIEW holds no series")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A healthy answer of the provider."""

    source: str
    """Name of the source: alphavantage or sample."""
    endpoint: Endpoint
    symbol: str
    observed_at: datetime
    """When it was received, by the source's clock: UTC, whole seconds."""
    body: bytes
    """As received, but for the API key."""
