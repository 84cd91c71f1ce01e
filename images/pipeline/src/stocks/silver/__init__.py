"""Raw answers -> typed bars and rejects. Pure functions: no clock, no network, no disk."""

from stocks.silver.overview import parse_overview
from stocks.silver.rules import RULES
from stocks.silver.series import Interval, ParsedSeries, interval_of, parse_series

__all__ = ["RULES", "Interval", "ParsedSeries", "interval_of", "parse_overview", "parse_series"]
