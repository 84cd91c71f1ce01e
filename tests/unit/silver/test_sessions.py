"""Sessions in columns against the calendar."""

from datetime import date, timedelta

import polars as pl
import pytest

from stocks.silver.sessions import is_session, sessions_until
from stocks.trading_calendar import calendar_of


@pytest.mark.parametrize("symbol", ["IBM", "TSCO.LON", "SHOP.TRT"])
def test_a_column_of_days_is_judged_as_the_calendar_judges_each(symbol):
    calendar = calendar_of(symbol)
    days = [date(1995, 1, 1) + timedelta(offset) for offset in range(14_000)]
    judged = pl.DataFrame({"day": days}).select(is_session(pl.col("day"), calendar)).to_series()
    assert judged.to_list() == [calendar.is_session(day) for day in days]


def test_sessions_between_two_days_are_a_difference_of_counts():
    calendar = calendar_of("IBM")
    first, last = date(2001, 9, 10), date(2001, 9, 17)  # four days without one, and a weekend
    until = pl.DataFrame({"day": [first, last]}).select(sessions_until(pl.col("day"), calendar)).to_series()
    assert until[1] - until[0] == len(list(calendar.sessions(first, last))) - 1 == 1


def test_a_day_beyond_all_calendars_is_no_session_that_is_known():
    days = [date(1900, 1, 2), date(2100, 12, 31), date(2101, 1, 3), date(2999, 1, 1)]
    judged = pl.DataFrame({"day": days}).select(is_session(pl.col("day"), calendar_of("IBM"))).to_series()
    assert judged.to_list() == [True, True, None, None]
