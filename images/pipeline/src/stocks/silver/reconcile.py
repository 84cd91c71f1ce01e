"""Two sources' bars of one symbol beside each other: what differs from when to when, and which of the two is off.

A source is said to be off only by evidence that the other one hasn't against it: its own price does not move as its own
action tells, or jumps where the other's goes on; its adjusted closes contradict its own actions; the weekly bars agree
with the other's; or it told something else before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import polars as pl

_PRICE = 0.005  # late trades, rounding
_TWICE = 2.0  # of a volume: sources count other exchanges
_ACTION = 0.005
_HALF_DECIMAL = 0.6e-4  # actions are printed with four decimals
_LINK = 1e-3  # of adjusted close over close from bar to bar
_GAP = 5  # sessions that agree between two ranges that are told as one
_MOVE = 0.05
_CLEARLY = 3.0  # times as far off as the other
_SHARE = 0.8


@dataclass(frozen=True, kw_only=True)
class Witness:
    """What one source says of a symbol."""

    source: str
    bars: pl.DataFrame
    """price_date, close, adjusted_close, volume, dividend_amount, split_coefficient of final daily bars, by date."""
    weekly: pl.DataFrame | None = None
    """price_date, close and volume of its final weekly bars."""
    before: pl.DataFrame | None = None
    """The same columns as `bars`, as told by an earlier answer."""
    rejected: dict[date, str] = field(default_factory=dict)
    """Why a bar is not among them."""


class Difference(NamedTuple):
    """What two sources tell differently, from one day to another."""

    what: str
    """close, volume, dividend, split, adjustment or bars."""
    first_date: date
    last_date: date
    bars: int
    one: str
    """What the first source says of the first of these days."""
    other: str
    off: str
    """The source that is off; empty where that can't be told."""
    evidence: str


def reconcile(one: Witness, other: Witness) -> list[Difference]:
    """Compares two sources as of the same day: up to the last day that both have.

    Returns:
        By day; empty where they agree.
    """
    first = max(one.bars["price_date"].min(), other.bars["price_date"].min())  # type: ignore[type-var]
    last = min(one.bars["price_date"].max(), other.bars["price_date"].max())  # type: ignore[type-var]
    mine, theirs = (_moves(each.bars).filter(pl.col("price_date").is_between(first, last)) for each in (one, other))
    both = mine.join(theirs, on="price_date", suffix="_other").sort("price_date").with_row_index("place")
    found = [
        *_missing(one, other, mine, theirs),
        *_ranges(both, "close", _PRICE, one, other),
        *_ranges(both, "volume", _TWICE - 1, one, other),
        *_actions(both, "split", one, other),
        *_actions(both, "dividend", one, other),
        *_adjustment(both, one, other),
    ]
    return sorted(found, key=lambda each: (each.first_date, each.what))


def _moves(bars: pl.DataFrame) -> pl.DataFrame:
    """The bars with what the market did by their own actions (`move`), and what their adjusted closes did."""
    close, paid, split = pl.col("close"), pl.col("dividend_amount"), pl.col("split_coefficient")
    factor = pl.col("adjusted_close") / close
    return bars.select(
        "price_date",
        "close",
        "volume",
        dividend=paid,
        split=split,
        move=(split * (close + paid) / close.shift(1)).log().fill_null(0.0),
        step=(close / close.shift(1)).log().fill_null(0.0),
        link=(factor.shift(1) / factor).fill_null(1.0),
        told=(close / (close + paid) / split),
        basis=factor.last(),
    )


def _missing(one: Witness, other: Witness, mine: pl.DataFrame, theirs: pl.DataFrame) -> Iterator[Difference]:
    """Days that one of the two has alone."""
    for lacking, has, here, there in ((one, other, mine, theirs), (other, one, theirs, mine)):
        days = there.join(here, on="price_date", how="anti")["price_date"].sort().to_list()
        if not days:
            continue
        why = next((lacking.rejected[day] for day in days if day in lacking.rejected), "")
        evidence = f"its own row breaks a rule: {why}" if why else f"{has.source} has bars of sessions that it lacks"
        words = ("no bar", "a bar") if lacking is one else ("a bar", "no bar")
        yield Difference("bars", days[0], days[-1], len(days), *words, lacking.source, evidence)


def _ranges(both: pl.DataFrame, what: str, within: float, one: Witness, other: Witness) -> Iterator[Difference]:
    """Ranges of days in which a number differs."""
    ratio = pl.col(f"{what}_other") / pl.col(what)
    known = (pl.col(what) > 0) & (pl.col(f"{what}_other") > 0)
    differs = both.with_columns(ratio=ratio).filter(
        known & (pl.max_horizontal("ratio", 1 / pl.col("ratio")) > 1 + within)
    )
    for _, days in differs.group_by(
        (pl.col("place").diff() > _GAP).fill_null(value=False).cum_sum(), maintain_order=True
    ):
        first, last = days["place"][0], days["place"][-1]
        off, evidence = _judge_range(both, what, days, one, other)
        yield Difference(
            what,
            days["price_date"][0],
            days["price_date"][-1],
            last - first + 1,
            f"{days[what][0]:g}",
            f"{days[f'{what}_other'][0]:g}",
            off,
            evidence,
        )


