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
_BILLIONS = "replace(datum.label, 'G', 'B')"
_LOW = 240  # pixels: of charts that stand beside each other
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
) -> Spec:
    """Candles above the volume of the same bars, on one axis of days, with averages and corporate actions.

    Args:
        bars: Rows of `queries.CANDLES`.
        actions: Rows of `queries.ACTIONS`.
        averages: Which of AVERAGES to draw.
        unit: The prices' currency.
        is_log: Whether equal distances are equal percentages.
        colours: Of the theme.
    """
    lowest, highest, most = _extreme(bars["low"].min()), _extreme(bars["high"].max()), _extreme(bars["volume"].max())
    # The lowest quarter of the chart belongs to the volume, the highest tenth to corporate actions.
    room = (highest - lowest) or highest * 0.1
    bottom, top = max(lowest - room / 3, 0), highest + room / 10
    if is_log:
        ratio = 1 + room / lowest
        bottom, top = lowest * ratio ** -(1 / 3), highest * ratio ** (1 / 10)
    price = {
        "type": "quantitative",
        "scale": {"type": "log" if is_log else "linear", "domain": [bottom, top], "nice": False, "zero": False},
        "axis": {
            "title": f"Price ({unit})",
            "orient": "left",
            "tickCount": 6,
            "format": ",.2~f" if highest < 100_000 else "~s",
        },
    }
    # As wide as three quarters of the time that it stands for, whatever the zoom.
    step = _extreme(bars["price_date"].diff().dt.total_days().min()) or 1
    size = {"expr": f"clamp({0.75 * 864e5 * step} * width / (domain('x')[1] - domain('x')[0]), 1, 16)"}
    candle: Spec = {
        "x": _DAY,
        "color": _by_sign("datum.close >= datum.open", colours),
        "tooltip": [
            _DATE,
            *(_quantity(name, name.capitalize(), format=",.2f") for name in ("open", "high", "low", "close")),
            _quantity("volume", "Volume (shares)", format=",.0f"),
        ],
    }
    prices: list[Spec] = [
        {
            "params": _PAN_AND_ZOOM,
            "mark": "rule",
            "encoding": {**candle, "y": {"field": "low", **price}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "bar", "size": size},
            "encoding": {**candle, "y": {"field": "open", **price}, "y2": {"field": "close"}},
        },
    ]
    frames = {"bars": bars}
    if averages:
        names = {f"average_{each}": f"MA {each}" for each in averages}
        frames["averages"] = (
            bars.select("price_date", *names)
            .unpivot(index="price_date", variable_name="average")
            .drop_nulls("value")
            .with_columns(pl.col("average").replace(names))
        )
        prices.append(_averages(list(names.values()), price, unit=unit, colours=colours))
    if not actions.is_empty():
        frames["actions"] = actions
        prices.append(_actions(actions.height, colours=colours))
    tick = _one_digit(most)
    volume_axis = {
        "title": "Shares",
        "titleAnchor": "start",
        "titleAlign": "right",
        "orient": "right",
        "format": "~s",
        "values": [0, tick / 2, tick],
        "labelExpr": f"datum.value ? {_BILLIONS} : '0'",
        "grid": False,
        "ticks": False,
        "domain": False,
    }
    shares: Spec = {"scale": {"domain": [0, 5 * max(most, 1)], "nice": False}, "axis": volume_axis}
    volume = {
        "mark": {"type": "bar", "size": size, "opacity": 0.35},
        "encoding": {**candle, "y": {"field": "volume", "type": "quantitative", **shares}},
    }
    return _chart(
        frames,
        height=420,
        layer=[volume, {"layer": prices}],
        resolve={"scale": {"y": "independent", "color": "independent", "shape": "independent"}},
        config={"legend": {"layout": {"top": {"direction": {"signal": "width < 400 ? 'vertical' : 'horizontal'"}}}}},
        usermeta=_ON_CANVAS,
    )


