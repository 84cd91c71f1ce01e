"""The sample's real prices keep every rule: a rule that fires on them is a rule that is wrong."""

from datetime import date

import pytest

from stocks.providers import PROVIDERS
from stocks.providers.alphavantage.answers import DAILY, WEEKLY
from stocks.providers.sample.data import Sample
from stocks.silver import judge_series
from stocks.trading_calendar import calendar_of


@pytest.mark.parametrize("symbol", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
@pytest.mark.parametrize("endpoint", [DAILY, WEEKLY])
@pytest.mark.parametrize("day", [None, date(2012, 11, 15), date(2012, 12, 31)])
def test_real_prices_are_accepted(symbol, endpoint, day):
    sample = Sample(day)
    body = sample.answer({"function": endpoint.name, "symbol": symbol, "outputsize": "full", "apikey": "x"})
    parsed = judge_series(
        PROVIDERS["sample"].read(body, endpoint),
        symbol=symbol,
        interval=endpoint.interval,
        observed_at=sample.now(),
        calendar=calendar_of(symbol),
        adjustment=PROVIDERS["sample"].adjustment,
    )
    assert parsed.refused == ""
    assert parsed.rejects.rows() == []
    assert len(parsed.bars) == body.count(b'"4. close"')
    week_goes_on = endpoint.interval == "weekly" and day is not None
    assert parsed.bars["is_final"].to_list() == [True] * (len(parsed.bars) - 1) + [not week_goes_on]
