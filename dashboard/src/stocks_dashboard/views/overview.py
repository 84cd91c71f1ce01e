"""Overview: the latest values of the symbols that are looked for, a screener over all of them."""

from __future__ import annotations

import polars as pl
import streamlit as st

from stocks_dashboard import catalogue, queries, screener, state
from stocks_dashboard.page import Page, go_to, part
from stocks_dashboard.page_parts import choose_sector, head, strip, tile
from stocks_dashboard.tables import arrow, download
from stocks_dashboard.warehouse import rows

_NUMBERS = (
    "day_return",
    "weekly_return",
    *queries.HORIZONS.values(),
    "position_in_52w_range",
    "volatility_52w",
    "drawdown",
    "close",
    "volume",
    "traded_value",
)
"""What can be bounded, and put in order by."""
_SHOWN = (
    "symbol",
    "recent_adjusted_closes",
    "close",
    "currency",
    "day_return",
    "weekly_return",
    "is_week_over",
    *queries.HORIZONS.values(),
    "position_in_52w_range",
    "volatility_52w",
    "drawdown",
    "volume",
    "traded_value",
    "traded_value_currency",
    "latest_date",
    "company_name",
    "sector",
)
_CONTROLS = 48  # pixels
_TABLE, _LISTED, _OPENED = "screen", "_listed", "opened"


def page() -> None:
    """Draws the page."""
    head(
        "Overview",
        "The latest bar of each symbol, measured on adjusted closes. A click on a symbol opens it; ticked rows are the "
        "watch list.",
    )
    _screen()


@part
def _screen() -> None:
    if opened := st.session_state.get(_OPENED):
        go_to("stock", symbol=[opened["label"]])
    # One row, which a finger moves on a narrow screen: what stands beneath it doesn't move.
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", height=_CONTROLS, border=False):
        search = state.search(
            "Search",
            name="search",
            placeholder="Symbol or company",
            icon=":material/search:",
            max_chars=60,
            label_visibility="collapsed",
            width=240,
        )
        sector = choose_sector(label_visibility="collapsed", width=220)
        order = state.select(
            "Order",
            ["symbol", *_NUMBERS],
            name="order",
            form=lambda each: f"By {catalogue.COLUMNS[each].label}",
            label_visibility="collapsed",
            width=220,
        )
        lowest_first = state.switch("Lowest first", name="ascending", disabled=order == "symbol")
        with st.popover("Filters", icon=":material/filter_alt:"):
            bounds = _bounds()
        watched = state.asked("watch") or []
        only_watched = state.switch(f"Watch list ({len(watched)})", name="watched")
    found = screener.matching(
        rows(queries.SCREEN),
        search=search,
        sector=sector,
        watched=watched if only_watched else None,
        bounds=bounds,
    )
    if found.is_empty():
        st.info(
            "No symbol matches. Clear the search and the filters, or choose another sector.",
            icon=":material/search_off:",
        )
        return
    _tiles(found)
    _table(screener.ordered(found, order, descending=order != "symbol" and not lowest_first), watched)


def _bounds() -> screener.Bounds:
    """The numbers that are bounded, each with the least and the most that are shown."""
    st.caption("Symbols of which a number isn't known are left out.")
    chosen = state.select_many(
        "Numbers",
        _NUMBERS,
        name="filter",
        form=lambda each: catalogue.COLUMNS[each].label,
        placeholder="Choose numbers",
    )
    bounds = {}
    for name in chosen:
        with st.container(horizontal=True):
            label = catalogue.label_with_unit(name)
            bounds[name] = (
                state.number(f"{label}, at least", name=f"min_{name}"),
                state.number("at most", name=f"max_{name}"),
            )
    return bounds


def _tiles(found: pl.DataFrame) -> None:
    with strip():
        tile("Symbols", f"{found.height:,}", about="How many match the search and the filters")
        for period, column in (("day", "day_return"), ("week", "weekly_return")):
            ends = screener.extremes(found, column)
            for title, one in zip(("Best", "Worst"), ends or (), strict=False):
                # A session's change is always of a whole one.
                so_far = "" if period == "day" or one["is_week_over"] else " so far"
                value = one[column]
                tile(f"{title} {period}{so_far}", f"{one['symbol']} {catalogue.text(column, value)}")
    if found.height > queries.SYMBOLS_SHOWN:
        st.caption(
            f"The first {queries.SYMBOLS_SHOWN:,} of {found.height:,} in this order; search to find the others. The "
            "CSV holds all."
        )


def _table(found: pl.DataFrame, watched: list[str]) -> None:
    listed = found.head(queries.SYMBOLS_SHOWN).rename({"last_date": "latest_date"}).select(*_SHOWN)
    # Ticks are of symbols: rows are where the order puts them.
    st.session_state[_LISTED] = listed["symbol"].to_list()
    ticked = [place for place, symbol in enumerate(st.session_state[_LISTED]) if symbol in watched]
    chosen = st.session_state.get(_TABLE)
    if chosen is None or sorted(chosen["selection"]["rows"]) != ticked:
        st.session_state[_TABLE] = {"selection": {"rows": ticked}}
    columns = catalogue.configs(listed)
    columns["symbol"] = st.column_config.ButtonColumn(
        columns["symbol"]["label"],
        help=columns["symbol"]["help"],
        pinned=True,
        alignment="left",
        type="tertiary",
        key=_OPENED,
    )
    st.dataframe(
        arrow(listed),
        hide_index=True,
        column_config=columns,
        placeholder=catalogue.DASH,
        key=_TABLE,
        on_select=_took_ticks,
        selection_mode="multi-row",
        height=min(38 + 35 * listed.height, 560),
    )
    with st.container(horizontal=True):
        if st.button("Compare the watch list", icon=":material/ssid_chart:", disabled=not watched):
            go_to("compare", symbols=watched)
        download(lambda: found, "overview")


def _took_ticks() -> None:
    """What is ticked is the watch list, and what of it isn't listed now."""
    listed = st.session_state[_LISTED]
    ticked = [listed[place] for place in st.session_state[_TABLE]["selection"]["rows"] if place < len(listed)]
    kept = [each for each in state.asked("watch") or () if each in ticked or each not in listed]
    state.choose(watch=list(dict.fromkeys([*kept, *ticked])) or None)


PAGE = Page(title="Overview", icon=":material/table_chart:", draw=page)
