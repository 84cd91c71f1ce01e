"""The faults that providers are known to have, each as what it does to a series that is right."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tools.faults.series import Series, readjusted

from stocks.providers.sample.actions import Actions, adjusted_closes

Spoil = Callable[[Series, int, random.Random], tuple[Series, Series]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault of a provider.

    `spoil` takes a series, the place of a bar and chance; it gives the series as it truly is (with the action that the
    fault is about) and as it is told, with adjusted closes that agree with what is told.
    """

    name: str
    spoil: Spoil
    has_two_ways: bool = True
    """Whether the adjusted closes may as well be the true ones."""
    why_silent: str = ""
    """Why one provider alone can't tell, where it can't."""


def told(series: Series, place: int, **values: float) -> Series:
    """The series with other values in one bar; names are those of its columns."""
    columns: dict[str, Any] = {}
    for name, value in values.items():
        column = list(getattr(series, name))
        column[place] = value
        columns[name] = column
    return replace(series, **columns)


def scaled(series: Series, first: int, last: int, factor: float) -> Series:
    """The series with all prices as traded of some bars multiplied."""
    columns: dict[str, Any] = {
        name: [
            round(price * factor, 6) if first <= place < last else price
            for place, price in enumerate(getattr(series, name))
        ]
        for name in ("opens", "highs", "lows", "closes")
    }
    return replace(series, **columns)


def with_volumes(series: Series, first: int, factor: float) -> Series:
    """The series with the volumes from a bar on multiplied."""
    volumes = [round(volume * factor) if place >= first else volume for place, volume in enumerate(series.volumes)]
    return replace(series, volumes=volumes)


def with_split(series: Series, place: int, ratio: float) -> Series:
    """The series with a split, which its prices and volumes follow."""
    quiet = told(series, place, splits=1.0, dividends=0.0)
    split = with_volumes(scaled(quiet, place, len(series), 1 / ratio), place, ratio)
    dividends = [paid / ratio if at > place else paid for at, paid in enumerate(split.dividends)]
    return readjusted(told(replace(split, dividends=dividends), place, splits=ratio))


def with_dividend(series: Series, place: int, share: float) -> Series:
    """The series with a dividend of a share of the close before, which its prices follow."""
    paid = max(round(series.closes[place - 1] * share, 4), 0.0001)
    quiet = told(series, place, splits=1.0, dividends=0.0)
    left = 1 - paid / series.closes[place - 1]
    return readjusted(told(scaled(quiet, place, len(series), left), place, dividends=paid))


def split_told_as(true: float, wrong: float) -> Spoil:
    """A split whose coefficient is told wrong."""

    def spoil(series: Series, place: int, chance: random.Random) -> tuple[Series, Series]:  # noqa: ARG001
        right = with_split(series, place, true) if true != 1 else told(series, place, splits=1.0, dividends=0.0)
        right = readjusted(right)
        return right, readjusted(told(right, place, splits=wrong))

    return spoil


def dividend_told(change: Callable[[float], float], share: tuple[float, float] = (0.003, 0.015)) -> Spoil:
    """A dividend whose amount is told wrong."""

    def spoil(series: Series, place: int, chance: random.Random) -> tuple[Series, Series]:
        right = with_dividend(series, place, chance.uniform(*share))
        wrong = round(change(right.dividends[place]), 4)
        return right, readjusted(told(right, place, dividends=wrong))

    return spoil


def dividend_on_wrong_day(series: Series, place: int, chance: random.Random) -> tuple[Series, Series]:
    """A dividend that is told some sessions late."""
    right = with_dividend(series, place, chance.uniform(0.003, 0.015))
    late = min(place + chance.randint(1, 3), len(right) - 1)
    paid = right.dividends[place] + right.dividends[late]
    return right, readjusted(told(told(right, place, dividends=0.0), late, dividends=paid))


def repriced(first: Callable[[int], int], last: Callable[[int, int], int], factor: float) -> Spoil:
    """Prices that are told in another unit, from a bar to a bar."""

    def spoil(series: Series, place: int, chance: random.Random) -> tuple[Series, Series]:  # noqa: ARG001
        return series, readjusted(scaled(series, first(place), last(place, len(series)), factor))

    return spoil


def one_price(name: str, factor: float) -> Spoil:
    """One price of one bar that is off."""

    def spoil(series: Series, place: int, chance: random.Random) -> tuple[Series, Series]:  # noqa: ARG001
        return series, readjusted(told(series, place, **{name: round(getattr(series, name)[place] * factor, 4)}))

    return spoil


