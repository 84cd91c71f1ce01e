"""The sample's real prices keep every rule: a rule that fires on them is a rule that is wrong."""

from datetime import date

import pytest

from stocks.silver import interval_of, parse_series
from stocks.source import Endpoint
from stocks.source.sample import Sample
from stocks.trading_calendar import calendar_of


@pytest.mark.parametrize("symbol", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
@pytest.mark.parametrize("endpoint", [Endpoint.DAILY_ADJUSTED, Endpoint.WEEKLY_ADJUSTED])
@pytest.mark.parametrize("day", [None, date(2012, 11, 15), date(2012, 12, 31)])
def test_real_prices_are_accepted(symbol, endpoint, day):
    sample = Sample(day)
    body = sample.answer({"function": endpoint, "symbol": symbol, "outputsize": "full", "apikey": "x"})
    parsed = parse_series(
        body, symbol=symbol, endpoint=endpoint, observed_at=sample.now(), calendar=calendar_of(symbol)
    )
    assert parsed.refused == ""
    assert parsed.rejects.rows() == []
    assert len(parsed.bars) == body.count(b'"4. close"')
    week_goes_on = interval_of(endpoint) == "weekly" and day is not None
    assert parsed.bars["is_final"].to_list() == [True] * (len(parsed.bars) - 1) + [not week_goes_on]
