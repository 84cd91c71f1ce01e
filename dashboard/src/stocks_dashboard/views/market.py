"""Market: sectors, volumes, and what moves together."""

from __future__ import annotations

import polars as pl
import streamlit as st

from stocks_dashboard import catalogue, charts, heatmaps, queries, state
from stocks_dashboard.literals import Symbol
from stocks_dashboard.page import Page, part
from stocks_dashboard.page_parts import choose_range, choose_sector, head, show
from stocks_dashboard.palette import palette
from stocks_dashboard.symbols import choose_symbols, symbols
from stocks_dashboard.tables import folded, table
from stocks_dashboard.warehouse import rows

_MEASURES = (
    "median_weekly_return",
    "median_day_return",
    "median_volatility",
    "median_drawdown",
    "volume",
    "symbols",
)
_VOLUMES = ("volume_from", "volume_to", "symbols")


def page() -> None:
    """Draws the page."""
    head("Market", "How sectors did, how much was traded, and which symbols move together.")
    _by_sector()
    _by_horizon()
    _correlation()


@part
def _by_sector() -> None:
    colours = palette()
    by_sector = rows(queries.BY_SECTOR)
    if by_sector.is_empty():
        st.info("There is no symbol with bars yet.", icon=":material/database_off:")
        return
    place, controls = st.columns([9, 2], gap="medium")
    with controls:
        measure = state.select("Measure", _MEASURES, name="measure", form=catalogue.label_with_unit)
    left, right = place.columns(2)
    with left:
        st.header("Sectors", anchor=False)
        title = catalogue.label_with_unit(measure)
        chart = charts.sectors(by_sector, column=measure, title=title, colours=colours)
        show(chart, key="sectors", alt=f"{title} of each sector.")
    with right:
        st.header("Volumes", anchor=False, help="How many symbols traded how many shares in their latest bar")
        alt = "How many symbols traded how many shares in their latest bar."
        volumes = rows(queries.VOLUMES)
        show(charts.volumes(volumes, colours=colours), key="volumes", alt=alt)
    folded("Sectors in numbers", lambda: _sectors(by_sector), key="numbers")
    folded("Volumes in numbers", lambda: table(volumes, _VOLUMES, export="volumes"), key="volumes_table")


def _sectors(by_sector: pl.DataFrame) -> None:
    table(
        by_sector,
        (
            "sector",
            "symbols",
            "median_day_return",
            "median_weekly_return",
            "weeks_not_over",
            "median_volatility",
            "median_drawdown",
            "volume",
        ),
        export="sectors",
    )


@part
def _by_horizon() -> None:
    st.header("Sectors by horizon", anchor=False)
    st.caption("Median total return of a sector's symbols up to their latest bars.")
    returns = rows(queries.SECTOR_RETURNS)
    alt = "Median total return of each sector over each horizon, a cell each."
    show(heatmaps.sector_returns(returns, colours=palette()), key="by_horizon", alt=alt)
    shown = ("sector", "horizon", "symbols", "total_return")
    folded(
        "Sectors by horizon in numbers",
        lambda: table(returns.select(shown), shown, export="sector_returns"),
        key="horizons",
    )


@part
def _correlation() -> None:
    st.header("What moves together", anchor=False)
    place, controls = st.columns([9, 2], gap="medium")
    with controls:
        first, last = choose_range(symbols())
        sector = choose_sector()
        chosen = choose_symbols(limit=queries.CORRELATED, placeholder=f"The {queries.CORRELATED} most traded")
    pairs = rows(queries.CORRELATION, sector=sector, symbols=[Symbol(each) for each in chosen], first=first, last=last)
    if pairs.is_empty():
        place.info(
            "No two of these symbols have twenty sessions in common there. Choose a longer range, or other symbols.",
            icon=":material/event_busy:",
        )
        return
    cells = _both_halves(pairs)
    order = cells.select("sector", "symbol").unique().sort("sector", "symbol")["symbol"].to_list()
    place.caption(
        "Correlation of daily returns over the sessions that both have: 1 moves in step, 0 on its own, -1 against. "
        "Neighbours are of one sector."
    )
    with place:
        alt = f"Correlation of daily returns of {', '.join(order)}, a cell a pair."
        show(charts.correlation(cells.drop("sector"), order, colours=palette()), key="correlation", alt=alt)
    table(
        pairs.sort("correlation", descending=True),
        ("symbol", "other", "correlation", "sessions", "sector", "other_sector"),
        export="correlation",
    )


def _both_halves(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs once each way, and every symbol with itself; each with the first symbol's sector."""
    there = pairs.select("symbol", "sector", "other", "correlation", "sessions")
    back = pairs.select(
        "correlation", "sessions", symbol=pl.col("other"), sector=pl.col("other_sector"), other=pl.col("symbol")
    )
    both = pl.concat([there, back.select(there.columns)])
    itself = (
        both.select("symbol", "sector")
        .unique()
        .with_columns(other=pl.col("symbol"), correlation=pl.lit(1.0), sessions=pl.lit(None, pl.Int64))
    )
    return pl.concat([both, itself])


PAGE = Page(title="Market", icon=":material/donut_small:", draw=page)
