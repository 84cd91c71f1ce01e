"""The rules of silver against the calendar."""

from datetime import date, timedelta

import polars as pl
import pytest

from stocks.silver.rules import is_session
from stocks.trading_calendar import calendar_of


@pytest.mark.parametrize("symbol", ["IBM", "TSCO.LON", "SHOP.TRT"])
def test_a_column_of_days_is_judged_as_the_calendar_judges_each(symbol):
    calendar = calendar_of(symbol)
    days = [date(1995, 1, 1) + timedelta(offset) for offset in range(14_000)]
    judged = pl.DataFrame({"day": days}).select(is_session(pl.col("day"), calendar)).to_series()
    assert judged.to_list() == [calendar.is_session(day) for day in days]