def _averages(names: Sequence[str], price: Spec, *, unit: str, colours: Palette) -> Spec:
    """A line for each moving average, above the candles."""
    scale = {"domain": list(names), "range": list(colours.averages[: len(names)])}
    return {
        "data": {"name": "averages"},
        "mark": {"type": "line", "strokeWidth": 1.5},
        "encoding": {
            "x": _DAY,
            "y": {"field": "value", **price},
            "color": _name("average", None, scale=scale, legend={"orient": "top", "symbolType": "stroke"}),
            "tooltip": [_DATE, _name("average", "Average"), _quantity("value", unit, format=",.2f")],
        },
    }


def _actions(count: int, *, colours: Palette) -> Spec:
    """A mark at the top for each corporate action; side by side, however many dividends there are."""
    extent = f"datum.action === 'Split' ? 80 : clamp(pow(0.6 * width / {count}, 2), 9, 60)"
    legend = {"orient": "top", "symbolFillColor": colours.ink, "symbolStrokeColor": colours.ink}
    return _marks(
        "actions",
        {
            "y": {"value": 8},
            "shape": _name(
                "action", None, scale={"domain": ["Dividend", "Split"], "range": ["circle", "diamond"]}, legend=legend
            ),
        },
        [_name("action", "Action"), _quantity("amount", "Amount, or new shares for one", format=",.4~f")],
        size={"expr": extent},
        color=colours.ink,
    )


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
    legend = {
        "orient": "top",
        "values": list(named or order),
        "columns": {"expr": "width < 500 ? 4 : 8"},
        "symbolType": "stroke",
        "symbolStrokeWidth": 3,
        "symbolOpacity": 1,
    }
    scale = {"domain": list(order), "range": list(colours.series[: len(order)])}
    encoding: Spec = {
        "x": _DAY,
        "y": _quantity("value", title, scale={"zero": False}, axis={"tickCount": 6, "format": ",.2~f"}),
        "color": _name("series", None, scale=scale, legend=legend),
        "tooltip": [_DATE, _name("series", "Symbol"), _quantity("value", title, format=",.2f")],
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
    return _chart({"points": points}, height=height, layer=layers, usermeta=_ON_CANVAS)


def drawdown(points: pl.DataFrame, worst: pl.DataFrame, *, colours: Palette) -> Spec:
    """Percent below the highest adjusted close so far, with peak and trough of the deepest fall.

    Args:
        points: price_date, value (%, 0 or less).
        worst: price_date, value, event: where to put a mark, and what it is.
        colours: Of the theme.
    """
    title = "Below peak (%)"
    lowest = min(_extreme(points["value"].min()), -1)
    room = {"domain": [1.04 * lowest, -0.04 * lowest]}  # for marks at 0 and at the lowest point
    value = _quantity("value", title, scale=room, axis={"tickCount": 5})
    shown = _quantity("value", title, format=".2f")
    line = {"color": colours.fall, "strokeWidth": 1.2}
    area = {"type": "area", "color": colours.fall, "opacity": 0.35, "line": line}
    layers = [_series(area, value, shown)]
    if not worst.is_empty():
        tooltip = [_name("event", "Deepest fall"), shown]
        layers.append(_marks("worst", {"y": value}, tooltip, size=70, color=colours.ink))
    return _chart({"points": points, "worst": worst}, height=_LOW, layer=layers)


def volatility(points: pl.DataFrame, *, colours: Palette) -> Spec:
    """Yearly volatility of the 52 weeks before each day.

    Args:
        points: price_date, value (% a year).
        colours: Of the theme.
    """
    title = "Volatility (% a year)"
    value = _quantity("value", title, scale={"zero": False}, axis={"tickCount": 5})
    line = {"type": "line", "color": colours.accent, "strokeWidth": 1.8}
    return _chart({"points": points}, height=_LOW, **_series(line, value, _quantity("value", title, format=".1f")))


def returns(points: pl.DataFrame, unusual: pl.DataFrame, *, bar: str, colours: Palette) -> Spec:
    """Return of each bar, and a triangle at each that is unusual.

    Args:
        points: price_date, value (%).
        unusual: Rows of `queries.UNUSUAL`.
        bar: day or week.
        colours: Of the theme.
    """
    title = f"Return of a {bar} (%)"
    axis = {"tickCount": 6}
    line = {"type": "line", "color": colours.muted, "strokeWidth": 1}
    layers = [_series(line, _quantity("value", title, axis=axis), _quantity("value", title, format=".2f"))]
    if not unusual.is_empty():
        is_rise = "datum.change >= 0"
        encoding = {
            "y": _quantity("change", title, axis=axis),
            "shape": {"condition": {"test": is_rise, "value": "triangle-up"}, "value": "triangle-down"},
            "color": _by_sign(is_rise, colours),
        }
        tooltip = [
            _quantity("change", title, format="+.2f"),
            _quantity("return_zscore", "Deviations from usual", format="+.1f"),
        ]
        layers.append(_marks("unusual", encoding, tooltip, size=80))
    frames = {"points": points, "unusual": unusual.select("price_date", "change", "return_zscore")}
    return _chart(frames, height=_LOW, layer=layers)


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
            "x": _quantity("bin_start", f"Return of a {bar} (%)", bin="binned", axis={"tickCount": 9}),
            "x2": {"field": "bin_end"},
            "y": _quantity("bars", number, axis={"tickCount": 5, "tickMinStep": 1}),
            # Half a bin is more than what a bound's rounding can take away from 0.
            "color": _by_sign("datum.bin_start + datum.bin_end > 0", colours),
            "tooltip": [
                _quantity("bin_start", "From (%)", format=".1f"),
                _quantity("bin_end", "To (%)", format=".1f"),
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
    counted = _quantity("symbols", "Symbols", aggregate="sum")
    return _chart(
        {"bins": bins},
        height=300,
        mark={"type": "bar", "color": colours.accent, "binSpacing": 1},
        encoding={
            "x": _quantity("bin_start", "Volume of the latest bar (shares, log scale)", scale=log, axis=axis),
            "x2": {"field": "bin_end"},
            "y": {**counted, "axis": {"tickMinStep": 1, "tickCount": 5}},
            "tooltip": [
                _quantity("bin_start", "From (shares)", format=",.0f"),
                _quantity("bin_end", "To (shares)", format=",.0f"),
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


def _series(mark: Spec, value: Spec, shown: Spec) -> Spec:
    """One line or area over the days, which moves and zooms."""
    return {"params": _PAN_AND_ZOOM, "mark": mark, "encoding": {"x": _DAY, "y": value, "tooltip": [_DATE, shown]}}


def _marks(frame: str, encoding: Spec, tooltip: list[Spec], **mark: Any) -> Spec:
    """A point at each day of a frame of its own."""
    return {
        "data": {"name": frame},
        "mark": {"type": "point", "filled": True, "opacity": 1, **mark},
        "encoding": {"x": _DAY, **encoding, "tooltip": [_DATE, *tooltip]},
    }


def _quantity(field: str, title: str, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, **more}


def _name(field: str, title: str | None, **more: Any) -> Spec:
    return {"field": field, "type": "nominal", "title": title, **more}


def _by_sign(test: str, colours: Palette) -> Spec:
    return {"condition": {"test": test, "value": colours.rise}, "value": colours.fall}


def _extreme(value: Any) -> float:
    return 0.0 if value is None else float(value)


def _one_digit(value: float) -> float:
    """The largest number with one digit that isn't zero, and no more than the value; 1 at least."""
    power = 10 ** math.floor(math.log10(max(value, 1)))
    return float(max(power * math.floor(value / power), 1))
