"""Heat maps of returns: frames in, a Vega-Lite specification out, as in `charts`."""

from __future__ import annotations

import calendar
from typing import Any

import polars as pl

from stocks_dashboard.palette import Palette

_MONTHS = [*calendar.month_abbr[1:], "Year"]
_OF_YEAR = 13


def months(returns: pl.DataFrame, *, colours: Palette) -> dict[str, Any]:
    """A row a year and a column a month, and the year's own return at its end.

    Args:
        returns: Rows of `queries.MONTHS`.
        colours: Of the theme.
    """
    of_years = returns.sort("month").group_by("year").last()
    cells = pl.concat(
        [
            returns.select("year", "month", value="monthly_return"),
            of_years.select("year", month=pl.lit(_OF_YEAR, returns.schema["month"]), value="year_to_date_return"),
        ]
    ).with_columns(period=pl.col("month").replace_strict(range(1, _OF_YEAR + 1), _MONTHS, return_dtype=pl.String))
    place = {
        "x": {"field": "period", "type": "ordinal", "sort": _MONTHS, "title": None, "axis": _AXIS | {"orient": "top"}},
        "y": {"field": "year", "type": "ordinal", "sort": "descending", "title": None, "axis": _AXIS},
    }
    names = [
        {"field": "year", "type": "ordinal", "title": "Year"},
        {"field": "period", "type": "nominal", "title": "Month"},
    ]
    # A year's return is a dozen times a month's.
    return _heat(cells, place, names, alike=pl.col("month") == _OF_YEAR, rows=cells["year"].n_unique(), colours=colours)


def sector_returns(returns: pl.DataFrame, *, colours: Palette) -> dict[str, Any]:
    """A row a sector and a column a horizon.

    Args:
        returns: Rows of `queries.SECTOR_RETURNS`.
        colours: Of the theme.
    """
    cells = returns.select("sector", "horizon", "symbols", value="total_return")
    order = returns.sort("place")["horizon"].unique(maintain_order=True).to_list()
    place = {
        "x": {"field": "horizon", "type": "ordinal", "sort": order, "title": None, "axis": _AXIS | {"orient": "top"}},
        "y": {"field": "sector", "type": "nominal", "title": None, "axis": _AXIS | {"labelLimit": 170}},
    }
    names = [
        {"field": "sector", "type": "nominal", "title": "Sector"},
        {"field": "horizon", "type": "nominal", "title": "Horizon"},
        {"field": "symbols", "type": "quantitative", "title": "Symbols", "format": ","},
    ]
    return _heat(cells, place, names, alike=pl.col("horizon"), rows=cells["sector"].n_unique(), colours=colours)


_AXIS: dict[str, Any] = {"labelAngle": 0, "labelFlush": False, "ticks": False, "domain": False, "grid": False}


def _heat(
    cells: pl.DataFrame,
    place: dict[str, Any],
    names: list[dict[str, Any]],
    *,
    alike: pl.Expr,
    rows: int,
    colours: Palette,
) -> dict[str, Any]:
    """Cells coloured by their value (%), which is written in them.

    Those that are alike share a scale, whose colours end where nine tenths of the values do: one crash would leave the
    others pale.
    """
    most = pl.col("value").abs().quantile(0.9).over(alike)
    known = cells.drop_nulls("value").with_columns(shade=pl.col("value") / pl.max_horizontal(most, pl.lit(0.1)))
    heat = {
        "field": "shade",
        "type": "quantitative",
        "scale": {
            "interpolate": "rgb",
            "domain": [-1, 0, 1],
            "range": [colours.fall, colours.neutral, colours.rise],
            "clamp": True,
        },
        "legend": None,
    }
    value = {"field": "value", "type": "quantitative", "title": "Return (%)", "format": "+.2f"}
    is_dark = {"test": "abs(datum.shade) > 0.6", "value": colours.paper}
    written = {
        "text": {"field": "value", "type": "quantitative", "format": "+.1f"},
        "color": {"condition": is_dark, "value": colours.ink},
    }
    return {
        "datasets": {"cells": known},
        "data": {"name": "cells"},
        "height": 24 * rows + 40,
        "layer": [
            {"mark": "rect", "encoding": {**place, "color": heat, "tooltip": [*names, value]}},
            {"mark": {"type": "text", "fontSize": {"expr": "width < 480 ? 8 : 11"}}, "encoding": {**place, **written}},
        ],
        "usermeta": {"embedOptions": {"renderer": "canvas"}},
    }