def _judge_range(both: pl.DataFrame, what: str, days: pl.DataFrame, one: Witness, other: Witness) -> tuple[str, str]:
    if told := _by_earlier_answers(what, days, one, other):
        return told
    if told := _by_weeks(what, days, one, other):
        return told
    first, after = days["place"][0], days["place"][-1] + 1
    edges = [place for place in (first, after) if 0 < place < len(both)]
    if what == "close" and edges:
        sizes = [max(abs(both[name][place]) for place in edges) for name in ("move", "move_other")]
        if clear := _clearly(sizes, one, other):
            source, size = clear
            return source, f"its price moves by {size:.3g} (log) at the edge, where the other's goes on"
    if what == "volume" and edges:
        levels = [max(_level_step(both[name], place) for place in edges) for name in ("volume", "volume_other")]
        if clear := _clearly(levels, one, other):
            source, size = clear
            return source, f"its volume changes its level by {size:.3g} (log) at the edge, the other's goes on"
    return "", "neither price moves nor weekly bars nor earlier answers tell which"


def _clearly(sizes: Sequence[float], one: Witness, other: Witness) -> tuple[str, float] | None:
    """The source whose number is large, and far larger than the other's."""
    larger = max(sizes)
    if larger < _MOVE or larger < _CLEARLY * min(sizes):
        return None
    return (one if sizes[0] == larger else other).source, larger


def _level_step(volume: pl.Series, place: int, days: int = 10) -> float:
    before, after = volume.slice(max(place - days, 0), min(days, place)).median(), volume.slice(place, days).median()
    if not before or not after:
        return 0.0
    return abs(float(pl.Series([float(after) / float(before)]).log()[0]))  # type: ignore[arg-type]


def _by_earlier_answers(what: str, days: pl.DataFrame, one: Witness, other: Witness) -> tuple[str, str] | None:
    """Who said something else before, which the other still says."""
    for each, own, others in ((one, what, f"{what}_other"), (other, f"{what}_other", what)):
        if each.before is None:
            continue
        told = days.join(each.before.select("price_date", before=what), on="price_date")
        as_other = (pl.col("before") / pl.col(others) - 1).abs() <= _PRICE
        as_now = (pl.col("before") / pl.col(own) - 1).abs() <= _PRICE
        if len(told) and told.select((as_other & ~as_now).mean()).item() >= _SHARE:
            return each.source, "an earlier answer of its own said what the other says"
    return None


def _by_weeks(what: str, days: pl.DataFrame, one: Witness, other: Witness) -> tuple[str, str] | None:
    """With whom weekly bars agree; the volume of a week is no day's."""
    for each in (one, other):
        if each.weekly is None or what != "close":
            continue
        weeks = days.join(each.weekly.select("price_date", week=what), on="price_date")
        if weeks.is_empty():
            continue
        fits = [
            weeks.select(((pl.col("week") / pl.col(name) - 1).abs() <= _PRICE).mean()).item()
            for name in (what, f"{what}_other")
        ]
        if max(fits) >= _SHARE and min(fits) <= 1 - _SHARE:
            off = one if fits[0] < fits[1] else other
            return off.source, f"the weekly bars of {each.source} agree with the other"
    return None


def _actions(both: pl.DataFrame, what: str, one: Witness, other: Witness) -> Iterator[Difference]:
    """Days on which an action differs."""
    mine, theirs = pl.col(what), pl.col(f"{what}_other")
    differs = (mine - theirs).abs() > pl.max_horizontal(mine, theirs) * _ACTION + _HALF_DECIMAL
    for row in both.filter(differs).iter_rows(named=True):
        off, evidence = _judge_action(row, one, other)
        day = row["price_date"]
        yield Difference(what, day, day, 1, f"{row[what]:g}", f"{row[f'{what}_other']:g}", off, evidence)


def _judge_action(row: dict[str, float], one: Witness, other: Witness) -> tuple[str, str]:
    moves = [abs(row["move"]), abs(row["move_other"])]
    if told := _clearly(moves, one, other):
        return told[0], f"its price does not follow: by its action the day's move is {told[1]:.3g} (log)"
    # Whose adjusted closes follow not the own action, but the other's.
    apart = [abs(row[f"link{each}"] / row[f"told{each}"] - 1) for each in ("", "_other")]
    across = [abs(row["link"] / row["told_other"] - 1), abs(row["link_other"] / row["told"] - 1)]
    for each, own, others in zip((one, other), apart, across, strict=True):
        if own > _LINK and others <= _LINK:
            return each.source, "its own adjusted closes follow the other's action"
    return "", "the price moves by more than they differ"


def _adjustment(both: pl.DataFrame, one: Witness, other: Witness) -> Iterator[Difference]:
    """Bars at which adjusted closes move otherwise though both tell the same action; and a basis of their own."""
    same = (pl.col("told") / pl.col("told_other") - 1).abs() <= _LINK
    apart = (pl.col("link") / pl.col("link_other") - 1).abs() > _LINK
    for row in both.filter(same & apart & (pl.col("place") > 0)).iter_rows(named=True):
        off = [abs(row[f"link{each}"] / row[f"told{each}"] - 1) for each in ("", "_other")]
        source = (one if off[0] > off[1] else other).source
        day = row["price_date"]
        values = (f"{row['link']:.6g}", f"{row['link_other']:.6g}")
        yield Difference("adjustment", day, day, 1, *values, source, "its adjusted closes contradict its own actions")
    if both.is_empty():
        return
    basis, others = both["basis"][-1], both["basis_other"][-1]
    if abs(basis / others - 1) > _LINK:
        first, last = both["price_date"][0], both["price_date"][-1]
        source = (one if abs(basis - 1) > abs(others - 1) else other).source
        evidence = "its newest adjusted close is not its close"
        yield Difference("adjustment", first, last, len(both), f"{basis:.6g}", f"{others:.6g}", source, evidence)
