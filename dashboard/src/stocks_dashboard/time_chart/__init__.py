"""Charts over sessions: panes that share one axis and one crosshair, drawn by TradingView's Lightweight Charts.

A component of Streamlit (v2): `time_chart.js` draws what `show` gives it, and tells the days that the visitor moved to.
Library, script and style are files of this package; nothing is loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal

import polars as pl
import streamlit as st

from stocks_dashboard.palette import Palette

DAY = "price_date"
"""The column of a frame that holds its sessions: ascending, none twice."""
COMPONENT = "stocks-dashboard.time_chart"
"""Its name, beneath which Streamlit serves its files."""
_CREDIT = 18  # pixels: a line with the link that the library's licence asks for


class Scale(StrEnum):
    """How values are placed on their axis."""

    LINEAR = "linear"
    LOG = "log"
    PERCENT = "percent"
    """What has changed since the first session in view."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A sign at a session of a series.

    Attributes:
        day: The session; the next one where there is none of that day.
        about: What is told of it while the crosshair is there.
        text: What stands beside the sign.
    """

    day: date
    about: str
    colour: str
    shape: Literal["circle", "square", "arrowUp", "arrowDown"] = "circle"
    position: Literal["aboveBar", "belowBar", "inBar"] = "inBar"
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One thing that is drawn in a pane.

    Attributes:
        kind: candles, line, area (hangs from the top) or bars (stand on zero).
        columns: Of the frame, NaN where nothing is known: open, high, low and close of candles; else the value and,
            optionally, a number whose sign chooses the colour.
        colours: One, or that of a rise and that of a fall.
        title: What it is called, where the pane holds more than one.
        at_end: Whether title and last value stand at its end, and pointing at it brings it forward.
    """

    kind: Literal["candles", "line", "area", "bars"]
    columns: tuple[str, ...]
    colours: tuple[str, ...]
    title: str = ""
    dash: Literal["solid", "dashed", "dotted"] = "solid"
    at_end: bool = False
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pane:
    """One of the charts above each other.

    Attributes:
        title: What it shows, with the unit.
        share: Of the height, relative to the others'.
        format: How its values are written.
        scale: Of its values.
        level: Where "nothing happened" lies; a dashed line marks it.
        from_zero: Whether zero is the lowest value.
    """

    title: str
    share: float
    format: Literal["price", "percent", "shares"]
    series: tuple[Series, ...]
    scale: Scale = Scale.LINEAR
    level: float | None = None
    from_zero: bool = False


@cache
def _component() -> Callable[..., Any]:
    # The style itself, not its file: a chart that is there before its style would move when it comes.
    style = Path(__file__).with_name("time_chart.css").read_text()
    return st.components.v2.component(COMPONENT, js="time_chart.js", css=style)


def show(
    frame: pl.DataFrame,
    panes: Sequence[Pane],
    *,
    key: str,
    label: str,
    height: int,
    view: tuple[date, date],
    colours: Palette,
    on_view: Callable[[date, date], None] | None = None,
) -> None:
    """Draws a chart as wide as its place.

    Args:
        frame: The sessions (DAY), and the columns that the series name; at least one row.
        panes: From top to bottom.
        key: Of the component.
        label: A sentence on what the chart shows, for who can't see it.
        height: Pixels.
        view: The first and the last day to look at; one can move to all others.
        colours: Of the theme.
        on_view: Called with the days that the visitor moved to, before the page is drawn again.
    """
    days = frame[DAY]
    drawn = dict.fromkeys(column for pane in panes for series in pane.series for column in series.columns)
    data = {
        # Seven digits of a price are more than a screen shows, and half as much to send; days count from 1970.
        "frame": frame.select(
            pl.col(DAY).cast(pl.Int32), *(pl.col(each).cast(pl.Float32).fill_null(float("nan")) for each in drawn)
        ),
        "panes": [_plain(asdict(each)) for each in panes],
        "view": [each.isoformat() for each in view],
        "span": f"{frame.height} {days[0]} {days[-1]}",
        "label": label,
        "height": height - _CREDIT,
        "tells": on_view is not None,
        "colours": {
            "ink": colours.ink,
            "muted": colours.muted,
            "grid": colours.grid,
            "label": colours.label,
        },
    }

    def tell() -> None:
        if on_view is not None:
            on_view(*(date.fromisoformat(each) for each in st.session_state[key]["view"]))

    _component()(key=key, data=data, height=height, on_view_change=tell)


def _plain(value: Any) -> Any:
    """Dates of marks as JSON holds them."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value
