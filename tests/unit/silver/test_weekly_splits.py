"""Weekly answers tell no split: it is recovered from close, adjusted close and dividend."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from stocks.providers import PROVIDERS
from stocks.providers.alphavantage.answers import DAILY, WEEKLY
from stocks.providers.frame import Decoded
from stocks.providers.provider import Adjustment
from stocks.providers.sample.data import Sample
from stocks.silver import ParsedSeries, judge_series
from stocks.trading_calendar import TradingCalendar, calendar_of

NEW_YORK = TradingCalendar(
    name="XNYS", timezone=ZoneInfo("America/New_York"), closes_at=time(16), holidays=frozenset(), special_closes={}
)
FRIDAYS = [date(2023, 1, 6) + timedelta(weeks=week) for week in range(30)]
WEEK = 20

Action = tuple[float, float]


def weeks(
    actions: dict[int, Action] | None = None, *, price: float = 100, decimals: int = 4, adjustment: Adjustment
) -> pl.DataFrame:
    """A year's half of weeks as traded, with (dividend, split) by place, on the week's second day.

    The ex-date's close, and the close before it, are within the week's low and high, not at its end.
    """
    actions = actions or {}
    shares, factor, adjusted = 1.0, 1.0, []
    closes = [price + place % 7 - 3 * (place % 3) for place in range(len(FRIDAYS))]
    for place in range(len(FRIDAYS)):
        shares *= actions.get(place, (0.0, 1.0))[1]
        closes[place] /= shares
    for place in reversed(range(len(FRIDAYS))):
        adjusted.append(round(closes[place] * factor, decimals))
        dividend, split = actions.get(place, (0.0, 1.0))
        ex = closes[place] * 1.005
        part = ex / (ex + dividend) if adjustment == "reinvest_ex_close" else 1 - dividend / ex
        factor *= part / split
    rows = []
    for place, close in enumerate(closes):
        dividend, split = actions.get(place, (0.0, 1.0))
        opens = close * split * 0.99
        rows.append(
            {
                "row": place,
                "date_text": FRIDAYS[place].isoformat(),
                "open": opens,
                "high": max(opens, close) * 1.02,
                "low": min(opens, close) * 0.98,
                "close": close,
                "adjusted_close": adjusted[-1 - place],
                "volume": 1_000_000.0,
                "dividend_amount": dividend,
                "split_coefficient": 1.0,
            }
        )
    return pl.DataFrame(rows)


def judged(rows: pl.DataFrame, adjustment: Adjustment) -> ParsedSeries:
    """The rows as a weekly answer."""
    return judge_series(
        Decoded(symbol="IBM", rows=rows, raw=lambda: [(day, {}) for day in rows["date_text"]]),
        symbol="IBM",
        interval="weekly",
        observed_at=datetime(2024, 1, 10, 12, tzinfo=UTC),
        calendar=NEW_YORK,
        adjustment=adjustment,
    )


def sample_answer(symbol: str, interval: str) -> ParsedSeries:
    """What silver makes of the sample's answer."""
    endpoint, sample = (WEEKLY if interval == "weekly" else DAILY), Sample(None)
    body = sample.answer({"function": endpoint.name, "symbol": symbol, "outputsize": "full", "apikey": "x"})
    return judge_series(
        PROVIDERS["sample"].read(body, endpoint),
        symbol=symbol,
        interval=endpoint.interval or "daily",
        observed_at=sample.now(),
        calendar=calendar_of(symbol),
        adjustment=PROVIDERS["sample"].adjustment,
    )


