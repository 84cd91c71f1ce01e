"""The sample is the provider as of a day: its format, its errors, and its way of restating history."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import httpx
import msgspec
import pytest
from bokeh_sampledata import stocks as data

from stocks.errors import ConfigError
from stocks.providers import Endpoint
from stocks.providers.alphavantage.answers import DAILY, OVERVIEW, SERIES_KEYS, WEEKLY
from stocks.providers.alphavantage.catalogue import CATALOGUE
from stocks.providers.sample.data import FIRST_BARS, LAST_DAY, Sample, SampleTransport

SYMBOLS = sorted(FIRST_BARS)
PRICES = {"1. open": "open", "2. high": "high", "3. low": "low", "4. close": "close"}


def ask(symbol: str, endpoint: Endpoint = DAILY, as_of: date | None = None, size: str = "full") -> dict[str, Any]:
    query = {"function": endpoint.name, "symbol": symbol, "outputsize": size, "apikey": "any"}
    document: dict[str, Any] = msgspec.json.decode(Sample(as_of).answer(query))
    return document


def bars(symbol: str, endpoint: Endpoint = DAILY, as_of: date | None = None) -> dict[str, dict[str, str]]:
    series: dict[str, dict[str, str]] = ask(symbol, endpoint, as_of)[SERIES_KEYS[endpoint]]
    return series


def adjusted(symbol: str, as_of: date) -> dict[str, float]:
    return {day: float(bar["5. adjusted close"]) for day, bar in bars(symbol, as_of=as_of).items()}


def actions(symbol: str, label: str, nothing: str) -> dict[str, str]:
    return {day: bar[label] for day, bar in bars(symbol).items() if bar[label] != nothing}


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_known_days_are_those_of_the_data(symbol: str) -> None:
    days = getattr(data, symbol)["date"]
    assert days == sorted(set(days))
    assert (date.fromisoformat(days[0]), date.fromisoformat(days[-1])) == (FIRST_BARS[symbol], LAST_DAY)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_prices_and_volumes_lose_no_digit(symbol: str) -> None:
    raw, series = getattr(data, symbol), bars(symbol)
    assert list(series) == raw["date"][::-1]
    for label, column in PRICES.items():
        assert [float(bar[label]) for bar in series.values()] == raw[column][::-1]
    assert [int(bar["6. volume"]) for bar in series.values()] == raw["volume"][::-1]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_adjusted_closes_on_the_last_day_are_the_data_sets_own(symbol: str) -> None:
    raw, series = getattr(data, symbol), bars(symbol)
    last_factor = raw["adj_close"][-1] / raw["close"][-1]
    assert [float(bar["5. adjusted close"]) for bar in series.values()] == pytest.approx(
        [a / last_factor for a in raw["adj_close"][::-1]], rel=1e-9
    )


def test_splits_are_those_that_happened() -> None:
    found = {symbol: actions(symbol, "8. split coefficient", "1.0") for symbol in SYMBOLS}
    assert found == {
        "AAPL": {"2005-02-28": "2.0", "2000-06-21": "2.0"},
        "FB": {},
        "GOOG": {},
        "IBM": {},
        "MSFT": {"2003-02-18": "2.0"},
    }


def test_dividends_are_those_that_were_paid() -> None:
    found = {symbol: actions(symbol, "7. dividend amount", "0.0000") for symbol in SYMBOLS}
    assert found["AAPL"] == {"2013-02-07": "2.6500", "2012-11-07": "2.6500", "2012-08-09": "2.6500"}
    assert {symbol: len(paid) for symbol, paid in found.items()} == {
        "AAPL": 3, "FB": 0, "GOOG": 0, "IBM": 52, "MSFT": 37,
    }  # fmt: skip
    assert found["MSFT"]["2004-11-15"] == "3.0800"
    assert found["MSFT"]["2003-02-19"] == "0.0800"
    assert Counter(found["IBM"].values())["0.1600"] == 4


def test_a_split_halves_every_earlier_adjusted_close() -> None:
    before, after = adjusted("AAPL", date(2005, 2, 25)), adjusted("AAPL", date(2005, 2, 28))
    assert set(after) - set(before) == {"2005-02-28"}
    assert before["2005-02-25"] == 88.99
    assert {day: after[day] for day in before} == pytest.approx({day: a / 2 for day, a in before.items()}, rel=1e-9)


def test_a_dividend_lowers_every_earlier_adjusted_close_by_its_yield() -> None:
    before, after = adjusted("IBM", date(2013, 2, 5)), adjusted("IBM", date(2013, 2, 6))
    factor = 201.02 / (201.02 + 0.85)
    assert {day: after[day] for day in before} == pytest.approx(
        {day: a * factor for day, a in before.items()}, rel=1e-9
    )


@pytest.mark.parametrize("as_of", [date(2000, 3, 1), date(2005, 2, 27), date(2010, 7, 4), LAST_DAY])
def test_nothing_after_the_day_is_known(as_of: date) -> None:
    series = bars("AAPL", as_of=as_of)
    newest, bar = next(iter(series.items()))
    assert newest <= as_of.isoformat()
    assert float(bar["5. adjusted close"]) == float(bar["4. close"])
    assert ask("AAPL", as_of=as_of)["Meta Data"]["3. Last Refreshed"] == newest


def test_the_daily_format_is_the_providers() -> None:
    document = ask("IBM", as_of=date(2000, 5, 8))
    assert document["Meta Data"] == {
        "1. Information": "Daily Time Series with Splits and Dividend Events",
        "2. Symbol": "IBM",
        "3. Last Refreshed": "2000-05-08",
        "4. Output Size": "Full size",
        "5. Time Zone": "US/Eastern",
    }
    assert next(iter(document["Time Series (Daily)"].items())) == (
        "2000-05-08",
        {
            "1. open": "108.0600",
            "2. high": "110.3700",
            "3. low": "107.6200",
            "4. close": "109.7500",
            "5. adjusted close": "109.75",
            "6. volume": "4826900",
            "7. dividend amount": "0.1300",
            "8. split coefficient": "1.0",
        },
    )


def test_compact_is_the_last_hundred_bars() -> None:
    compact = ask("IBM", size="compact")
    assert compact["Meta Data"]["4. Output Size"] == "Compact"
    assert list(compact["Time Series (Daily)"].items()) == list(bars("IBM").items())[:100]
    assert ask("IBM", size="") == compact
    assert len(ask("IBM", as_of=date(2000, 3, 3), size="compact")["Time Series (Daily)"]) == 3


def test_the_weekly_format_is_the_providers() -> None:
    document = ask("MSFT", WEEKLY, date(2003, 2, 19))
    assert document["Meta Data"] == {
        "1. Information": "Weekly Adjusted Prices and Volumes",
        "2. Symbol": "MSFT",
        "3. Last Refreshed": "2003-02-19",
        "4. Time Zone": "US/Eastern",
    }
    series = document["Weekly Adjusted Time Series"]
    # A partial week with a split on its first session and a dividend on its second.
    assert list(series)[:2] == ["2003-02-19", "2003-02-14"]
    assert list(series["2003-02-19"]) == [
        "1. open", "2. high", "3. low", "4. close", "5. adjusted close", "6. volume", "7. dividend amount",
    ]  # fmt: skip
    assert series["2003-02-19"]["7. dividend amount"] == "0.0800"
    assert series["2003-02-19"]["5. adjusted close"] == "24.5300"
    assert float(series["2003-02-14"]["4. close"]) == 48.3
    assert float(series["2003-02-14"]["5. adjusted close"]) == pytest.approx(48.3 * 24.53 / 24.61 / 2, abs=5e-5)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_weeks_sum_up_their_days(symbol: str) -> None:
    weeks: dict[tuple[int, int], list[tuple[str, dict[str, str]]]] = {}
    for day, bar in reversed(bars(symbol).items()):
        weeks.setdefault(date.fromisoformat(day).isocalendar()[:2], []).append((day, bar))
    series = bars(symbol, WEEKLY)
    assert list(series) == [week[-1][0] for week in reversed(weeks.values())]
    for week in weeks.values():
        bar, days = series[week[-1][0]], [day for _, day in week]
        assert bar["1. open"] == days[0]["1. open"]
        assert float(bar["2. high"]) == max(float(day["2. high"]) for day in days)
        assert float(bar["3. low"]) == min(float(day["3. low"]) for day in days)
        assert bar["4. close"] == days[-1]["4. close"]
        assert float(bar["5. adjusted close"]) == pytest.approx(float(days[-1]["5. adjusted close"]), abs=5.1e-5)
        assert int(bar["6. volume"]) == sum(int(day["6. volume"]) for day in days)
        assert float(bar["7. dividend amount"]) == pytest.approx(sum(float(d["7. dividend amount"]) for d in days))


def test_an_overview_speaks_as_the_provider_does() -> None:
    overview = ask("IBM", OVERVIEW)
    assert overview["Symbol"] == "IBM"
    assert overview["Sector"] == "INFORMATION TECHNOLOGY"
    assert overview["Currency"] == "USD"
    assert overview["FiscalYearEnd"] == "None"


def test_a_symbol_is_unknown_before_its_first_bar() -> None:
    eve = date(2012, 5, 17)
    assert "FB" not in Sample(eve).symbols()
    assert "FB" in Sample(date(2012, 5, 18)).symbols()
    for endpoint in (DAILY, WEEKLY):
        assert ask("FB", endpoint, eve) == msgspec.json.decode(CATALOGUE["bad-symbol"].body(endpoint.name))
    assert ask("FB", OVERVIEW, eve) == {}
    assert len(bars("FB", as_of=date(2012, 5, 18))) == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            {"function": "TIME_SERIES_DAILY_ADJUSTED", "symbol": "NOPE"},
            "Invalid API call. Please retry or visit the documentation "
            "(https://www.alphavantage.co/documentation/) for TIME_SERIES_DAILY_ADJUSTED.",
        ),
        (
            {"function": "TIME_SERIES_WEEKLY_ADJUSTED"},
            "Invalid API call. Please retry or visit the documentation "
            "(https://www.alphavantage.co/documentation/) for TIME_SERIES_WEEKLY_ADJUSTED.",
        ),
        ({"function": "SMA", "symbol": "IBM"}, "This API function (SMA) does not exist."),
        ({}, "This API function () does not exist."),
    ],
)
def test_errors_are_the_providers_word_for_word(query: dict[str, str], message: str) -> None:
    assert msgspec.json.decode(Sample().answer(query)) == {"Error Message": message}


def test_the_samples_clock_stands_at_the_evening_of_its_day() -> None:
    assert Sample().now() == datetime(2013, 3, 1, 23, tzinfo=UTC)
    assert Sample(date(2005, 7, 1)).now() == datetime(2005, 7, 1, 22, tzinfo=UTC)


@pytest.mark.parametrize("as_of", [date(2000, 2, 29), date(2013, 3, 2)])
def test_a_day_outside_the_data_is_a_wrong_setting(as_of: date) -> None:
    with pytest.raises(ConfigError, match="STOCKS_SAMPLE_AS_OF"):
        Sample(as_of)


def test_the_transport_answers_as_the_sample_does() -> None:
    query = {"function": DAILY.name, "symbol": "FB", "outputsize": "full"}
    with httpx.Client(transport=SampleTransport(Sample())) as client:
        response = client.get("https://provider.test/query", params=query)
    assert response.headers["Content-Type"] == "application/json"
    assert response.content == Sample().answer(query)
