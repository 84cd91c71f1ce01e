"""Charts without an axis of sessions: frames in, a Vega-Lite specification out; `time_chart` draws the others.

Columns are those of `queries`; nothing is read or computed here.
The specifications are plain dictionaries: Altair, which writes the same, takes a third of a second of the one core
that all visitors share for a page of five charts, to check and copy what is constant. Frames go to the browser as
Arrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from stocks_dashboard.palette import Palette

Spec = dict[str, Any]
"""A Vega-Lite specification, its frames under `datasets`."""

_BILLIONS = "replace(datum.label, 'G', 'B')"
_LOW = 240  # pixels: of charts that stand beside each other


def histogram(bins: pl.DataFrame, *, bar: str, colours: Palette) -> Spec:
    """How many bars had which return.

    Args:
        bins: Rows of `queries.RETURNS`.
        bar: day or week.
        colours: Of the theme.
    """
    number = f"Number of {bar}s"
    return _chart(
        {"bins": bins},
        height=_LOW,
        mark={"type": "bar", "binSpacing": 1},
        encoding={
            "x": _quantity("return_from", f"Return of a {bar} (%)", bin="binned", axis={"tickCount": 9}),
            "x2": {"field": "return_to"},
            "y": _quantity("bars", number, axis={"tickCount": 5, "tickMinStep": 1}),
            # Half a bin is more than what a bound's rounding can take away from 0.
            "color": _by_sign("datum.return_from + datum.return_to > 0", colours),
            "tooltip": [
                _quantity("return_from", "From (%)", format=".1f"),
                _quantity("return_to", "To (%)", format=".1f"),
                _quantity("bars", number, format=","),
            ],
        },
    )


def sectors(rows: pl.DataFrame, *, column: str, title: str, colours: Palette) -> Spec:
    """A bar a sector.

    Args:
        rows: Rows of `queries.BY_SECTOR`.
        column: Which of its numbers to draw.
        title: Of that number, with the unit.
        colours: Of the theme.
    """
    order = {"field": column, "order": "descending"}
    return _chart(
        {"sectors": rows.select(*dict.fromkeys(["sector", "symbols", column]))},
        height=30 * rows.height + 60,
        mark="bar",
        encoding={
            "x": _quantity(column, title, axis={"tickCount": 5, "format": "~s", "labelExpr": _BILLIONS}),
            "y": _name("sector", None, sort=order, axis={"labelLimit": 170}),
            "color": _by_sign(f"datum.{column} >= 0", colours),
            "tooltip": [
                _name("sector", "Sector"),
                _quantity("symbols", "Symbols", format=","),
                _quantity(column, title, format=",.2~f"),
            ],
        },
    )


def volumes(bins: pl.DataFrame, *, colours: Palette) -> Spec:
    """How many symbols traded how many shares in their last session, on an axis of powers of ten.

    Args:
        bins: Rows of `queries.VOLUMES`.
        colours: Of the theme.
    """
    axis = {"format": "~s", "grid": False, "labelOverlap": True, "labelExpr": _BILLIONS}
    log = {"type": "log", "nice": False, "padding": 6}
    counted = _quantity("symbols", "Symbols")
    return _chart(
        {"bins": bins},
        height=300,
        mark={"type": "bar", "orient": "vertical", "color": colours.accent, "binSpacing": 1},
        encoding={
            "x": _quantity("volume_from", "Volume of the latest bar (shares, log scale)", scale=log, axis=axis),
            "x2": {"field": "volume_to"},
            "y": {**counted, "axis": {"tickMinStep": 1, "tickCount": 5}},
            "tooltip": [
                _quantity("volume_from", "From (shares)", format=",.0f"),
                _quantity("volume_to", "To (shares)", format=",.0f"),
                counted,
            ],
        },
    )


def correlation(cells: pl.DataFrame, order: Sequence[str], *, colours: Palette) -> Spec:
    """A cell a pair, blue where two move together, orange where they move apart.

    Args:
        cells: symbol, other, correlation, sessions; both halves and the diagonal.
        order: The symbols, neighbours of one sector.
        colours: Of the theme.
    """
    place = {
        "x": _name("symbol", None, sort=list(order), axis={"labelAngle": -45, "orient": "bottom"}),
        "y": _name("other", None, sort=list(order)),
    }
    heat = _quantity(
        "correlation",
        "Correlation",
        scale={"interpolate": "rgb", "domain": [-1, 0, 1], "range": [colours.fall, colours.neutral, colours.rise]},
        legend={"orient": "top", "gradientLength": 180, "values": [-1, 0, 1]},
    )
    tooltip = [
        _name("symbol", "Symbol"),
        _name("other", "With"),
        _quantity("correlation", "Correlation", format=".2f"),
        _quantity("sessions", "Common sessions", format=","),
    ]
    on_colour = {"test": "abs(datum.correlation) > 0.6", "value": colours.paper}
    written = {
        "text": {"field": "correlation", "type": "quantitative", "format": ".2f"},
        "color": {"condition": on_colour, "value": colours.ink},
    }
    return _chart(
        {"cells": cells},
        height=34 * len(order) + 150,
        layer=[
            {"mark": "rect", "encoding": {**place, "color": heat, "tooltip": tooltip}},
            {"mark": {"type": "text", "fontSize": 12}, "encoding": {**place, **written}},
        ],
    )


def _chart(frames: dict[str, pl.DataFrame], *, height: int, **parts: Any) -> Spec:
    """A specification whose marks are of the first frame, where they name no other."""
    return {"datasets": frames, "data": {"name": next(iter(frames))}, "height": height, **parts}


def _quantity(field: str, title: str, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, **more}


def _name(field: str, title: str | None, **more: Any) -> Spec:
    return {"field": field, "type": "nominal", "title": title, **more}


def _by_sign(test: str, colours: Palette) -> Spec:
    return {"condition": {"test": test, "value": colours.rise}, "value": colours.fall}
