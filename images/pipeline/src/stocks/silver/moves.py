"""Whether a series' prices move as prices do, and as its actions tell.

Adjusted closes may agree with a wrong action as well as with a right one: then only the prices as traded can tell. By
what a bar's split S and dividend D say, the close C should be near (P / S - D), with the close P before. The rest,

    move = ln(S (C + D) / P)

is what the market did that day. It is measured by the size of the sixty moves before. Real crashes open far off,
too, but not in silence: their day's range is wide, and more money changes hands. Prices under a cent are not judged:
there the smallest step is a doubling.

A week hides on which day something happened, and its range is that of five: which gap was quiet can't be told from it.
So far-off closes, contradicted dividends and levels of volume are all that weekly series are judged by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from stocks.silver.rules import ACTION_NOT_IN_PRICE, PRICE_JUMP, QUIET_GAP, UNTOLD_SPLIT, VOLUME_LEVEL

_CENT = 0.01
_FAR = math.log(20)  # pence for pounds is ln 100
_SPIKE_AT_MOST = 5  # bars

_BEFORE = 60  # bars by which a move is measured
_BEFORE_AT_LEAST = 10
_UNKNOWN_SIZE = 0.03  # of a day's move, where too few bars are before it
_SMALLEST_SIZE = 0.005
_UNLIKELY = 10  # sizes
_GAP = 0.15  # a fall by 14 %, a rise by 16 %
_SHARE_OF_ACTION = 0.7  # as much of what an action tells did not happen
_TIMES_ACTION = 2.5  # and no more: a split told the wrong way round is twice what is told
_GREAT = 0.4  # a fall by a third; greater moves on the day of an action are not believed whatever the action is

_QUIET_RANGE = 2.5  # times the usual; when Apple's price fell by half it was 2.4,
_QUIET_VALUE = 3.0  # and this 12.5: no gap like it in the sample's real prices was below 3.6
_SPLITS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20)
_SPLIT_WITHIN = 0.05

_LEVEL = 10  # bars on each side of a step in volume
_LEVEL_APART = 5.0  # the least of the one side over the most of the other


@dataclass(frozen=True, kw_only=True)
class Moves:
    """What the prices say."""

    spikes: dict[int, str] = field(default_factory=dict)
    """Why a bar is to be rejected, by its place in the series."""
    faults: dict[str, str] = field(default_factory=dict)
    """Why the series can't be right, by rule of `rules.ANSWER_RULES`."""
    suspects: list[tuple[int, str, str]] = field(default_factory=list)
    """Place, rule of `rules.SUSPECT_RULES` and reason of bars that are odd, but can be right."""


def check_moves(bars: pl.DataFrame, *, weekly: bool = False) -> Moves:
    """Judges every move from bar to bar.

    Args:
        bars: price_date, open, high, low, close, volume, dividend_amount and split_coefficient, by date; is_blind
            Boolean: between a bar and the bar before is a session that may have had an action.
        weekly: Whether they are weeks.
    """
    moves = _measured(bars)
    spikes, jumps = _spikes(moves)
    suspects: list[tuple[int, str, str]] = []
    found: dict[str, list[str]] = {rule: [] for rule in (ACTION_NOT_IN_PRICE, PRICE_JUMP, UNTOLD_SPLIT)}
    contradicted = [row for row in moves.filter("has_action").iter_rows(named=True) if _is_contradicted(row)]
    for row in contradicted:
        if row["place"] not in spikes:
            found[ACTION_NOT_IN_PRICE].append(_tell_action(row))
    for place in sorted(set(jumps) - {row["place"] for row in contradicted}):
        found[PRICE_JUMP].append(f"{_tell_move(moves.row(place, named=True))}, and no split tells why")
    for row in () if weekly else moves.filter("is_gap").iter_rows(named=True):
        place = row["place"]
        if place in jumps or place in spikes or place - 1 in spikes or not _is_quiet_gap(moves, row):
            continue
        if (split := _split(row["move"])) and not _is_undone(moves, place):
            found[UNTOLD_SPLIT].append(f"{_tell_move(row)}, on a quiet day: a split of {split} that is not told")
        else:
            suspects.append((place, QUIET_GAP, f"{_tell_move(row)}, on a day of ordinary range and traded value"))
    for place in moves["is_step"].arg_true():
        times = _times(_level(moves, place) / _level(moves, place - _LEVEL))
        suspects.append((place, VOLUME_LEVEL, f"the volume of ten sessions is {times} that of the ten before"))
    return Moves(
        spikes=spikes,
        faults={rule: _first_of(reasons) for rule, reasons in found.items() if reasons},
        suspects=suspects,
    )


