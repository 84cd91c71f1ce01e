"""Which symbols the screener shows, and in which order."""

from __future__ import annotations

import polars as pl
import pytest

from stocks_dashboard import heatmaps
from stocks_dashboard.palette import LIGHT
from stocks_dashboard.screener import extremes, matching, ordered

SCREEN = pl.DataFrame(
    {
        "symbol": ["AAPL", "IBM", "SAP", "TSCO", "X"],
        "company_name": ["Apple", "International Business Machines", "SAP", "Tesco", "50% (US)"],
        "sector": ["Tech", "Tech", "Tech", "Staples", "Steel"],
        "volatility_52w": [30.0, 20.0, None, 10.0, 40.0],
        "traded_value": [5.0, 9.0, 1.0, 99.0, 7.0],
        "traded_value_currency": ["USD", "USD", "USD", "GBP", None],
    }
)
ALL = {"search": "", "sector": "", "watched": None, "bounds": {}}


@pytest.mark.parametrize(
    ("choice", "symbols"),
    [
        ({}, ["AAPL", "IBM", "SAP", "TSCO", "X"]),
        ({"search": " machines "}, ["IBM"]),
        ({"search": "ap"}, ["AAPL", "SAP"]),
        ({"search": "0% ("}, ["X"]),
        ({"search": "'; --"}, []),
        ({"sector": "Tech"}, ["AAPL", "IBM", "SAP"]),
        ({"watched": ["IBM", "GONE"]}, ["IBM"]),
        ({"watched": []}, []),
        ({"bounds": {"volatility_52w": (20.0, None)}}, ["AAPL", "IBM", "X"]),
        ({"bounds": {"volatility_52w": (None, 20.0), "traded_value": (10.0, 100.0)}}, ["TSCO"]),
        ({"bounds": {"volatility_52w": (None, None)}}, ["AAPL", "IBM", "SAP", "TSCO", "X"]),
    ],
)
def test_symbols_match_all_that_is_asked_for(choice: dict[str, object], symbols: list[str]) -> None:
    assert matching(SCREEN, **{**ALL, **choice})["symbol"].to_list() == symbols


def test_an_order_puts_unknown_values_last() -> None:
    assert ordered(SCREEN, "volatility_52w", descending=True)["symbol"].to_list() == ["X", "AAPL", "IBM", "TSCO", "SAP"]
    assert ordered(SCREEN, "volatility_52w", descending=False)["symbol"].to_list() == [
        "TSCO",
        "IBM",
        "AAPL",
        "X",
        "SAP",
    ]
    assert ordered(SCREEN, "symbol", descending=False)["symbol"].to_list() == ["AAPL", "IBM", "SAP", "TSCO", "X"]


def test_traded_values_are_ranked_within_their_currency() -> None:
    """Pence, taken for dollars, would make Tesco the most traded of all."""
    assert ordered(SCREEN, "traded_value", descending=True)["symbol"].to_list() == ["IBM", "AAPL", "SAP", "TSCO", "X"]
    assert ordered(SCREEN, "traded_value", descending=False)["symbol"].to_list() == ["SAP", "AAPL", "IBM", "TSCO", "X"]


def test_extremes_are_of_those_that_are_known() -> None:
    ends = extremes(SCREEN, "volatility_52w")
    assert ends is not None
    assert [each["symbol"] for each in ends] == ["X", "TSCO"]
    assert extremes(SCREEN.with_columns(volatility_52w=pl.lit(None, pl.Float64)), "volatility_52w") is None


def test_a_heat_map_of_months_ends_with_the_years() -> None:
    months = pl.DataFrame(
        {
            "year": [2012, 2013, 2013],
            "month": [12, 1, 2],
            "monthly_return": [None, 1.0, -2.0],
            "year_to_date_return": [None, 1.0, -1.02],
        },
        schema={"year": pl.Int32, "month": pl.Int32, "monthly_return": pl.Float64, "year_to_date_return": pl.Float64},
    )
    cells = heatmaps.months(months, colours=LIGHT)["datasets"]["cells"]
    assert cells.select("year", "period", "value").rows() == [
        (2013, "Jan", 1.0),
        (2013, "Feb", -2.0),
        (2013, "Year", -1.02),
    ]
    assert cells["shade"].to_list() == [0.5, -1.0, -1.0]


def test_a_heat_map_of_sectors_has_a_scale_a_horizon() -> None:
    returns = pl.DataFrame(
        {
            "sector": ["A", "A", "B"],
            "horizon": ["1M", "Max", "1M"],
            "place": [1, 8, 1],
            "symbols": [2, 2, 1],
            "total_return": [1.0, 1000.0, 1.0],
        }
    )
    spec = heatmaps.sector_returns(returns, colours=LIGHT)
    assert spec["datasets"]["cells"]["shade"].to_list() == [1.0, 1.0, 1.0]
    assert spec["layer"][0]["encoding"]["x"]["sort"] == ["1M", "Max"]
