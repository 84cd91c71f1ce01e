"""What the charts over sessions hold: panes of one stock, and of stocks beside each other.

Columns are those of `queries`; nothing is read here, and nothing computed but where a mark stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from stocks_dashboard.palette import Palette
from stocks_dashboard.time_chart import DAY, Mark, Pane, Scale, Series

AVERAGES = (20, 50, 200)
"""Moving averages, in bars of the series."""


def stock(
    bars: pl.DataFrame,
    unusual: pl.DataFrame,
    fall: pl.DataFrame,
    *,
    averages: Sequence[int],
    unit: str,
    bar: str,
    candle: str,
    scale: Scale,
    colours: Palette,
) -> tuple[Pane, ...]:
    """Price, volume, drawdown, volatility and returns of one stock, above each other.

    Args:
        bars: Rows of `queries.CANDLES`, of the whole series.
        unusual: Rows of `queries.UNUSUAL`.
        fall: The deepest of `queries.DRAWDOWNS`, or none.
        averages: Which of AVERAGES to draw.
        unit: The prices' currency.
        bar: day or week: what the averages and the returns are of.
        candle: day, week or month: what a candle stands for.
        scale: Of prices, or of the index.
        colours: Of the theme.
    """
    both = (colours.rise, colours.fall)
    lines = [
        Series(kind="line", columns=(f"average_{each}",), colours=(colour,), title=f"{each}-{bar} average")
        for each, colour in zip(AVERAGES, colours.averages, strict=True)
        if each in averages
    ]
    prices = Series(
        kind="candles", columns=("open", "high", "low", "close"), colours=both, marks=_actions(bars, colours)
    )
    volume = Series(kind="bars", columns=("volume", "change"), colours=both)
    drawdown = Series(kind="area", columns=("drawdown",), colours=(colours.fall,), marks=_ends(fall, colours))
    volatility = Series(kind="line", columns=("volatility",), colours=(colours.accent,))
    panes = [
        Pane(title=f"Price ({unit})", share=5, format="price", scale=scale, series=(prices, *lines)),
        Pane(title="Volume (shares)", share=1.3, format="shares", series=(volume,), from_zero=True),
        Pane(title="Below peak", share=1.5, format="percent", series=(drawdown,)),
    ]
    if bars["volatility"].null_count() < bars.height:
        panes.append(Pane(title="Volatility of 52 weeks, a year", share=1.3, format="percent", series=(volatility,)))
    return (*panes, _returns(unusual, bar=bar, is_one=bar == candle, colours=colours))


def _returns(unusual: pl.DataFrame, *, bar: str, is_one: bool, colours: Palette) -> Pane:
    """The return of each bar; of a candle of several the best and the worst, so that neither is lost."""
    marks = tuple(
        Mark(
            day=row[DAY],
            about=f"{row['change']:+.2f} %, {row['return_zscore']:+.1f} deviations from usual",
            colour=colours.rise if row["change"] >= 0 else colours.fall,
            shape="arrowUp" if row["change"] >= 0 else "arrowDown",
            position="aboveBar" if row["change"] >= 0 else "belowBar",
        )
        for row in unusual.sort(DAY).iter_rows(named=True)
    )
    rises, falls = (tuple(each for each in marks if each.shape == shape) for shape in ("arrowUp", "arrowDown"))
    if is_one:
        one = Series(kind="bars", columns=("return", "return"), colours=(colours.rise, colours.fall), marks=marks)
        return Pane(title=f"Return of a {bar}", share=1.6, format="percent", series=(one,))
    series = (
        Series(kind="bars", columns=("best_return",), colours=(colours.rise,), title="best", marks=rises),
        Series(kind="bars", columns=("worst_return",), colours=(colours.fall,), title="worst", marks=falls),
    )
    return Pane(title=f"Returns of {bar}s", share=1.6, format="percent", series=series)


def _actions(bars: pl.DataFrame, colours: Palette) -> tuple[Mark, ...]:
    """Dividends beneath the candles, splits above them."""
    paid = bars.filter((pl.col("dividend_amount") > 0) | (pl.col("split_coefficient") != 1))
    return tuple(_action(row, colours) for row in paid.iter_rows(named=True))


def _action(row: dict[str, Any], colours: Palette) -> Mark:
    dividend, split = row["dividend_amount"], row["split_coefficient"]
    told = [f"dividend {dividend:.4g}"] if dividend else []
    if split != 1:
        return Mark(
            day=row[DAY],
            about=", ".join([f"split: {split:g} for 1", *told]),
            colour=colours.ink,
            shape="square",
            position="aboveBar",
            text=f"{split:g}:1",
        )
    return Mark(day=row[DAY], about=told[0], colour=colours.muted, position="belowBar")


def _ends(fall: pl.DataFrame, colours: Palette) -> tuple[Mark, ...]:
    """Peak and trough of a fall."""
    return tuple(
        Mark(day=row[column], about=f"{name} of the deepest fall", colour=colours.ink)
        for row in fall.iter_rows(named=True)
        for column, name in (("peak_date", "peak"), ("trough_date", "trough"))
    )


def compared(
    index: pl.DataFrame,
    names: Sequence[str],
    *,
    benchmark: str,
    scale: Scale,
    colours: Palette,
) -> tuple[Pane, ...]:
    """What 100 in each symbol became; beneath it, beside a benchmark, how much of it and how far ahead.

    Args:
        index: DAY and, of each symbol, its index; with a benchmark, of each other symbol `ratio` and `lead` too.
        names: The symbols, as the visitor chose them: each keeps its line whichever others are shown.
        benchmark: One of them, or empty.
        scale: Of prices, or of the index.
        colours: Of the theme.
    """
    lines = dict(zip(names, colours.series, strict=False))

    def of(measure: str, *without: str) -> tuple[Series, ...]:
        return tuple(
            Series(
                kind="line",
                columns=(f"{measure}{name}",),
                colours=(lines[name].colour,),
                dash=lines[name].dash,
                title=name,
                at_end=True,
            )
            for name in names
            if name not in without and f"{measure}{name}" in index.columns
        )

    panes = [Pane(title="Index (start = 100)", share=3, format="price", scale=scale, level=100, series=of(""))]
    if ratios := of("ratio ", benchmark):
        panes += [
            Pane(title=f"Relative to {benchmark} (= 100)", share=1.4, format="price", level=100, series=ratios),
            Pane(
                title=f"Lead over {benchmark} (points)",
                share=1.4,
                format="price",
                level=0,
                series=of("lead ", benchmark),
            ),
        ]
    return tuple(panes)
