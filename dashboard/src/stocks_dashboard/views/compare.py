"""Compare: what 100 in each symbol became."""

from __future__ import annotations

import polars as pl
import streamlit as st

from stocks_dashboard import queries, time_chart, timelines
from stocks_dashboard.catalogue import text
from stocks_dashboard.horizon import POINTS, candle
from stocks_dashboard.literals import Symbol, Value
from stocks_dashboard.page import Page, part
from stocks_dashboard.page_parts import choose_range, choose_scale, head, strip, tile
from stocks_dashboard.palette import palette
from stocks_dashboard.symbols import choose_benchmark, choose_symbols, symbols
from stocks_dashboard.tables import table
from stocks_dashboard.warehouse import prefetch, rows

_FIRST_CHOICE = 4
_HEIGHT = 600  # pixels


def page() -> None:
    """Draws the page."""
    chosen = head(
        "Compare",
        "Total return (adjusted closes) of up to seven symbols and a benchmark, from the first day that all have.",
        beside=lambda: choose_symbols(
            default=symbols()["symbol"].head(_FIRST_CHOICE).to_list(),
            limit=queries.COMPARED - 1,  # and the benchmark
            placeholder="Type a symbol or a company",
            label_visibility="collapsed",
            width=480,
        ),
    )
    if chosen:
        _compared(chosen)
    else:
        st.info("Choose at least one symbol.", icon=":material/playlist_add:")


@part
def _compared(chosen: list[str]) -> None:
    tiles = strip()
    place, controls = st.columns([9, 2], gap="medium")
    spot = place.container(height=_HEIGHT, border=False)  # there before what it holds: nothing moves
    with controls:
        first, last = choose_range(symbols().filter(pl.col("symbol").is_in(chosen)))
        scale = choose_scale()
        benchmark = choose_benchmark()
    everyone = [Symbol(each) for each in dict.fromkeys([*chosen, *([benchmark] if benchmark else [])])]
    choice: dict[str, Value] = {"symbols": everyone, "first": first, "last": last}
    lines = {**choice, "candle": str(candle(first, last, POINTS))}
    prefetch((queries.INDEXED, lines), (queries.COMPARISON, choice))
    points = rows(queries.INDEXED, **lines)
    if points.is_empty():
        spot.info(
            "These symbols have no day in common there. Choose a longer range, or leave one of them out.",
            icon=":material/event_busy:",
        )
        return
    comparison = rows(queries.COMPARISON, **choice)
    with tiles:
        _tiles(comparison)
    index = beside_benchmark(points.pivot("series", index="price_date", values="value").sort("price_date"), benchmark)
    start, end = index["price_date"][0], index["price_date"][-1]
    with spot:
        time_chart.show(
            index,
            timelines.compared(index, everyone, benchmark=benchmark, scale=scale, colours=palette()),
            key="compared",
            label=f"What 100 in each of {', '.join(everyone)} became since {start}.",
            height=_HEIGHT,
            view=(start, end),
            colours=palette(),
        )
    place.caption(
        f"100 on {start}; in %, what has changed since the first day in view. Point at a line to bring it forward; "
        "drag to move, Shift and drag to choose days, Shift and wheel to zoom, double-click for all."
    )
    _numbers(comparison, choice, everyone, benchmark)


def beside_benchmark(index: pl.DataFrame, benchmark: str) -> pl.DataFrame:
    """Indexes and, of each symbol but the benchmark, `ratio` and `lead`.

    Args:
        index: price_date, and a column a symbol that is 100 at its start.
        benchmark: One of the symbols; none where empty.
    """
    others = [pl.col(each) for each in index.columns[1:] if each != benchmark]
    if not benchmark:
        return index
    own = pl.col(benchmark)
    return index.with_columns(
        *((each / own * 100).name.prefix("ratio ") for each in others),
        *((each - own).name.prefix("lead ") for each in others),
    )


def _numbers(comparison: pl.DataFrame, choice: dict[str, Value], everyone: list[Symbol], benchmark: str) -> None:
    st.header("In numbers", anchor=False)
    st.caption(
        f"Beta, correlation, tracking error and the lead's Sharpe are against {benchmark or 'the mean of the others'}; "
        "Sharpe ratios are over cash at 0 %."
    )
    peers = [Symbol(benchmark)] if benchmark else everyone
    table(
        comparison.join(
            rows(queries.AGAINST_PEERS, **choice, peers=peers), on="symbol", how="left", maintain_order="left"
        ),
        (
            "symbol",
            "total_return",
            "yearly_return",
            "volatility",
            "sharpe_ratio",
            "max_drawdown",
            "trough_date",
            "beta",
            "correlation",
            "tracking_error",
            "information_ratio",
            "first_date",
            "last_date",
        ),
        export="comparison",
    )


def _tiles(comparison: pl.DataFrame) -> None:
    best, worst = comparison.row(0, named=True), comparison.row(-1, named=True)
    about = "Total return since the first day that all have"
    for title, one in (("Best", best), ("Worst", worst)):
        tile(title, f"{one['symbol']} {text('total_return', one['total_return'])}", about=about)
    calm = comparison.drop_nulls("volatility").sort("volatility")
    if not calm.is_empty():
        one = calm.row(0, named=True)
        tile("Calmest", f"{one['symbol']} {text('volatility', one['volatility'])} a year")
    deep = comparison.sort("max_drawdown").row(0, named=True)
    tile("Deepest fall", f"{deep['symbol']} {text('max_drawdown', deep['max_drawdown'])}")


PAGE = Page(title="Compare", icon=":material/ssid_chart:", draw=page)
