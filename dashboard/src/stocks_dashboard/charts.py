"""Charts: frames in, a Vega-Lite specification out. Columns are those of `queries`; nothing is read or computed here.

The specifications are plain dictionaries: Altair, which writes the same, takes a third of a second of the one core
that all visitors share for a page of five charts, to check and copy what is constant. Frames go to the browser as
Arrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from stocks_dashboard.palette import Palette

Spec = dict[str, Any]
"""A Vega-Lite specification, its frames under `datasets`."""

AVERAGES = (20, 50, 200)
"""Moving averages, in bars of the series."""

# Thousands of nodes of SVG take a browser ten times as long to place.
_ON_CANVAS: Spec = {"embedOptions": {"renderer": "canvas"}}
# Labels name what changes from one tick to the next, also after a zoom: days of months, months of years, years.
_TICK = """timeFormat(datum.value, domain('x')[1] - domain('x')[0] > 3650 * 864e5 ? '%Y'
    : domain('x')[1] - domain('x')[0] > 120 * 864e5 ? '%b %Y' : datum.index ? '%-d %b' : '%-d %b %Y')"""
_DAY: Spec = {
    "field": "price_date",
    "type": "temporal",
    "title": None,
    "scale": {"padding": 6},  # for marks on the first and the last day
    "axis": {"labelExpr": _TICK, "labelOverlap": True, "tickCount": 6, "grid": False},
}
_DATE: Spec = {"field": "price_date", "type": "temporal", "title": "Date", "format": "%Y-%m-%d"}
# The plain wheel goes on scrolling the page.
_PAN_AND_ZOOM: list[Spec] = [
    {
        "name": "shown",
        "select": {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.shiftKey]"},
        "bind": "scales",
    }
]


def candles(
    bars: pl.DataFrame,
    actions: pl.DataFrame,
    averages: Sequence[int],
    *,
    unit: str,
    is_log: bool,
    colours: Palette,
    height: int = 420,
) -> Spec:
    """Candles above the volume of the same bars, on one axis of days, with averages and corporate actions.

    Args:
        bars: Rows of `queries.CANDLES`.
        actions: Rows of `queries.ACTIONS`.
        averages: Which of AVERAGES to draw.
        unit: The prices' currency.
        is_log: Whether equal distances are equal percentages.
        colours: Of the theme.
        height: Pixels.
    """
    lowest, highest, most = _extreme(bars["low"].min()), _extreme(bars["high"].max()), _extreme(bars["volume"].max())
    # The lowest quarter of the chart belongs to the volume, the highest tenth to corporate actions.
    room = (highest - lowest) or highest * 0.1
    bottom, top = max(lowest - room / 3, 0), highest + room / 10
    if is_log:
        ratio = 1 + room / lowest
        bottom, top = lowest * ratio ** -(1 / 3), highest * ratio ** (1 / 10)
    scale = {
        "type": "log" if is_log else "linear",
        "domain": [bottom, top],
        "nice": False,
        "zero": False,
    }
    axis = {"title": f"Price ({unit})", "orient": "left", "tickCount": 6, "format": _price_format(highest)}
    price = {"type": "quantitative", "scale": scale, "axis": axis}
    colour = _by_sign("datum.close >= datum.open", colours)
    # As wide as three quarters of the time that it stands for, whatever the zoom.
    step = _extreme(bars["price_date"].diff().dt.total_days().min()) or 1
    size = {"expr": f"clamp({0.75 * 864e5 * step} * width / (domain('x')[1] - domain('x')[0]), 1, 16)"}
    tooltip = [
        _DATE,
        *(_number(name, name.capitalize(), ",.2f") for name in ("open", "high", "low", "close")),
        _number("volume", "Volume (shares)", ",.0f"),
    ]
    prices: list[Spec] = [
        {
            "params": _PAN_AND_ZOOM,
            "mark": "rule",
            "encoding": {
                "x": _DAY,
                "y": {"field": "low", **price},
                "y2": {"field": "high"},
                "color": colour,
                "tooltip": tooltip,
            },
        },
        {
            "mark": {"type": "bar", "size": size},
            "encoding": {
                "x": _DAY,
                "y": {"field": "open", **price},
                "y2": {"field": "close"},
                "color": colour,
                "tooltip": tooltip,
            },
        },
    ]
    datasets = {"bars": bars}
    if averages:
        names = {f"average_{each}": f"MA {each}" for each in averages}
        datasets["averages"] = (
            bars.select("price_date", *names)
            .unpivot(index="price_date", variable_name="average")
            .drop_nulls("value")
            .with_columns(pl.col("average").replace(names))
        )
        prices.append(
            {
                "data": {"name": "averages"},
                "mark": {"type": "line", "strokeWidth": 1.5},
                "encoding": {
                    "x": _DAY,
                    "y": {"field": "value", **price},
                    "color": {
                        "field": "average",
                        "type": "nominal",
                        "title": None,
                        "scale": {"domain": list(names.values()), "range": list(colours.averages[: len(names)])},
                        "legend": {"orient": "top", "symbolType": "stroke"},
                    },
                    "tooltip": [
                        _DATE,
                        {"field": "average", "type": "nominal", "title": "Average"},
                        _number("value", unit, ",.2f"),
                    ],
                },
            }
        )
    if not actions.is_empty():
        datasets["actions"] = actions
        # Side by side, however many dividends there are.
        extent = f"datum.action === 'Split' ? 80 : clamp(pow(0.6 * width / {actions.height}, 2), 9, 60)"
        prices.append(
            {
                "data": {"name": "actions"},
                "mark": {"type": "point", "filled": True, "size": {"expr": extent}, "opacity": 1, "color": colours.ink},
                "encoding": {
                    "x": _DAY,
                    "y": {"value": 8},
                    "shape": {
                        "field": "action",
                        "type": "nominal",
                        "title": None,
                        "scale": {"domain": ["Dividend", "Split"], "range": ["circle", "diamond"]},
                        "legend": {
                            "orient": "top",
                            "symbolFillColor": colours.ink,
                            "symbolStrokeColor": colours.ink,
                        },
                    },
                    "tooltip": [
                        _DATE,
                        {"field": "action", "type": "nominal", "title": "Action"},
                        _number("amount", "Amount, or new shares for one", ",.4~f"),
                    ],
                },
            }
        )
    tick = _one_digit(most)
    volume = {
        "mark": {"type": "bar", "size": size, "opacity": 0.35},
        "encoding": {
            "x": _DAY,
            "y": {
                "field": "volume",
                "type": "quantitative",
                "scale": {"domain": [0, 5 * max(most, 1)], "nice": False},
                "axis": {
                    "title": "Shares",
                    "titleAnchor": "start",
                    "titleAlign": "right",
                    "orient": "right",
                    "format": "~s",
                    "values": [0, tick / 2, tick],
                    "labelExpr": "datum.value ? replace(datum.label, 'G', 'B') : '0'",  # billions
                    "grid": False,
                    "ticks": False,
                    "domain": False,
                },
            },
            "color": colour,
            "tooltip": tooltip,
        },
    }
    return {
        "datasets": datasets,
        "data": {"name": "bars"},
        "layer": [volume, {"layer": prices}],
        "resolve": {"scale": {"y": "independent", "color": "independent", "shape": "independent"}},
        "config": {"legend": {"layout": {"top": {"direction": {"signal": "width < 400 ? 'vertical' : 'horizontal'"}}}}},
        "usermeta": _ON_CANVAS,
        "height": height,
    }


def lines(
    points: pl.DataFrame,
    order: Sequence[str],
    *,
    title: str,
    level: float,
    colours: Palette,
    named: Sequence[str] = (),
    filled: bool = False,
    height: int = 360,
) -> Spec:
    """One line a symbol.

    Args:
        points: series, price_date, value.
        order: The symbols, as the visitor chose them: each keeps its colour whichever others are shown.
        title: Of the axis of values, with the unit.
        level: Where "nothing happened" lies; a rule marks it.
        colours: Of the theme.
        named: Those of the symbols that the legend names; all without it.
        filled: Whether the area between line and level is filled.
        height: Pixels.
    """
    encoding: Spec = {
        "x": _DAY,
        "y": {
            "field": "value",
            "type": "quantitative",
            "title": title,
            "scale": {"zero": False},
            "axis": {"tickCount": 6, "format": ",.2~f"},
        },
        "color": {
            "field": "series",
            "type": "nominal",
            "title": None,
            "scale": {"domain": list(order), "range": list(colours.series[: len(order)])},
            "legend": {
                "orient": "top",
                "values": list(named or order),
                "columns": {"expr": "width < 500 ? 4 : 8"},
                "symbolType": "stroke",
                "symbolStrokeWidth": 3,
                "symbolOpacity": 1,
            },
        },
        "tooltip": [_DATE, {"field": "series", "type": "nominal", "title": "Symbol"}, _number("value", title, ",.2f")],
    }
    layers: list[Spec] = [
        {
            "data": {"values": [{"level": level}]},
            "mark": {"type": "rule", "color": colours.muted, "strokeDash": [4, 3]},
            "encoding": {"y": {"field": "level", "type": "quantitative"}},
        }
    ]
    if filled:
        area = {"type": "area", "opacity": 0.18, "line": False}
        # Stacked, areas of different symbols would add up to nonsense.
        value = {**encoding["y"], "stack": None}
        layers.append({"mark": area, "encoding": {**encoding, "y": value, "y2": {"datum": level}}})
    layers.append({"params": _PAN_AND_ZOOM, "mark": {"type": "line", "strokeWidth": 1.8}, "encoding": encoding})
    return {
        "datasets": {"points": points},
        "data": {"name": "points"},
        "layer": layers,
        "usermeta": _ON_CANVAS,
        "height": height,
    }


def drawdown(points: pl.DataFrame, worst: pl.DataFrame, *, colours: Palette, height: int = 240) -> Spec:
    """Percent below the highest adjusted close so far, with peak and trough of the deepest fall.

    Args:
        points: price_date, value (%, 0 or less).
        worst: price_date, value, event: where to put a mark, and what it is.
        colours: Of the theme.
        height: Pixels.
    """
    title = "Below peak (%)"
    lowest = min(_extreme(points["value"].min()), -1)
    room = {"domain": [1.04 * lowest, -0.04 * lowest]}  # for marks at 0 and at the lowest point
    value = {"field": "value", "type": "quantitative", "title": title, "scale": room, "axis": {"tickCount": 5}}
    line = {"color": colours.fall, "strokeWidth": 1.2}
    layers: list[Spec] = [
        {
            "params": _PAN_AND_ZOOM,
            "mark": {"type": "area", "color": colours.fall, "opacity": 0.35, "line": line},
            "encoding": {"x": _DAY, "y": value, "tooltip": [_DATE, _number("value", title, ".2f")]},
        }
    ]
    if not worst.is_empty():
        layers.append(
            {
                "data": {"name": "worst"},
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "color": colours.ink},
                "encoding": {
                    "x": _DAY,
                    "y": value,
                    "tooltip": [
                        _DATE,
                        {"field": "event", "type": "nominal", "title": "Deepest fall"},
                        _number("value", title, ".2f"),
                    ],
                },
            }
        )
    return {
        "datasets": {"points": points, "worst": worst},
        "data": {"name": "points"},
        "layer": layers,
        "height": height,
    }


def volatility(points: pl.DataFrame, *, colours: Palette, height: int = 240) -> Spec:
    """Yearly volatility of the 52 weeks before each day.

    Args:
        points: price_date, value (% a year).
        colours: Of the theme.
        height: Pixels.
    """
    title = "Volatility (% a year)"
    return {
        "datasets": {"points": points},
        "data": {"name": "points"},
        "params": _PAN_AND_ZOOM,
        "mark": {"type": "line", "color": colours.accent, "strokeWidth": 1.8},
        "encoding": {
            "x": _DAY,
            "y": {
                "field": "value",
                "type": "quantitative",
                "title": title,
                "scale": {"zero": False},
                "axis": {"tickCount": 5},
            },
            "tooltip": [_DATE, _number("value", title, ".1f")],
        },
        "height": height,
    }


def returns(points: pl.DataFrame, unusual: pl.DataFrame, *, bar: str, colours: Palette, height: int = 240) -> Spec:
    """Return of each bar, and a triangle at each that is unusual.

    Args:
        points: price_date, value (%).
        unusual: Rows of `queries.UNUSUAL`.
        bar: day or week.
        colours: Of the theme.
        height: Pixels.
    """
    title = f"Return of a {bar} (%)"
    value = {"type": "quantitative", "title": title, "axis": {"tickCount": 6}}
    shape = {"condition": {"test": "datum.change >= 0", "value": "triangle-up"}, "value": "triangle-down"}
    layers: list[Spec] = [
        {
            "params": _PAN_AND_ZOOM,
            "mark": {"type": "line", "color": colours.muted, "strokeWidth": 1},
            "encoding": {
                "x": _DAY,
                "y": {"field": "value", **value},
                "tooltip": [_DATE, _number("value", title, ".2f")],
            },
        }
    ]
    if not unusual.is_empty():
        layers.append(
            {
                "data": {"name": "unusual"},
                "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
                "encoding": {
                    "x": _DAY,
                    "y": {"field": "change", **value},
                    "shape": shape,
                    "color": _by_sign("datum.change >= 0", colours),
                    "tooltip": [
                        _DATE,
                        _number("change", title, "+.2f"),
                        _number("return_zscore", "Deviations from usual", "+.1f"),
                    ],
                },
            }
        )
    return {
        "datasets": {"points": points, "unusual": unusual.select("price_date", "change", "return_zscore")},
        "data": {"name": "points"},
        "layer": layers,
        "height": height,
    }


def histogram(bins: pl.DataFrame, *, bar: str, colours: Palette, height: int = 240) -> Spec:
    """How many bars had which return.

    Args:
        bins: Rows of `queries.RETURNS`.
        bar: day or week.
        colours: Of the theme.
        height: Pixels.
    """
    number = f"Number of {bar}s"
    return {
        "datasets": {"bins": bins},
        "data": {"name": "bins"},
        "mark": {"type": "bar", "binSpacing": 1},
        "encoding": {
            "x": {
                "field": "bin_start",
                "type": "quantitative",
                "bin": "binned",
                "title": f"Return of a {bar} (%)",
                "axis": {"tickCount": 9},
            },
            "x2": {"field": "bin_end"},
            "y": {"field": "bars", "type": "quantitative", "title": number, "axis": {"tickCount": 5, "tickMinStep": 1}},
            # Half a bin is more than what a bound's rounding can take away from 0.
            "color": _by_sign("datum.bin_start + datum.bin_end > 0", colours),
            "tooltip": [
                _number("bin_start", "From (%)", ".1f"),
                _number("bin_end", "To (%)", ".1f"),
                _number("bars", number, ","),
            ],
        },
        "height": height,
    }


def sectors(rows: pl.DataFrame, *, column: str, title: str, colours: Palette) -> Spec:
    """A bar a sector.

    Args:
        rows: Rows of `queries.BY_SECTOR`.
        column: Which of its numbers to draw.
        title: Of that number, with the unit.
        colours: Of the theme.
    """
    return {
        "datasets": {"sectors": rows.select(*dict.fromkeys(["sector", "symbols", column]))},
        "data": {"name": "sectors"},
        "mark": "bar",
        "encoding": {
            "x": {
                "field": column,
                "type": "quantitative",
                "title": title,
                "axis": {"tickCount": 5, "format": "~s", "labelExpr": "replace(datum.label, 'G', 'B')"},
            },
            "y": {
                "field": "sector",
                "type": "nominal",
                "title": None,
                "sort": {"field": column, "order": "descending"},
                "axis": {"labelLimit": 170},
            },
            "color": _by_sign(f"datum.{column} >= 0", colours),
            "tooltip": [
                {"field": "sector", "type": "nominal", "title": "Sector"},
                _number("symbols", "Symbols", ","),
                _number(column, title, ",.2~f"),
            ],
        },
        "height": 30 * rows.height + 60,
    }


def volumes(bins: pl.DataFrame, *, colours: Palette, height: int = 300) -> Spec:
    """How many symbols traded how many shares in their last session, on an axis of powers of ten.

    Args:
        bins: Rows of `queries.VOLUMES`.
        colours: Of the theme.
        height: Pixels.
    """
    return {
        "datasets": {"bins": bins},
        "data": {"name": "bins"},
        "mark": {"type": "bar", "color": colours.accent, "binSpacing": 1},
        "encoding": {
            "x": {
                "field": "bin_start",
                "type": "quantitative",
                "scale": {"type": "log", "nice": False, "padding": 6},
                "title": "Volume of the latest bar (shares, log scale)",
                "axis": {
                    "format": "~s",
                    "grid": False,
                    "labelOverlap": True,
                    "labelExpr": "replace(datum.label, 'G', 'B')",
                },
            },
            "x2": {"field": "bin_end"},
            "y": {
                "field": "symbols",
                "aggregate": "sum",
                "type": "quantitative",
                "title": "Symbols",
                "axis": {"tickMinStep": 1, "tickCount": 5},
            },
            "tooltip": [
                _number("bin_start", "From (shares)", ",.0f"),
                _number("bin_end", "To (shares)", ",.0f"),
                {"field": "symbols", "aggregate": "sum", "type": "quantitative", "title": "Symbols"},
            ],
        },
        "height": height,
    }


def correlation(cells: pl.DataFrame, order: Sequence[str], *, colours: Palette) -> Spec:
    """A cell a pair, blue where two move together, orange where they move apart.

    Args:
        cells: symbol, other, correlation, sessions; both halves and the diagonal.
        order: The symbols, neighbours of one sector.
        colours: Of the theme.
    """
    place = {
        "x": {
            "field": "symbol",
            "type": "nominal",
            "sort": list(order),
            "title": None,
            "axis": {"labelAngle": -45, "orient": "bottom"},
        },
        "y": {"field": "other", "type": "nominal", "sort": list(order), "title": None},
    }
    heat = {
        "field": "correlation",
        "type": "quantitative",
        "title": "Correlation",
        "scale": {
            "interpolate": "rgb",
            "domain": [-1, 0, 1],
            "range": [colours.fall, colours.neutral, colours.rise],
        },
        "legend": {"orient": "top", "gradientLength": 180, "values": [-1, 0, 1]},
    }
    return {
        "datasets": {"cells": cells},
        "data": {"name": "cells"},
        "layer": [
            {
                "mark": "rect",
                "encoding": {
                    **place,
                    "color": heat,
                    "tooltip": [
                        {"field": "symbol", "type": "nominal", "title": "Symbol"},
                        {"field": "other", "type": "nominal", "title": "With"},
                        _number("correlation", "Correlation", ".2f"),
                        _number("sessions", "Common sessions", ","),
                    ],
                },
            },
            {
                "mark": {"type": "text", "fontSize": 12},
                "encoding": {
                    **place,
                    "text": {"field": "correlation", "type": "quantitative", "format": ".2f"},
                    "color": {
                        "condition": {"test": "abs(datum.correlation) > 0.6", "value": colours.paper},
                        "value": colours.ink,
                    },
                },
            },
        ],
        "height": 34 * len(order) + 150,
    }


def _number(field: str, title: str, form: str) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, "format": form}


def _by_sign(test: str, colours: Palette) -> Spec:
    return {"condition": {"test": test, "value": colours.rise}, "value": colours.fall}


def _price_format(highest: float) -> str:
    return ",.2~f" if highest < 100_000 else "~s"


def _extreme(value: Any) -> float:
    return 0.0 if value is None else float(value)


def _one_digit(value: float) -> float:
    """The largest number with one digit that isn't zero, and no more than the value; 1 at least."""
    power = 10 ** math.floor(math.log10(max(value, 1)))
    return float(max(power * math.floor(value / power), 1))
