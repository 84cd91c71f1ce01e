"""Compare: what 100 in each symbol became."""

from __future__ import annotations

import polars as pl
import streamlit as st

from stocks_dashboard import charts, queries
from stocks_dashboard.literals import Symbol, Value
from stocks_dashboard.page import Page, part
from stocks_dashboard.page_parts import choose_range, head, show, table, tile
from stocks_dashboard.palette import palette
from stocks_dashboard.symbols import choose_benchmark, choose_symbols, symbols
from stocks_dashboard.warehouse import prefetch, rows

_FIRST_CHOICE = 4


def page() -> None:
    """Draws the page."""
    head(
        "Compare",
        "Total return (adjusted closes) of up to seven symbols and a benchmark, from the first day that all have.",
    )
    _compared()


@part
def _compared() -> None:
    spans = symbols()
    chosen = choose_symbols(
        default=spans["symbol"].head(_FIRST_CHOICE).to_list(),
        limit=queries.COMPARED - 1,  # and the benchmark
        placeholder="Type a symbol or a company",
    )
    if not chosen:
        st.info("Choose at least one symbol.", icon=":material/playlist_add:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first, last = choose_range(spans.filter(pl.col("symbol").is_in(chosen)))
        benchmark = choose_benchmark()
    everyone = [Symbol(each) for each in dict.fromkeys([*chosen, *([benchmark] if benchmark else [])])]
    choice: dict[str, Value] = {"symbols": everyone, "first": first, "last": last}
    against = {**choice, "benchmark": Symbol(benchmark)} if benchmark else None
    prefetch(
        (queries.INDEXED, choice),
        (queries.COMPARISON, choice),
        *([(queries.AGAINST_BENCHMARK, against)] if against else []),
    )
    points = rows(queries.INDEXED, **choice)
    if points.is_empty():
        st.info(
            "These symbols have no day in common there. Choose a longer range, or leave one of them out.",
            icon=":material/event_busy:",
        )
        return
    _show(points, everyone, benchmark, choice)


def _show(points: pl.DataFrame, everyone: list[Symbol], benchmark: str, choice: dict[str, Value]) -> None:
    comparison = rows(queries.COMPARISON, **choice)
    _tiles(comparison)
    st.subheader(f"100 on {points['price_date'].min()!s}", anchor=False)
    show(charts.lines(points, everyone, title="Index (start = 100)", level=100, colours=palette()), key="indexed")
    others = [each for each in everyone if each != benchmark]
    if benchmark and others:
        against = rows(queries.AGAINST_BENCHMARK, **choice, benchmark=Symbol(benchmark)).with_columns(
            pl.col("series").str.split_exact(" ", 1).struct.rename_fields(["measure", "series"]).struct.unnest()
        )
        _against(against, everyone, others, benchmark)
    st.subheader("In numbers", anchor=False)
    percent = "%+.2f %%"
    table(
        comparison,
        {
            "symbol": st.column_config.TextColumn("Symbol", pinned=True),
            "total_return": st.column_config.NumberColumn("Total return", format=percent),
            "yearly_return": st.column_config.NumberColumn("A year", format=percent, help="Of a year or more"),
            "volatility": st.column_config.NumberColumn("Volatility", format="%.1f %%", help="A year"),
            "max_drawdown": st.column_config.NumberColumn("Deepest fall", format="%.1f %%"),
            "trough_date": st.column_config.DateColumn("Its trough"),
            "first_date": st.column_config.DateColumn("From"),
            "last_date": st.column_config.DateColumn("To"),
        },
        export="comparison",
    )


def _against(against: pl.DataFrame, everyone: list[Symbol], others: list[Symbol], benchmark: str) -> None:
    """Beside each other: the index over the benchmark's, and what it is ahead by."""
    about = (
        ("ratio", f"Relative to {benchmark}", f"Above 100 means ahead of {benchmark} since the start."),
        ("lead", f"Lead over {benchmark}", "Difference of the two indexes, in points of the start's 100."),
    )
    for place, (measure, title, caption) in zip(st.columns(2), about, strict=True):
        is_lead = measure == "lead"
        with place:
            st.subheader(title, anchor=False)
            st.caption(caption)
            chart = charts.lines(
                against.filter(pl.col("measure") == measure),
                everyone,
                title="Lead (points)" if is_lead else f"Index ({benchmark} = 100)",
                level=0 if is_lead else 100,
                colours=palette(),
                named=others,
                filled=is_lead,
                height=280,
            )
            show(chart, key=measure)


def _tiles(comparison: pl.DataFrame) -> None:
    best, worst = comparison.row(0, named=True), comparison.row(-1, named=True)
    with st.container(horizontal=True):
        for title, one in (("Best", best), ("Worst", worst)):
            tile(title, one["symbol"], f"{one['total_return']:+.1f} %", change=one["total_return"])
        calm = comparison.drop_nulls("volatility").sort("volatility")
        if not calm.is_empty():
            one = calm.row(0, named=True)
            tile("Calmest", one["symbol"], f"{one['volatility']:.1f} % a year")
        deep = comparison.sort("max_drawdown").row(0, named=True)
        tile("Deepest fall", deep["symbol"], f"{deep['max_drawdown']:.1f} %", change=-1)


PAGE = Page(title="Compare", icon=":material/ssid_chart:", draw=page)
