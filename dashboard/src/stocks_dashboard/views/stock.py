"""Stock: everything about one symbol."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

import polars as pl
import streamlit as st

from stocks_dashboard import charts, queries, state, stock_parts, time_chart, timelines
from stocks_dashboard.catalogue import described, text
from stocks_dashboard.horizon import Candle, Horizon, candle
from stocks_dashboard.literals import Symbol, Value
from stocks_dashboard.page import Page, part
from stocks_dashboard.page_parts import choose_range, choose_scale, head, show, strip, tile
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
    place, controls = st.columns([9, 2], gap="medium")
    spot = place.container(height=_HEIGHT, border=False)  # there before what it holds: nothing moves
    with controls:
        days = choose_range(symbols().filter(pl.col("symbol") == stock["symbol"]))
        choice = _controls(stock)
    with spot:
        _workspace(stock, days, **choice)
    place.caption(
        f"A candle a {_step(stock, days)}. Drag to move, Shift and drag to choose days, Shift and wheel to zoom, "
        f"double-click for all. {_ABOUT[choice['basis']]}"
    )
    shown = _shown(stock, days)
    _risk(stock, shown, choice["threshold"])
    stock_parts.returns_by_time(stock["symbol"])
    stock_parts.beside_peers(stock, shown)
    stock_parts.actions(stock["symbol"], shown)
    stock_parts.bars(stock["symbol"], shown)


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
        tile(f"Close {stock['last_date']}", f"{text('close', stock['close'])} {stock['currency'] or ''}".strip())
        week = "Week" if stock["is_week_over"] else "Week so far"
        for title, name in (
            ("Day", "day_return"),
            (week, "weekly_return"),
            ("Volatility", "volatility_52w"),
            ("Below peak", "drawdown"),
        ):
            tile(title, text(name, stock[name]), about=described(name))
        place, low, high = (text(name, stock[name]) for name in ("position_in_52w_range", "low_52w", "high_52w"))
        tile("52-week range", f"{place} of {low} to {high}", about=described("position_in_52w_range"))
    if stock["is_stale"]:
        st.warning(f"A bar of {stock['expected_last_date']} is expected, and isn't loaded.", icon=":material/schedule:")


def _controls(stock: dict[str, Any]) -> dict[str, Any]:
    """What the workspace shows, and how."""
    bar, before = _bar(stock), stock_parts.windows(stock["interval"])["bars_before"]
    basis = state.select(
        "Prices",
        list(Basis),
        name="basis",
        form=_BASES.__getitem__,
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
        help=f"z tells how many standard deviations a return lies from the mean of the {before} returns before "
        f"it (it isn't one of them, so it can't hide itself). From 4 on a {bar} is out of line with the weeks before: "
        "look for results, news, or a missing corporate action.",
    )
    return {"basis": basis, "scale": scale, "averages": averages, "threshold": float(threshold)}


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
        st.header("How returns are spread", anchor=False)
        if (bins := rows(queries.RETURNS, **shown)).is_empty():
            st.info(f"There is no {_bar(stock)}'s return in this range.", icon=":material/event_busy:")
        else:
            alt = f"How many {_bar(stock)}s of {stock['symbol']} had which return."
            show(charts.histogram(bins, bar=_bar(stock), colours=palette()), key="histogram", alt=alt)
            stock_parts.spread(stock["symbol"], _bar(stock), bins)
    with right:
        st.header("Falls and unusual returns", anchor=False)
        st.caption(_deepest(falls))
        stock_parts.falls(stock["symbol"], falls)
        stock_parts.unusual(stock["symbol"], _bar(stock), rows(queries.UNUSUAL, **shown, threshold=threshold))


def _deepest(falls: pl.DataFrame) -> str:
    if falls.is_empty():
        return "No fall has its trough in this range."
    fall = falls.row(0, named=True)
    end = f"recovered on {fall['recovery_date']}" if fall["recovery_date"] else "not recovered yet"
    return f"Deepest: {text('depth', fall['depth'])} from {fall['peak_date']} to {fall['trough_date']}, {end}."


PAGE = Page(title="Stock", icon=":material/candlestick_chart:", draw=page)
