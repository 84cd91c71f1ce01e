"""Stock: everything about one symbol."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import polars as pl
import streamlit as st

from stocks_dashboard import charts, queries, state
from stocks_dashboard.horizon import Candle, candle
from stocks_dashboard.literals import Symbol, Value
from stocks_dashboard.page import Page, part
from stocks_dashboard.page_parts import choose_range, details, head, number, show, table, tile
from stocks_dashboard.palette import palette
from stocks_dashboard.symbols import choose_symbol, symbols
from stocks_dashboard.warehouse import prefetch, rows


class Basis(StrEnum):
    """What prices are adjusted for."""

    SPLIT = "split"
    TOTAL = "total"
    RAW = "raw"


_BASES = {Basis.SPLIT: "Split-adjusted", Basis.TOTAL: "Total return", Basis.RAW: "As traded"}
_THRESHOLDS = (3, 4, 5, 6)
_YEAR = {"day": 252, "week": 52}


def page() -> None:
    """Draws the page."""
    head("Stock", "Prices, corporate actions and risk of one symbol.")
    _stock()


@part
def _stock() -> None:
    symbol = choose_symbol()
    if symbol is None:
        return
    stock = rows(queries.STOCK, symbol=Symbol(symbol)).row(0, named=True)
    st.subheader(f"{stock['company_name']} ({symbol})", anchor=False)
    st.caption(" · ".join(each for each in (stock["exchange"], stock["sector"], stock["industry"]) if each))
    _tiles(stock)
    _series(stock)


@part
def _series(stock: dict[str, Any]) -> None:
    symbol = stock["symbol"]
    first, last = choose_range(symbols().filter(pl.col("symbol") == symbol))
    shown: dict[str, Value] = {"symbol": Symbol(symbol), "first": first, "last": last}
    _prices(stock, shown, candle(first, last))
    _risk(stock, shown)
    _bars(symbol, shown)


def _tiles(stock: dict[str, Any]) -> None:
    with st.container(horizontal=True):
        tile(f"Close {stock['last_date']}", f"{number(stock['close'])} {stock['currency'] or ''}".strip())
        week = "Week" if stock["is_week_over"] else "Week so far"
        for title, value in (("Day", stock["day_return"]), (week, stock["weekly_return"])):
            tile(title, number(value, "+.2f", " %"))
        tile("Volatility", number(stock["volatility_52w"], ".1f", " %"), about="A year, of the last 52 weeks")
        tile("Below peak", number(stock["drawdown"], ".1f", " %"), about="Of adjusted closes")
    position = stock["position_in_52w_range"]
    st.progress(
        min(max((position or 0) / 100, 0.0), 1.0),
        text=f"52-week range: {number(stock['low_52w'])} to {number(stock['high_52w'])}, now at "
        f"{number(position, '.0f', ' %')} of it",
    )
    if stock["is_stale"]:
        st.warning(f"A bar of {stock['expected_last_date']} is expected, and isn't loaded.", icon=":material/schedule:")


@part
def _prices(stock: dict[str, Any], shown: dict[str, Value], width: Candle) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        basis = Basis(
            state.select(
                "Prices",
                [str(each) for each in Basis],
                name="basis",
                form=lambda each: _BASES[Basis(each)],
                widget=st.segmented_control,
                required=True,
            )
        )
        averages = state.select_many(
            "Moving averages (bars)",
            charts.AVERAGES,
            name="average",
            default=[50],
            widget=st.pills,
            selection_mode="multi",
        )
        is_log = state.switch("Log scale", name="log", help="Equal distances are equal percentages")
    candles: dict[str, Value] = {**shown, "basis": str(basis), "candle": str(width)}
    # What the charts below need comes along: the page waits once.
    along = (queries.ACTIONS, queries.RISK, queries.DRAWDOWNS, queries.RETURNS)
    prefetch((queries.CANDLES, candles), *((each, shown) for each in along))
    bars = rows(queries.CANDLES, **candles)
    if bars.is_empty():
        st.info("There is no bar in this range. Choose a longer one.", icon=":material/event_busy:")
        return
    actions = rows(queries.ACTIONS, **shown)
    show(
        charts.candles(
            bars, actions, averages, unit=stock["currency"] or "listing's unit", is_log=is_log, colours=palette()
        ),
        key="candles",
    )
    each = stock["interval"].replace("daily", "day").replace("weekly", "week") if width is Candle.DAY else str(width)
    st.caption(
        f"A candle a {each}. Drag to move, Shift and wheel to zoom, double-click to go back. "
        + {
            Basis.SPLIT: "Prices and volumes before a split are given in today's shares.",
            Basis.TOTAL: "Prices are what a holder who reinvests dividends has; volumes are in today's shares.",
            Basis.RAW: "Prices and volumes as they were traded: a split looks like a fall.",
        }[basis]
    )


def _risk(stock: dict[str, Any], shown: dict[str, Value]) -> None:
    colours = palette()
    bar = "day" if stock["interval"] == "daily" else "week"
    points = rows(queries.RISK, **shown).partition_by("series", as_dict=True)
    falls = rows(queries.DRAWDOWNS, **shown)
    left, right = st.columns(2)
    with left:
        st.subheader("Below the peak", anchor=False)
        if ("drawdown",) in points:
            st.caption(_deepest(falls))
            show(
                charts.drawdown(points["drawdown",], _ends_of_fall(falls, shown["first"]), colours=colours),
                key="drawdown",
            )
    with right:
        st.subheader("Volatility of 52 weeks", anchor=False)
        st.caption(f"How much log returns of the {_YEAR[bar]} {bar}s before each day vary, a year.")
        if ("volatility",) in points:
            show(charts.volatility(points["volatility",], colours=colours), key="volatility")
        else:
            st.info(f"Not before {_YEAR[bar]} returns are known.", icon=":material/hourglass_empty:")
    if not falls.is_empty() and (part := details("Deepest falls", key="falls", icon=":material/trending_down:")):
        with part:
            table(
                falls,
                {
                    "depth": st.column_config.NumberColumn("Depth", format="%.1f %%"),
                    "peak_date": st.column_config.DateColumn("Peak"),
                    "trough_date": st.column_config.DateColumn("Trough"),
                    "days_down": st.column_config.NumberColumn("Days down"),
                    "recovery_date": st.column_config.DateColumn("Recovered", help="— while it hasn't"),
                },
                export=f"{stock['symbol']}_falls",
            )
    _returns(stock["symbol"], bar, points.get(("return",)), shown)


def _deepest(falls: pl.DataFrame) -> str:
    if falls.is_empty():
        return "No fall has its trough in this range."
    fall = falls.row(0, named=True)
    end = f"recovered on {fall['recovery_date']}" if fall["recovery_date"] else "not recovered yet"
    return f"Deepest: {fall['depth']:.1f} % from {fall['peak_date']} to {fall['trough_date']}, {end}."


def _ends_of_fall(falls: pl.DataFrame, first: Value) -> pl.DataFrame:
    """Marks at peak and trough of the deepest fall, where they lie in the range."""
    deepest = falls.head(1)
    peak = deepest.select(price_date="peak_date", value=pl.lit(0.0), event=pl.lit("Peak"))
    trough = deepest.select(price_date="trough_date", value="depth", event=pl.lit("Trough"))
    return pl.concat([peak, trough]).filter(pl.col("price_date") >= pl.lit(first))


@part
def _returns(symbol: str, bar: str, points: pl.DataFrame | None, shown: dict[str, Value]) -> None:
    if points is None:
        return
    colours = palette()
    before = 60 if bar == "day" else 26
    st.subheader("Returns, and the unusual ones", anchor=False)
    threshold = state.select(
        "Mark from",
        _THRESHOLDS,
        name="z",
        default=4,
        form=lambda each: f"|z| ≥ {each}",
        widget=st.segmented_control,
        required=True,
    )
    unusual = rows(queries.UNUSUAL, **shown, threshold=float(threshold))
    st.caption(
        f"z tells how many standard deviations a return lies from the mean of the {before} returns before it (it isn't "
        f"one of them, so it can't hide itself). From 4 on a {bar} is out of line with the weeks before: look for "
        f"results, news, or a missing corporate action. **{unusual.height:,} marked.**"
    )
    left, right = st.columns(2)
    with left:
        show(charts.returns(points, unusual, bar=bar, colours=colours), key="returns")
    with right:
        show(charts.histogram(rows(queries.RETURNS, **shown), bar=bar, colours=colours), key="histogram")
    if not unusual.is_empty() and (part := details(f"Unusual {bar}s", key="unusual", icon=":material/priority_high:")):
        with part:
            table(
                unusual,
                {
                    "price_date": st.column_config.DateColumn("Date"),
                    "change": st.column_config.NumberColumn("Return", format="%+.2f %%"),
                    "return_zscore": st.column_config.NumberColumn("z", format="%+.1f"),
                    "volume": st.column_config.NumberColumn("Volume (shares)", format="localized"),
                    "split_coefficient": st.column_config.NumberColumn("Split", help="New shares for one; 1 is none"),
                    "dividend_amount": st.column_config.NumberColumn("Dividend"),
                },
                export=f"{symbol}_unusual",
            )


@part
def _bars(symbol: str, shown: dict[str, Value]) -> None:
    part = details("Table", key="table", icon=":material/table:")
    if part is None:
        return
    with part:
        bars = rows(queries.BARS, **shown, limit=queries.TABLE_ROWS)
        st.caption(f"The latest {bars.height:,} bars of the range; the CSV holds all of it.")
        price = st.column_config.NumberColumn(format="%.2f")
        table(
            bars,
            {
                "price_date": st.column_config.DateColumn("Date", pinned=True),
                "open": price,
                "high": price,
                "low": price,
                "close": price,
                "split_adjusted_close": st.column_config.NumberColumn("Split-adjusted", format="%.2f"),
                "adjusted_close": st.column_config.NumberColumn("Adjusted", format="%.2f"),
                "volume": st.column_config.NumberColumn("Volume", format="localized"),
                "dividend_amount": st.column_config.NumberColumn("Dividend"),
                "split_coefficient": st.column_config.NumberColumn("Split"),
                "simple_return": st.column_config.NumberColumn("Return", format="percent"),
                "return_zscore": st.column_config.NumberColumn("z", format="%+.1f"),
                "drawdown": st.column_config.NumberColumn("Below peak", format="percent"),
            },
            export=f"{symbol}_bars",
            more=lambda: rows(queries.BARS, **shown, limit=queries.EXPORT_ROWS),
        )


PAGE = Page(title="Stock", icon=":material/candlestick_chart:", draw=page)
