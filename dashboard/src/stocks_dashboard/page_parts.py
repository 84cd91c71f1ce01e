"""What pages share: their head, choices that are kept in the URL, tables with their export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from stocks_dashboard import queries
from stocks_dashboard.charts import Spec
from stocks_dashboard.errors import DashboardError, GoldMissing
from stocks_dashboard.horizon import Horizon, first_day
from stocks_dashboard.url_state import select, select_days
from stocks_dashboard.warehouse import MAKE_GOLD, PULSE_SECONDS, Pulse, pulse, rows

_DASH = "—"

tile = partial(st.metric, border=True, height="stretch")
"""A number in a box; the boxes of a row are equally high."""


def head(title: str, about: str, *, needs_bars: bool = True) -> None:
    """The page's title, one sentence on what it shows, and how fresh and how sound the data are.

    Raises:
        GoldMissing: The page needs bars, and gold has none.
    """
    st.title(title, anchor=False)
    st.caption(about)
    now = rows(queries.HEADLINE).row(0, named=True)
    if now["symbols"]:
        _badges(now)
    elif needs_bars:
        raise GoldMissing(MAKE_GOLD)


def _badges(now: dict[str, Any]) -> None:
    quality = rows(queries.QUALITY).row(0, named=True)
    with st.container(horizontal=True, gap="small"):
        if now["stale"]:
            st.badge(f"{now['stale']} of {now['symbols']} symbols late", icon=":material/schedule:", color="orange")
        else:
            st.badge(f"Latest session: {now['last_date']}", icon=":material/check_circle:", color="blue")
        if quality["broken"]:
            st.badge(f"{quality['broken']} of {quality['rules']} rules broken", icon=":material/error:", color="red")
        elif quality["warnings"]:
            st.badge(
                f"{quality['warnings']} of {quality['rules']} rules warn", icon=":material/warning:", color="orange"
            )
        else:
            st.badge(f"{quality['rules']} rules hold", icon=":material/verified:", color="blue")
        st.badge(f"Source: {now['sources']}", icon=":material/database:", color="gray")


def note_shown(state: Pulse | DashboardError) -> None:
    """Notes what the page shows: the warehouse as it was then, or an error in place of it."""
    st.session_state["_shown"] = _comparable(state)
    st.session_state["_is_new"] = True


@st.fragment(run_every=PULSE_SECONDS + 2)
def refresh_on_change() -> None:
    """Shows the page again when the warehouse has something new, has gone away, or is back."""
    if st.session_state.pop("_is_new", False):
        return  # drawn with the page, which has just asked
    try:
        state = _comparable(pulse())
    except DashboardError as error:
        state = _comparable(error)
    if state != st.session_state["_shown"]:
        st.rerun(scope="app")


def _comparable(state: Pulse | DashboardError) -> object:
    return state if isinstance(state, Pulse) else type(state)


def choose_range(first: date, last: date, *, default: Horizon = Horizon.YEAR) -> tuple[date, date]:
    """Pills for the horizon and, for a custom one, two days; both in the address.

    Args:
        first: Day of the first bar there is.
        last: Day of the last one: horizons count back from it, not from today.
        default: The horizon of an address that names none.
    """
    horizon = Horizon(
        select(
            "Horizon",
            [str(each) for each in Horizon],
            key="horizon",
            default=str(default),
            widget=st.pills,
            required=True,
            label_visibility="collapsed",
        )
    )
    if horizon is Horizon.CUSTOM:
        return select_days("From and to", first, last, default=(first_day(Horizon.YEAR, first, last), last))
    return first_day(horizon, first, last), last


def symbols() -> pl.DataFrame:
    """Every symbol that has bars: symbol, company_name, first_date, last_date."""
    return rows(queries.SYMBOLS)


def named(names: Mapping[str, str]) -> Callable[[str], str]:
    """How a list of symbols shows them; what is written here is what its search finds."""
    return lambda symbol: symbol if names.get(symbol, symbol) == symbol else f"{symbol} · {names[symbol]}"


def table(
    frame: pl.DataFrame,
    columns: Mapping[str, Any],
    *,
    export: str | None = None,
    more: Callable[[], pl.DataFrame] | None = None,
    key: str | None = None,
) -> None:
    """A table whose columns sort, with its rows as CSV beneath.

    Args:
        frame: The rows.
        columns: Streamlit's configuration of the columns to show, in their order.
        export: Name of the file, without its ending; none without it.
        more: Reads the rows to export, where they are more than those shown; called when somebody does export.
        key: Of the download button, where a page has many.
    """
    st.dataframe(frame.select(*columns), hide_index=True, column_config=dict(columns), placeholder=_DASH)
    if export is not None:
        st.download_button(
            "CSV",
            (lambda: more().write_csv())
            if more is not None
            else frame.select([name for name, kind in frame.schema.items() if not kind.is_nested()]).write_csv,
            file_name=f"{export}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=key or f"export_{export}",
        )


def details(label: str, *, key: str, icon: str) -> AbstractContextManager[Any] | None:
    """A part that is drawn only while it is open; None while it is shut."""
    part = st.expander(label, key=key, icon=icon, on_change="rerun")
    return part if part.open else None


def number(value: float | None, form: str = ",.2f", unit: str = "") -> str:
    """A number with its unit, a dash for none."""
    return _DASH if value is None else f"{value:{form}}{unit}"


def show(chart: Spec, *, key: str) -> None:
    """A chart as wide as its place."""
    st.vega_lite_chart(chart, width="stretch", key=key)
