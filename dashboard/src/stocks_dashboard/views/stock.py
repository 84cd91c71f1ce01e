"""Stock: everything about one symbol."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

import polars as pl
import streamlit as st

from stocks_dashboard import charts, queries, state, time_chart, timelines
from stocks_dashboard.horizon import Candle, Horizon, candle
from stocks_dashboard.literals import Symbol, Value
from stocks_dashboard.page import Page, part
from stocks_dashboard.page_parts import choose_range, choose_scale, details, head, number, show, strip, table, tile
from stocks_dashboard.palette import palette
from stocks_dashboard.symbols import choose_symbol, symbols
from stocks_dashboard.warehouse import prefetch, rows


class Basis(StrEnum):
    """What prices are adjusted for."""

    SPLIT = "split"
    TOTAL = "total"
    RAW = "raw"


_BASES = {Basis.SPLIT: "Splits", Basis.TOTAL: "Total", Basis.RAW: "Raw"}
_ABOUT = {
    Basis.SPLIT: "Prices and volumes before a split are given in today's shares.",
    Basis.TOTAL: "Prices are what a holder who reinvests dividends has; volumes are in today's shares.",
    Basis.RAW: "Prices and volumes as they were traded: a split looks like a fall.",
}
_THRESHOLDS = (3, 4, 5, 6)
_YEAR = {"day": 252, "week": 52}
_BEFORE = {"day": 60, "week": 26}
_HEIGHT = 640  # pixels: five panes


def page() -> None:
    """Draws the page."""
    with st.container(gap="xsmall"):
        symbol = head("Stock", "Prices, corporate actions and risk of one symbol.", beside=choose_symbol)
        if symbol is None:
            return
        stock = rows(queries.STOCK, symbol=Symbol(symbol)).row(0, named=True)
        about = (f"**{stock['company_name']} ({symbol})**", stock["exchange"], stock["sector"], stock["industry"])
        st.caption(" · ".join(each for each in about if each))
        _tiles(stock)
    _series(stock)


@part
def _series(stock: dict[str, Any]) -> None:
    place, controls = st.columns([5, 1], gap="medium")
    spot = place.container(height=_HEIGHT, border=False)  # there before what it holds: nothing moves
    with controls:
        days = choose_range(symbols().filter(pl.col("symbol") == stock["symbol"]))
        choice = _controls(_bar(stock))
    with spot:
        _workspace(stock, days, **choice)
    place.caption(
        f"A candle a {_step(stock, days)}. Drag to move, Shift and drag to choose days, Shift and wheel to zoom, "
        f"double-click for all. {_ABOUT[choice['basis']]}"
    )
    shown = _shown(stock, days)
    _risk(stock, shown, choice["threshold"])
    _bars(stock["symbol"], shown)


def _shown(stock: dict[str, Any], days: tuple[date, date]) -> dict[str, Value]:
    return {"symbol": Symbol(stock["symbol"]), "first": days[0], "last": days[1]}


def _bar(stock: dict[str, Any]) -> str:
    return "day" if stock["interval"] == "daily" else "week"


def _step(stock: dict[str, Any], days: tuple[date, date]) -> str:
    """What a candle stands for, in words; the finest of weekly bars is a week."""
    width = candle(*days)
    return _bar(stock) if width is Candle.DAY else str(width)


def _tiles(stock: dict[str, Any]) -> None:
    with strip():
        tile(f"Close {stock['last_date']}", f"{number(stock['close'])} {stock['currency'] or ''}".strip())
        week = "Week" if stock["is_week_over"] else "Week so far"
        for title, value in (("Day", stock["day_return"]), (week, stock["weekly_return"])):
            tile(title, number(value, "+.2f", " %"))
        year = f"A year, of the last 52 weeks; not before {_YEAR[_bar(stock)]} returns are known"
        tile("Volatility", number(stock["volatility_52w"], ".1f", " %"), about=year)
        tile("Below peak", number(stock["drawdown"], ".1f", " %"), about="Of adjusted closes")
        tile(
            "52-week range",
            f"{number(stock['position_in_52w_range'], '.0f', ' %')} of {number(stock['low_52w'])} to "
            f"{number(stock['high_52w'])}",
            about="0 % is the lowest low of 52 weeks, 100 % the highest high",
        )
    if stock["is_stale"]:
        st.warning(f"A bar of {stock['expected_last_date']} is expected, and isn't loaded.", icon=":material/schedule:")


def _controls(bar: str) -> dict[str, Any]:
    """What the workspace shows, and how."""
    basis = state.select(
        "Prices",
        [str(each) for each in Basis],
        name="basis",
        form=lambda each: _BASES[Basis(each)],
        widget=st.segmented_control,
        required=True,
        help="Adjusted for splits, for splits and dividends (total return), or as they were traded",
    )
    scale = choose_scale()
    averages = state.select_many(
        f"Averages of {bar}s",
        timelines.AVERAGES,
        name="average",
        default=[50],
        widget=st.pills,
        selection_mode="multi",
    )
    threshold = state.select(
        "Unusual from |z|",
        _THRESHOLDS,
        name="z",
        default=4,
        widget=st.segmented_control,
        required=True,
        help=f"z tells how many standard deviations a return lies from the mean of the {_BEFORE[bar]} returns before "
        f"it (it isn't one of them, so it can't hide itself). From 4 on a {bar} is out of line with the weeks before: "
        "look for results, news, or a missing corporate action.",
    )
    return {"basis": Basis(basis), "scale": scale, "averages": averages, "threshold": float(threshold)}


def _workspace(
    stock: dict[str, Any],
    days: tuple[date, date],
    *,
    basis: Basis,
    scale: time_chart.Scale,
    averages: list[int],
    threshold: float,
) -> None:
    """Price, volume, drawdown, volatility and returns on one axis."""
    shown, step = _shown(stock, days), _step(stock, days)
    candles: dict[str, Value] = {"symbol": shown["symbol"], "basis": str(basis), "candle": str(candle(*days))}
    marked = {**shown, "threshold": threshold}
    # What the parts below need comes along: the page waits once.
    prefetch(
        (queries.CANDLES, candles),
        (queries.UNUSUAL, marked),
        (queries.DRAWDOWNS, shown),
        (queries.RETURNS, shown),
    )
    bars = rows(queries.CANDLES, **candles)
    if step == "day" and bars.filter(pl.col("price_date").is_between(*days)).is_empty():
        st.info("There is no bar in this range. Choose a longer one.", icon=":material/event_busy:")
        return
    colours = palette()
    time_chart.show(
        bars.with_columns(
            (pl.col("close") - pl.col("open")).alias("change"),
            (pl.col("best_return") + pl.col("worst_return")).alias("return"),
        ),
        timelines.stock(
            bars,
            rows(queries.UNUSUAL, **marked),
            rows(queries.DRAWDOWNS, **shown).head(1),
            averages=averages,
            unit=stock["currency"] or "listing's unit",
            bar=_bar(stock),
            candle=step,
            scale=scale,
            colours=colours,
        ),
        key="workspace",
        label=f"Price, volume, drawdown, volatility and returns of {stock['symbol']}, a candle a {step}.",
        height=_HEIGHT,
        view=days,
        colours=colours,
        on_view=_look,
    )


def _look(first: date, last: date) -> None:
    """The days that the visitor moved to are the range."""
    state.choose(**{"horizon": [str(Horizon.CUSTOM)], "from": [first.isoformat()], "to": [last.isoformat()]})


def _risk(stock: dict[str, Any], shown: dict[str, Value], threshold: float) -> None:
    falls = rows(queries.DRAWDOWNS, **shown)
    left, right = st.columns(2)
    with left:
        st.subheader("How returns are spread", anchor=False)
        if (bins := rows(queries.RETURNS, **shown)).is_empty():
            st.info(f"There is no {_bar(stock)}'s return in this range.", icon=":material/event_busy:")
        else:
            show(charts.histogram(bins, bar=_bar(stock), colours=palette()), key="histogram")
    with right:
        st.subheader("Falls and unusual returns", anchor=False)
        st.caption(_deepest(falls))
        _falls(stock["symbol"], falls)
        _unusual(stock["symbol"], _bar(stock), rows(queries.UNUSUAL, **shown, threshold=threshold))


@part
def _falls(symbol: str, falls: pl.DataFrame) -> None:
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
                export=f"{symbol}_falls",
            )


def _deepest(falls: pl.DataFrame) -> str:
    if falls.is_empty():
        return "No fall has its trough in this range."
    fall = falls.row(0, named=True)
    end = f"recovered on {fall['recovery_date']}" if fall["recovery_date"] else "not recovered yet"
    return f"Deepest: {fall['depth']:.1f} % from {fall['peak_date']} to {fall['trough_date']}, {end}."


@part
def _unusual(symbol: str, bar: str, unusual: pl.DataFrame) -> None:
    st.caption(f"**{unusual.height:,}** unusual {bar}s are marked.")
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
