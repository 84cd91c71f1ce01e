"""What pages share: their head, tiles, and choices that are kept in the address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from stocks_dashboard import queries, state
from stocks_dashboard.charts import Spec
from stocks_dashboard.errors import DashboardError, GoldMissing
from stocks_dashboard.findings import broken_rules, held_series, shown_findings
from stocks_dashboard.horizon import Horizon, first_day
from stocks_dashboard.page import part
from stocks_dashboard.symbols import symbols
from stocks_dashboard.time_chart import Scale
from stocks_dashboard.warehouse import MAKE_GOLD, PULSE_SECONDS, Pulse, log_rows, pulse

T = TypeVar("T")

_SCALES = {Scale.LINEAR: "Linear", Scale.LOG: "Log", Scale.PERCENT: "%"}
_STRIP = 58  # pixels: label and number of a tile


def strip() -> DeltaGenerator:
    """Where tiles stand side by side, in one row however narrow the screen is: a finger moves it.

    Its height is fixed, so that what stands beneath doesn't move when the numbers come. One of its tiles at least tells
    what it is about: by that, a keyboard reaches the strip and moves it.
    """
    return st.container(horizontal=True, wrap=False, gap="medium", height=_STRIP, border=False)


def tile(title: str, value: str, *, about: str = "") -> None:
    """A number within a strip.

    Args:
        title: What it is.
        value: The number, with its unit and whose it is.
        about: Shown to who asks for it.
    """
    st.metric(title, value, help=about or None, width="content")


def head(title: str, about: str, *, needs_bars: bool = True, beside: Callable[[], T] | None = None) -> T | None:
    """One row: the page's title, what it is about, and how fresh and how sound the data are.

    Args:
        title: Of the page.
        about: One sentence on what it shows, for who asks.
        needs_bars: Whether there is nothing to see without bars.
        beside: Draws the choice of what the page is about; what it gives is given back.

    Raises:
        GoldMissing: The page needs bars, and gold has none.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(title, anchor=False, help=about, width="content")
        # Not by the build of gold: an answer is held without one, and the next server would tell it otherwise.
        now = log_rows(queries.HEADLINE).row(0, named=True)
        if not now["symbols"] and needs_bars:
            raise GoldMissing(MAKE_GOLD)
        chosen = beside() if beside else None
        if now["symbols"]:
            _badges(now)
    return chosen


@part
def _badges(now: dict[str, Any]) -> None:
    """How fresh and how sound the data are; what is wrong opens to its rows."""
    rules = shown_findings()
    found = rules.filter(pl.col("failures") > 0)["severity"].to_list()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        if now["stale"]:
            st.badge(f"{now['stale']} of {now['symbols']} symbols late", icon=":material/schedule:", color="orange")
        else:
            st.badge(f"Latest session: {now['last_date']}", icon=":material/check_circle:", color="blue")
        if now["held"]:
            _opening(f"{now['held']} series held", ":material/front_hand:", "orange", held_series)
        if broken := found.count("error"):
            _opening(f"{broken} of {rules.height} rules broken", ":material/error:", "red", broken_rules)
        elif found:
            _opening(f"{len(found)} of {rules.height} rules warn", ":material/warning:", "orange", broken_rules)
        else:
            st.badge(f"{rules.height} rules hold", icon=":material/verified:", color="blue")
        st.badge(f"Source: {now['sources']}", icon=":material/database:", color="gray")


def _opening(label: str, icon: str, color: str, draw: Callable[[], None]) -> None:
    """A badge that opens to what it tells of, which is read then."""
    badge = f":{color}-badge[{icon} {label}]"
    opened = st.popover(badge, type="tertiary", key=f"badge_{draw.__name__}", on_change="rerun")
    if opened.open:
        with opened:
            draw()


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


def choose_range(spans: pl.DataFrame) -> tuple[date, date]:
    """Pills for the horizon and, for a custom one, two days.

    Days stay chosen as they are asked for; what is given is the part of them that has bars, where there is one.

    Args:
        spans: first_date and last_date of the symbols: horizons count back from their last bar, not from today.
    """
    first, last = spans.select(pl.min("first_date"), pl.max("last_date")).row(0)
    horizon = state.select(
        "Horizon",
        list(Horizon),
        name="horizon",
        default=Horizon.YEAR,
        widget=st.pills,
        required=True,
        label_visibility="collapsed",
        wrap=True,
    )
    if horizon is Horizon.CUSTOM:
        return _choose_days(first, last)
    return first_day(horizon, first, last), last


def _choose_days(first: date, last: date) -> tuple[date, date]:
    asked = [each for each in (_day(state.asked("from")), _day(state.asked("to"))) if each]
    if len(asked) == 2:
        begin, end = sorted(asked)
    else:
        begin, end = first_day(Horizon.YEAR, first, last), last
    if not isinstance(st.session_state.get("days"), tuple) or len(st.session_state["days"]) == 2:
        state.seed("days", (begin, end))  # not while the visitor has chosen the first of two
    st.date_input(
        "From and to",
        (begin, end),
        min_value=min(begin, first),
        max_value=max(end, last),
        key="days",
        format="YYYY-MM-DD",
        on_change=_took_days,
    )
    if begin >= first and end <= last:
        return begin, end
    st.caption(f"There are bars from {first} to {last}.")
    return (max(begin, first), min(end, last)) if begin <= last and end >= first else (begin, end)


def _took_days() -> None:
    days = st.session_state["days"]
    if len(days) == 2:
        state.choose(**{name: [day.isoformat()] for name, day in zip(("from", "to"), days, strict=True)})


def _day(texts: list[str] | None) -> date | None:
    try:
        return date.fromisoformat(texts[0]) if texts else None
    except ValueError:
        return None


def choose_scale() -> Scale:
    """How values are placed on their axis."""
    return state.select(
        "Scale",
        list(Scale),
        name="scale",
        form=_SCALES.__getitem__,
        widget=st.segmented_control,
        required=True,
        help="On a log scale equal distances are equal percentages; % counts from the first day in view",
    )


def choose_sector(**more: Any) -> str:
    """One of the sectors; empty for all of them. `more` goes to the widget."""
    sectors: list[str] = sorted(set(symbols()["sector"]))
    sector: str = state.select("Sector", ["", *sectors], name="sector", form=lambda each: each or "All sectors", **more)
    return sector


def show(chart: Spec, *, key: str, alt: str) -> None:
    """A chart as wide as its place, which is there before it: nothing moves when it comes.

    Args:
        chart: What to draw.
        key: Of the element.
        alt: A sentence on what the chart shows, for who can't see it.
    """
    with st.container(height=chart["height"], border=False):
        st.vega_lite_chart(chart, width="stretch", key=key, alt=alt)
