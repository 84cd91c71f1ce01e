"""Overview: the latest values of the symbols that are looked for."""

from __future__ import annotations

import polars as pl
import streamlit as st

from stocks_dashboard import queries, state
from stocks_dashboard.page import Page, go_to, part
from stocks_dashboard.page_parts import choose_sector, download, head, strip, tile
from stocks_dashboard.warehouse import rows

_ORDERS = {
    "symbol": "Symbol",
    "day": "Best day",
    "week": "Best week",
    "range": "Highest in 52-week range",
    "volatility": "Most volatile",
    "drawdown": "Furthest below peak",
    "value": "Most traded value, by currency",
}


def page() -> None:
    """Draws the page."""
    head("Overview", "The latest bar of each symbol, measured on adjusted closes. Choose rows to open or compare them.")
    _screen()


@part
def _screen() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = state.search(
            "Search",
            name="search",
            placeholder="Symbol or company",
            icon=":material/search:",
            max_chars=60,
        )
        sector = choose_sector()
        order = state.select("Order", list(_ORDERS), name="order", form=_ORDERS.__getitem__)
    choice = {"search": search.replace("\0", "").strip(), "sector": sector}
    found = rows(queries.SUMMARY, **choice, order=order)
    if found.is_empty():
        st.info("No symbol matches. Clear the search, or choose another sector.", icon=":material/search_off:")
        return
    _tiles(found, rows(queries.EXTREMES, **choice))
    _table(found)


def _tiles(found: pl.DataFrame, extremes: pl.DataFrame) -> None:
    matches = found["matches"][0]
    with strip():
        tile("Symbols", f"{matches:,}")
        for period in ("day", "week"):
            changes = extremes.filter(pl.col("period") == period).sort("change", descending=True)
            if changes.is_empty():
                continue
            # The column holds the best first, and the worst last; of one symbol they are the same.
            ends = zip(("Best", "Worst"), (changes.row(0), changes.row(-1)), strict=True)
            for title, (_, symbol, change, is_over) in ends:
                so_far = "" if is_over else " so far"
                tile(f"{title} {period}{so_far}", f"{symbol} {change:+.2f} %")
    if matches > found.height:
        st.caption(f"The first {found.height:,} of {matches:,} in this order; search to find the others.")


def _table(found: pl.DataFrame) -> None:
    percent = "%+.2f %%"
    columns = {
        "symbol": st.column_config.TextColumn("Symbol", pinned=True),
        "recent_adjusted_closes": st.column_config.LineChartColumn("Last 30 bars", width=95, help="Adjusted closes"),
        "close": st.column_config.NumberColumn("Close", format="%.2f", help="As traded, in the listing's currency"),
        "currency": st.column_config.TextColumn("Currency"),
        "day_return": st.column_config.NumberColumn("Day", format=percent),
        "weekly_return": st.column_config.NumberColumn("Week", format=percent),
        "is_week_over": st.column_config.CheckboxColumn("Week over", help="Until then Week is of a part of it"),
        "position_in_52w_range": st.column_config.ProgressColumn(
            "52-week range",
            format="%.0f %%",
            min_value=0,
            max_value=100,
            width=105,
            help="0 % is the lowest low of 52 weeks, 100 % the highest high",
        ),
        "volatility_52w": st.column_config.NumberColumn("Volatility", format="%.1f %%", help="A year, of 52 weeks"),
        "drawdown": st.column_config.NumberColumn("Below peak", format="%.1f %%"),
        "volume": st.column_config.NumberColumn("Volume", format="compact", help="Shares of the latest bar"),
        "traded_value": st.column_config.NumberColumn(
            "Traded value",
            format="compact",
            help="Shares of the latest bar times its close, in the currency beside it; ranked within that currency",
        ),
        "traded_value_currency": st.column_config.TextColumn("in"),
        "last_date": st.column_config.DateColumn("Latest bar"),
        "company_name": st.column_config.TextColumn("Company"),
        "sector": st.column_config.TextColumn("Sector"),
    }
    picked = st.dataframe(
        found.select(*columns),
        hide_index=True,
        column_config=columns,
        placeholder="—",
        key="picked",
        on_select="rerun",
        selection_mode="multi-row",
        height=min(38 + 35 * found.height, 560),
    )
    chosen = [found["symbol"][place] for place in picked.selection.rows if place < found.height]
    with st.container(horizontal=True):
        if st.button("Open", icon=":material/candlestick_chart:", disabled=len(chosen) != 1, type="primary"):
            go_to("stock", symbol=chosen)
        if st.button("Compare", icon=":material/ssid_chart:", disabled=not 1 < len(chosen) <= queries.COMPARED):
            go_to("compare", symbols=chosen)
        download(lambda: found.drop("matches"), "overview")


PAGE = Page(title="Overview", icon=":material/table_chart:", draw=page)
