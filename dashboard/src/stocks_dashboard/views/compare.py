"""Compare: what 100 in each symbol became."""

from __future__ import annotations

from datetime import date

import polars as pl
import streamlit as st

from stocks_dashboard import charts, queries
from stocks_dashboard.horizon import Horizon
from stocks_dashboard.literals import Symbol, Value
from stocks_dashboard.page_parts import choose_range, head, named, show, symbols, table, tile
from stocks_dashboard.palette import palette
from stocks_dashboard.url_state import select, select_many
from stocks_dashboard.warehouse import prefetch, rows

_FIRST_CHOICE = 4


def page() -> None:
    """Draws the page."""
    head(
        "Compare",
        "Total return (adjusted closes) of up to seven symbols and a benchmark, from the first day that all have.",
    )
    known = symbols()
    names = dict(known.select("symbol", "company_name").iter_rows())
    chosen = select_many(
        "Symbols",
        list(names),
        default=list(names)[:_FIRST_CHOICE],
        limit=queries.COMPARED - 1,  # and the benchmark
        key="symbols",
        form=named(names),
        placeholder="Type a symbol or a company",
    )
    if not chosen:
        st.info("Choose at least one symbol.", icon=":material/playlist_add:")
        return
    spans = known.filter(pl.col("symbol").is_in(chosen))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first, last = choose_range(_day(spans["first_date"].min()), _day(spans["last_date"].max()), default=Horizon.MAX)
        benchmark = select(
            "Benchmark", ["", *names], key="benchmark", form=lambda each: named(names)(each) if each else "None"
        )
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
    colours = palette()
    base = _day(points["price_date"].min())
    comparison = rows(queries.COMPARISON, **choice)
    _tiles(comparison)
    st.subheader(f"100 on {base}", anchor=False)
    show(charts.lines(points, everyone, title="Index (start = 100)", level=100, colours=colours), key="indexed")
    others = [each for each in everyone if each != benchmark]
    if benchmark and others:
        against = rows(queries.AGAINST_BENCHMARK, **choice, benchmark=Symbol(benchmark)).with_columns(
            pl.col("series").str.split_exact(" ", 1).struct.rename_fields(["measure", "series"]).struct.unnest()
        )
        by_measure = {measure: points for (measure,), points in against.partition_by("measure", as_dict=True).items()}
        left, right = st.columns(2)
        with left:
            st.subheader(f"Relative to {benchmark}", anchor=False)
            st.caption(f"Above 100 means ahead of {benchmark} since the start.")
            chart = charts.lines(
                by_measure["ratio"],
                everyone,
                title=f"Index ({benchmark} = 100)",
                level=100,
                colours=colours,
                named=others,
                height=280,
            )
            show(chart, key="relative")
        with right:
            st.subheader(f"Lead over {benchmark}", anchor=False)
            st.caption("Difference of the two indexes, in points of the start's 100.")
            chart = charts.lines(
                by_measure["lead"],
                everyone,
                title="Lead (points)",
                level=0,
                colours=colours,
                named=others,
                filled=True,
                height=280,
            )
            show(chart, key="lead")
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


def _tiles(comparison: pl.DataFrame) -> None:
    best, worst = comparison.row(0, named=True), comparison.row(-1, named=True)
    with st.container(horizontal=True):
        for title, one in (("Best", best), ("Worst", worst)):
            change = one["total_return"]
            tile(
                title,
                one["symbol"],
                f"{change:+.1f} %",
                delta_color="blue" if change >= 0 else "orange",
            )
        calm = comparison.drop_nulls("volatility").sort("volatility")
        if not calm.is_empty():
            one = calm.row(0, named=True)
            tile(
                "Calmest",
                one["symbol"],
                f"{one['volatility']:.1f} % a year",
                delta_color="off",
                delta_arrow="off",
            )
        deep = comparison.sort("max_drawdown").row(0, named=True)
        tile("Deepest fall", deep["symbol"], f"{deep['max_drawdown']:.1f} %", delta_color="orange")


def _day(value: object) -> date:
    assert isinstance(value, date)
    return value