def _measured(bars: pl.DataFrame) -> pl.DataFrame:
    """What is odd of each bar.

    Returns:
        The bars; `place`; the close `before`, the `move` from it, and the `gap` from it to the open; the `size` of the
        moves before; `shares`, the volume on one share basis; `is_far`, `has_action`, `is_gap` (a far gap without an
        action), `is_step` (from here on the volume is on another level: every one of ten days far below or above every
        one of the ten before), Boolean.
    """
    close, split, paid = pl.col("close"), pl.col("split_coefficient"), pl.col("dividend_amount")
    before, move, gap, judged = pl.col("before"), pl.col("move"), pl.col("gap"), pl.col("judged")
    low, high, low_after, high_after = map(pl.col, ("low_before", "high_before", "low_after", "high_after"))
    shares, has_action = pl.col("shares"), (split != 1) | (paid > 0)
    return (
        bars.with_columns(
            place=pl.int_range(pl.len()),
            before=close.shift(1),
            shares=pl.col("volume") / split.cum_prod(),  # a split changes the number of shares
        )
        .with_columns(
            move=(split * (close + paid) / before).log(),
            gap=(split * (pl.col("open") + paid) / before).log(),
            judged=~pl.col("is_blind") & (close >= _CENT) & (before >= _CENT),
            low_after=shares.rolling_min(_LEVEL).shift(1 - _LEVEL),
            high_after=shares.rolling_max(_LEVEL).shift(1 - _LEVEL),
        )
        .with_columns(
            size=(1.2 * move.abs().rolling_mean(_BEFORE, min_samples=_BEFORE_AT_LEAST).shift(1))
            .fill_null(1.2 * _UNKNOWN_SIZE)
            .clip(_SMALLEST_SIZE),
            low_before=low_after.shift(_LEVEL),
            high_before=high_after.shift(_LEVEL),
        )
        .with_columns(
            is_far=(judged & (move.abs() > _FAR)).fill_null(value=False),
            has_action=(judged & has_action).fill_null(value=False),
            is_gap=(judged & ~has_action & (gap.abs() > _GAP)).fill_null(value=False),
            is_step=(
                ((low > _LEVEL_APART * high_after) & (high_after > 0))
                | ((low_after > _LEVEL_APART * high) & (high > 0))
            ).fill_null(value=False),
        )
    )


def _is_contradicted(row: dict[str, Any]) -> bool:
    """Whether the close does not follow a bar's action.

    A split may be too large or too small, a dividend too large alone: a fall with one is a fall.
    """
    split, paid, move = row["split_coefficient"], row["dividend_amount"], row["move"]
    told = abs(math.log(split)) + math.log1p(paid * split / row["before"])
    against = max(_UNLIKELY * row["size"], min(_GREAT, _SHARE_OF_ACTION * told))
    return bool(
        against < abs(move) < _TIMES_ACTION * told
        and row["gap"] * move > 0
        and abs(row["gap"]) > against / 2
        and (split != 1 or move > 0)
    )


def _is_quiet_gap(moves: pl.DataFrame, row: dict[str, Any]) -> bool:
    """Whether a far gap is unlikely and stays, on a day of usual range and traded value."""
    gap, move, place = abs(row["gap"]), row["move"], row["place"]
    if gap <= _UNLIKELY * row["size"] or row["gap"] * move <= 0 or abs(move) <= gap / 2 or place < _BEFORE_AT_LEAST:
        return False
    days = moves.slice(max(place - _BEFORE, 0), min(_BEFORE, place) + 1)
    ranges, values = (days["high"] / days["low"]).log(), days["close"] * days["volume"]
    usual_range, usual_value = ranges.head(-1).mean(), values.head(-1).median()
    assert isinstance(usual_range, float)
    assert isinstance(usual_value, float)
    return bool(ranges[-1] < _QUIET_RANGE * usual_range and values[-1] < _QUIET_VALUE * usual_value)


def _spikes(moves: pl.DataFrame) -> tuple[dict[int, str], list[int]]:
    """Bars that are far off from both sides, which agree without them; and where the price stays far off."""
    far = moves["is_far"].arg_true().to_list()
    spikes: dict[int, str] = {}
    jumps = []
    back_until = -1
    for place in far:
        if place <= back_until:
            continue
        for after in (each for each in far if place < each <= place + _SPIKE_AT_MOST):
            if abs(float(moves["move"].slice(place, after - place + 1).sum())) < _FAR / 2:
                why = f"{_tell_move(moves.row(place, named=True))}, and goes back"
                spikes |= dict.fromkeys(range(place, after), why)
                back_until = after
                break
        else:
            jumps.append(place)
    return spikes, jumps


def _is_undone(moves: pl.DataFrame, place: int) -> bool:
    """Whether the price is again where it was soon after, or was there shortly before."""
    move, first = moves["move"], max(place - _SPIKE_AT_MOST, 1)
    ahead = move.slice(place, _SPIKE_AT_MOST + 1).cum_sum()
    back = move.slice(first, place - first + 1).reverse().cum_sum()
    return bool((pl.concat([ahead, back]).abs() < abs(move[place]) / 3).any())


def _split(move: float) -> str:
    """The split that a move looks like; empty where it looks like none. Below 2:1 too many moves do."""
    ratio = math.exp(abs(move))
    for split in _SPLITS:
        if abs(ratio / split - 1) <= _SPLIT_WITHIN:
            return f"{split}:1" if move < 0 else f"1:{split}"
    return ""


def _level(moves: pl.DataFrame, place: int) -> float:
    middle = moves["shares"].slice(place, _LEVEL).median()
    assert isinstance(middle, float)
    return middle


def _times(ratio: float) -> str:
    return f"{ratio:,.3g} times"


def _tell_move(row: dict[str, Any]) -> str:
    close, before = row["close"], row["before"]
    return f"the close of {row['price_date']} ({close:g}) is {_times(close / before)} the one before"


def _tell_action(row: dict[str, Any]) -> str:
    actions = [f"a split of {row['split_coefficient']:g}"] if row["split_coefficient"] != 1 else []
    actions += [f"a dividend of {row['dividend_amount']:g}"] if row["dividend_amount"] else []
    return f"{_tell_move(row)}, which {' and '.join(actions)} can't be"


def _first_of(reasons: list[str]) -> str:
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    first = reasons[0]
    return f"{first[0].upper()}{first[1:]}{more}."
