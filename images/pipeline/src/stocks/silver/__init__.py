"""Decoded answers -> typed bars and rejects. Pure functions: no clock, no network, no disk, no provider's format."""

from stocks.silver.rules import RULES
from stocks.silver.series import ParsedSeries, judge_series

__all__ = ["RULES", "ParsedSeries", "judge_series"]