def another_company(series: Series, place: int, chance: random.Random) -> tuple[Series, Series]:
    """Bars of another series from a bar on: its first ones, at a price of their own."""
    other = chance.uniform(0.05, 0.6) if chance.random() < 0.5 else chance.uniform(1.7, 20)
    columns: dict[str, Any] = {}
    for name in ("opens", "highs", "lows", "closes"):
        mine, scale = getattr(series, name), series.closes[place - 1] * other / series.closes[0]
        columns[name] = [*mine[:place], *(round(price * scale, 4) for price in mine[: len(mine) - place])]
    times = chance.uniform(0.05, 20) * series.volumes[place - 1] / max(series.volumes[0], 1)
    volumes = [round(volume * times) for volume in series.volumes[: len(series) - place]]
    columns["volumes"] = [*series.volumes[:place], *volumes]
    columns["dividends"] = [*series.dividends[:place], *([0.0] * (len(series) - place))]
    columns["splits"] = [*series.splits[:place], *series.splits[: len(series) - place]]
    return series, readjusted(replace(series, **columns))


def shifted(series: Series, place: int, chance: random.Random) -> tuple[Series, Series]:  # noqa: ARG001
    """Every bar is told as that of the session after."""
    columns = {
        name: column[:-1] for name, column in vars(series).items() if name not in ("days", "decimals", "adjusted")
    }
    return series, readjusted(replace(series, days=series.days[1:], adjusted=series.adjusted[:-1], **columns))


def volumes_from(first: Callable[[int], int], factor: float) -> Spoil:
    """Volumes in another unit, from a bar on."""

    def spoil(series: Series, place: int, chance: random.Random) -> tuple[Series, Series]:  # noqa: ARG001
        return series, with_volumes(series, first(place), factor)

    return spoil


def revised(first: bool, *, then: bool = False) -> Spoil:
    """Adjusted closes that are 3 % off: of all bars, or of those before a bar; `then` a dividend follows."""

    def spoil(series: Series, place: int, chance: random.Random) -> tuple[Series, Series]:  # noqa: ARG001
        right = with_dividend(series, len(series) - 5, 0.01) if then else series
        end = len(right) if first else place
        exact = adjusted_closes(right.closes, Actions(right.dividends, right.splits))
        off = [round(price * (0.97 if at < end else 1), right.decimals) for at, price in enumerate(exact)]
        return right, replace(right, adjusted=off)

    return spoil


_SMALL = "the price moves on an ordinary day by more than the dividend does"
_ALONE = "every bar by itself is right, and there is nothing to compare it with"

FAULTS = (
    Fault(name="1:10 reverse split told as 10:1", spoil=split_told_as(0.1, 10.0)),
    Fault(name="2:1 split told as 4:1", spoil=split_told_as(2.0, 4.0)),
    Fault(name="2:1 split told, price unmoved", spoil=split_told_as(1.0, 2.0)),
    Fault(name="1:10 reverse split told, price unmoved", spoil=split_told_as(1.0, 0.1)),
    Fault(
        name="2:1 split not told",
        spoil=split_told_as(2.0, 1.0),
        why_silent="on a day of wide range or much trade it looks like a crash",
    ),
    Fault(
        name="5:4 split not told",
        spoil=split_told_as(1.25, 1.0),
        why_silent="volatile shares fall by a fifth on an ordinary day",
    ),
    Fault(
        name="dividend told a hundredfold",
        spoil=dividend_told(lambda paid: 100 * paid),
        why_silent="ten ordinary moves of volatile shares are as much",
    ),
    Fault(name="dividend not told", spoil=dividend_told(lambda _: 0.0), why_silent=_SMALL),
    Fault(name="dividend doubled", spoil=dividend_told(lambda paid: 2 * paid), why_silent=_SMALL),
    Fault(name="dividend halved", spoil=dividend_told(lambda paid: paid / 2), why_silent=_SMALL),
    Fault(name="dividend one to three sessions late", spoil=dividend_on_wrong_day, why_silent=_SMALL),
    Fault(name="one high ten times off", spoil=one_price("highs", 10), has_two_ways=False),
    Fault(name="one low a tenth", spoil=one_price("lows", 0.1), has_two_ways=False),
    Fault(name="one close a hundred times off", spoil=one_price("closes", 100)),
    Fault(name="one bar a hundred times off", spoil=repriced(lambda at: at, lambda at, _: at + 1, 100)),
    Fault(name="pence for pounds from a day on", spoil=repriced(lambda at: at, lambda _, end: end, 100)),
    Fault(
        name="another company's bars from a day on",
        spoil=another_company,
        has_two_ways=False,
        why_silent="a price may open anywhere when much is traded, and this one's volumes are others",
    ),
    Fault(name="all dates shifted by a session", spoil=shifted, has_two_ways=False, why_silent=_ALONE),
    Fault(name="volume a hundredth from a day on", spoil=volumes_from(lambda at: at, 0.01), has_two_ways=False),
    Fault(
        name="volume a hundredth in all bars",
        spoil=volumes_from(lambda _: 0, 0.01),
        has_two_ways=False,
        why_silent=_ALONE,
    ),
    Fault(name="adjusted closes 3 % off before a day", spoil=revised(first=False), has_two_ways=False),
    Fault(name="adjusted closes 3 % off in all bars", spoil=revised(first=True), has_two_ways=False, why_silent=_ALONE),
    Fault(
        name="adjusted closes 3 % off, then a dividend",
        spoil=revised(first=True, then=True),
        has_two_ways=False,
        why_silent=_ALONE,
    ),
)
