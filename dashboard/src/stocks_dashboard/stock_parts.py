"""What stands beneath the charts of one stock: returns by horizon and month, peers, corporate actions, its rows."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from stocks_dashboard import heatmaps, queries
from stocks_dashboard.literals import Symbol, Value
from stocks_dashboard.page import part
from stocks_dashboard.page_parts import show
from stocks_dashboard.palette import palette
from stocks_dashboard.symbols import choose_benchmark, symbols
from stocks_dashboard.tables import folded, table
from stocks_dashboard.warehouse import rows


def windows(interval: str) -> dict[str, Any]:
    """The windows that gold's metrics were computed with: bars_a_year, bars_before."""
    return rows(queries.WINDOWS).row(by_predicate=pl.col("interval") == interval, named=True)


def returns_by_time(symbol: str) -> None:
    """What a holder gained, from a month back to the start, and month by month."""
    left, right = st.columns([1, 2])
    with left:
        st.header("Up to the latest bar", anchor=False)
        table(
            rows(queries.TRAILING, symbol=Symbol(symbol)),
            ("horizon", "total_return", "yearly_return", "first_date"),
            export=f"{symbol}_trailing_returns",
        )
    with right:
        st.header("Month by month (%)", anchor=False)
        months = rows(queries.MONTHS, symbol=Symbol(symbol))
        alt = f"Return of {symbol} in each month, a row a year."
        show(heatmaps.months(months, colours=palette()), key="months", alt=alt)
        columns = ("year", "month", "monthly_return", "year_to_date_return")
        folded(
            "Months in numbers",
            lambda: table(months.reverse(), columns, export=f"{symbol}_months"),
            key="months_table",
        )


@part
def beside_peers(stock: dict[str, Any], shown: dict[str, Value]) -> None:
    """Beta, tracking error and Sharpe, against a benchmark or the mean of the sector's other symbols."""
    symbol, sector = stock["symbol"], stock["sector"]
    st.header("Beside others", anchor=False)
    benchmark = choose_benchmark(none=f"Mean of {sector}")
    of_sector = symbols().filter(pl.col("sector") == sector)["symbol"]
    peers = [Symbol(each) for each in ([benchmark] if benchmark else of_sector)]
    beside = rows(queries.AGAINST_PEERS, **{**_without_symbol(shown), "symbols": [Symbol(symbol)], "peers": peers})
    if beside.is_empty():
        st.info(
            "There are no twenty sessions in common with another symbol. Choose a benchmark, or a longer range.",
            icon=":material/event_busy:",
        )
        return
    st.caption("Over the range above; Sharpe ratios are over cash at 0 %, the lead's over what it is measured against.")
    table(
        beside,
        ("symbol", "sharpe_ratio", "beta", "correlation", "tracking_error", "information_ratio", "sessions"),
        export=f"{symbol}_beside",
    )


def _without_symbol(shown: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in shown.items() if name != "symbol"}


def actions(symbol: str, shown: dict[str, Value]) -> None:
    """Dividends and splits of the range."""

    def draw() -> None:
        found = rows(queries.CORPORATE_ACTIONS, **shown)
        if found.is_empty():
            st.caption("There is neither a dividend nor a split in this range.")
            return
        table(
            found,
            (
                "price_date",
                "action",
                "dividend_amount",
                "split_coefficient",
                "close",
                "payment_yield",
                "trailing_yield",
            ),
            export=f"{symbol}_actions",
        )

    folded("Dividends and splits", draw, key="actions", icon=":material/payments:")


def spread(symbol: str, bar: str, bins: pl.DataFrame) -> None:
    """How many bars had which return."""
    columns = ("return_from", "return_to", "bars")
    folded(f"Returns of {bar}s in numbers", lambda: table(bins, columns, export=f"{symbol}_returns"), key="returns")


def falls(symbol: str, found: pl.DataFrame) -> None:
    """The deepest falls of the range."""
    columns = ("depth", "peak_date", "trough_date", "days_down", "recovery_date")
    if not found.is_empty():
        folded(
            "Deepest falls",
            lambda: table(found, columns, export=f"{symbol}_falls"),
            key="falls",
            icon=":material/trending_down:",
        )


def unusual(symbol: str, bar: str, found: pl.DataFrame) -> None:
    """Bars whose return is out of line."""
    st.caption(f"**{found.height:,}** unusual {bar}s are marked.")
    columns = ("price_date", "simple_return", "return_zscore", "volume", "split_coefficient", "dividend_amount")
    if not found.is_empty():
        folded(
            f"Unusual {bar}s",
            lambda: table(found.rename({"change": "simple_return"}), columns, export=f"{symbol}_unusual"),
            key="unusual",
            icon=":material/priority_high:",
        )


def bars(symbol: str, shown: dict[str, Value]) -> None:
    """All bars of the range."""

    def draw() -> None:
        found = rows(queries.BARS, **shown, limit=queries.TABLE_ROWS)
        st.caption(f"The latest {found.height:,} bars of the range; the CSV holds all of it.")
        table(
            found,
            (
                "price_date",
                "open",
                "high",
                "low",
                "close",
                "split_adjusted_close",
                "adjusted_close",
                "volume",
                "dividend_amount",
                "split_coefficient",
                "simple_return",
                "return_zscore",
                "volatility_52w",
                "drawdown",
            ),
            export=f"{symbol}_bars",
            more=lambda: rows(queries.BARS, **shown, limit=queries.EXPORT_ROWS),
        )

    folded("Table", draw, key="table")