@pytest.mark.parametrize("symbol", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
def test_every_split_of_the_sample_comes_back_in_its_week(symbol):
    week = pl.col("price_date").dt.truncate("1w")
    is_split = pl.col("split_coefficient") != 1
    daily, weekly = (
        sample_answer(symbol, interval).bars.filter(is_split).select(week, "split_coefficient").rows()
        for interval in ("daily", "weekly")
    )
    assert [day for day, _ in weekly] == [day for day, _ in daily]
    assert [split for _, split in weekly] == pytest.approx([split for _, split in daily], rel=1e-4)
    assert len(daily) == {"AAPL": 2, "MSFT": 1}.get(symbol, 0)


@pytest.mark.parametrize("adjustment", ["reinvest_ex_close", "previous_close"])
@pytest.mark.parametrize(
    ("split", "dividend"),
    [(split, 0.0) for split in (2, 3, 20, 50, 3 / 2, 5 / 4, 11 / 10, 21 / 20, 1 / 2, 1 / 15, 1 / 150)]
    + [(split, 0.4) for split in (2, 3, 3 / 2, 5 / 4, 1 / 2)],
)
def test_a_split_is_recovered_exactly(split, dividend, adjustment):
    # The dividend is four in a thousand of the price at the time.
    actions = {9: (0.51, 1.0), WEEK: (dividend / split, split)}
    parsed = judged(weeks(actions, price=200, adjustment=adjustment), adjustment)
    assert (parsed.refused, parsed.rejects.rows()) == ("", [])
    splits = parsed.bars["split_coefficient"].to_list()
    assert splits.pop(WEEK) == pytest.approx(split, rel=1e-12)
    assert set(splits) == {1.0}


def test_a_split_of_the_newest_week_is_told_at_once():
    parsed = judged(weeks({29: (0.0, 2.0)}, adjustment="reinvest_ex_close"), "reinvest_ex_close")
    assert parsed.bars["split_coefficient"].to_list() == [1.0] * 29 + [2.0]


@pytest.mark.parametrize("dividend", [0.01, 0.6, 4.0, 60.0])
@pytest.mark.parametrize("adjustment", ["reinvest_ex_close", "previous_close"])
def test_a_dividend_is_no_split_wherever_in_its_week_it_was(dividend, adjustment):
    parsed = judged(weeks({WEEK: (dividend, 1.0)}, adjustment=adjustment), adjustment)
    assert (parsed.refused, parsed.rejects.rows()) == ("", [])
    assert set(parsed.bars["split_coefficient"]) == {1.0}


def rescaled(rows: pl.DataFrame, places: range, factor: float, *columns: str) -> pl.DataFrame:
    """The rows with some columns of some of them multiplied."""
    here = pl.col("row").is_between(places.start, places.stop - 1)
    return rows.with_columns(pl.when(here).then(pl.col(name) * factor).otherwise(pl.col(name)) for name in columns)


@pytest.mark.parametrize("adjustment", ["reinvest_ex_close", "previous_close"])
@pytest.mark.parametrize("coefficient", [1.0463, 1.2291, 1.8137, 3.1371])
def test_a_spin_off_that_is_not_told_is_taken_and_warned_of(coefficient: float, adjustment: Adjustment) -> None:
    """IBM's of 2021 is the first: daily answers tell it as a split of 1.046, weekly ones don't."""
    rows = weeks({9: (0.5, 1.0), WEEK: (0.0, coefficient)}, adjustment=adjustment)
    parsed = judged(rows, adjustment)
    assert (parsed.refused, len(parsed.rejects)) == ("", 0)
    splits = parsed.bars["split_coefficient"].to_list()
    assert splits.pop(WEEK) == pytest.approx(coefficient, rel=1e-5)
    assert set(splits) == {1.0}
    assert parsed.suspects.select("price_date", "rule").rows() == [(FRIDAYS[WEEK], "untold_spin_off")]
    # Of the newest week it may be a wrong bar: it waits for the next one.
    newest = judged(rows[: WEEK + 1], adjustment)
    assert (newest.refused, newest.rejects["rule"].to_list()) == ("", ["factor_discontinuity"])


@pytest.mark.parametrize("split", [1.05, 1.1, 1.25])
@pytest.mark.parametrize("price", [1.5, 4, 40])
@pytest.mark.parametrize("move", [0.93, 1.08])
def test_a_stock_dividend_is_no_spin_off_however_cheap_the_share_is(move: float, price: float, split: float) -> None:
    """Adjusted closes with four decimals leave many ratios, and the market moves by as much in a week."""
    prices = ("open", "high", "low", "close", "adjusted_close")
    rows = weeks({WEEK: (0.0, split)}, adjustment="reinvest_ex_close")
    cheap = rescaled(rows, range(len(rows)), price / 100, *prices)
    moved = rescaled(cheap, range(WEEK, len(rows)), move, *prices).with_columns(pl.col("adjusted_close").round(4))
    parsed = judged(moved, "reinvest_ex_close")
    assert (parsed.refused, len(parsed.rejects), len(parsed.suspects)) == ("", 0, 0)
    assert parsed.bars["split_coefficient"][WEEK] == pytest.approx(split, rel=1e-12)


def test_a_part_from_before_a_dividend_is_no_spin_off() -> None:
    """Its adjusted closes lack what was taken from the others since: they are higher, whatever the prices did."""
    rows = weeks({25: (6.0, 1.0)}, adjustment="reinvest_ex_close")
    cached = rescaled(rows, range(WEEK), 1 / 0.94, "adjusted_close")
    assert list(judged(cached, "reinvest_ex_close").faults) == ["two_bases"]
    between = rescaled(rows, range(12, WEEK), 1 / 0.94, "adjusted_close")
    assert list(judged(between, "reinvest_ex_close").faults) == ["two_bases"]


@pytest.mark.parametrize("factor", [0.5, 0.995, 1.002, 1.07, 2.0, 10.0])
def test_a_level_that_shifts_and_no_price_does_refuses_the_series(factor):
    rows = rescaled(weeks(adjustment="reinvest_ex_close"), range(WEEK), factor, "adjusted_close")
    parsed = judged(rows, "reinvest_ex_close")
    assert list(parsed.faults) == ["two_bases"], "a price that stood still had no split"
    assert str(FRIDAYS[WEEK]) in parsed.refused


def test_a_dividend_that_is_not_told_refuses_the_series():
    rows = weeks({WEEK: (0.8, 1.0)}, adjustment="reinvest_ex_close").with_columns(dividend_amount=pl.lit(0.0))
    assert list(judged(rows, "reinvest_ex_close").faults) == ["two_bases"]


@pytest.mark.parametrize("factor", [0.5, 0.99, 2.0])
@pytest.mark.parametrize("columns", [["adjusted_close"], ["open", "high", "low", "close"]])
@pytest.mark.parametrize("count", [1, 5])
def test_a_few_weeks_that_are_off_are_rejected_and_no_splits(factor, columns, count):
    off = range(WEEK, WEEK + count)
    rows = rescaled(weeks({9: (0.5, 1.0)}, adjustment="reinvest_ex_close"), off, factor, *columns)
    parsed = judged(rows, "reinvest_ex_close")
    assert parsed.refused == ""
    assert parsed.rejects["rule"].to_list() == ["factor_discontinuity"] * count
    assert set(parsed.bars["split_coefficient"]) == {1.0}


def test_an_action_of_a_week_that_was_not_told_is_no_fault():
    rows = weeks({WEEK: (0.8, 1.0), 11: (0.0, 2.0)}, adjustment="reinvest_ex_close")
    parsed = judged(rows.filter(~pl.col("row").is_in([11, WEEK])), "reinvest_ex_close")
    assert (parsed.refused, len(parsed.rejects)) == ("", 0)
    assert parsed.bars["split_coefficient"].to_list() == [1.0] * 11 + [2.0] + [1.0] * 16, "after a halt it is told"
