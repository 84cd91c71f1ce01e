"""Days of horizons, and how coarse candles get."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_dashboard.horizon import CANDLES, Candle, Horizon, candle, first_day, months_before

FIRST, LAST = date(2000, 3, 1), date(2013, 3, 1)
DAYS = st.dates(date(1999, 1, 1), date(2030, 1, 1))


@pytest.mark.parametrize(
    ("horizon", "day"),
    [
        (Horizon.MONTH, date(2013, 2, 1)),
        (Horizon.QUARTER, date(2012, 12, 1)),
        (Horizon.HALF_YEAR, date(2012, 9, 1)),
        (Horizon.YEAR_TO_DATE, date(2012, 12, 31)),
        (Horizon.YEAR, date(2012, 3, 1)),
        (Horizon.FIVE_YEARS, date(2008, 3, 1)),
        (Horizon.MAX, FIRST),
    ],
)
def test_a_horizon_counts_back_from_the_last_bar(horizon: Horizon, day: date) -> None:
    assert first_day(horizon, FIRST, LAST) == day


@given(horizon=st.sampled_from(Horizon), first=DAYS, length=st.integers(0, 12_000))
def test_a_horizon_stays_within_the_data(horizon: Horizon, first: date, length: int) -> None:
    assert first <= first_day(horizon, first, first + timedelta(length)) <= first + timedelta(length)


def test_a_month_before_a_longer_one_ends_with_its_last_day() -> None:
    assert months_before(date(2013, 3, 31), 1) == date(2013, 2, 28)
    assert months_before(date(2012, 2, 29), 12) == date(2011, 2, 28)
    assert months_before(date(2013, 1, 15), 13) == date(2011, 12, 15)


@given(first=DAYS, length=st.integers(0, 365 * 26))
def test_candles_fit_on_a_screen(first: date, length: int) -> None:
    shown = candle(first, first + timedelta(length))
    bars = {Candle.DAY: (length + 1) * 252 / 365, Candle.WEEK: length / 7, Candle.MONTH: length / 30}[shown]
    assert bars <= CANDLES


def test_a_year_has_days_five_years_have_weeks_and_a_quarter_century_months() -> None:
    assert candle(date(2012, 3, 1), LAST) is Candle.DAY
    assert candle(date(2008, 3, 1), LAST) is Candle.WEEK
    assert candle(date(2000, 1, 1), date(2025, 1, 1)) is Candle.MONTH
