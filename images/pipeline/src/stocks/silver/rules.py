"""What a bar must hold to. Every rule has a name, under which silver.rejected_bar counts its rejects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

import polars as pl

from stocks.providers.frame import FIELDS, PRICES

WITHIN = 1e-6
"""Relative tolerance where two prices should agree."""
_MOST_SHARES = 1e18  # a week of such days is a bigint still
_FARTHEST = 1e15  # from one: quotients, and products of a few such numbers, are still doubles
_CENT = 0.01
_WIDEST = 8  # a price ten times off is, of the farther of open and close, a little less
_ACTIONS = ("dividend_amount", "split_coefficient")
_NUMBERS = (*PRICES, *_ACTIONS)


@dataclass(frozen=True, kw_only=True)
class RowRule:
    """A rule that one row breaks or keeps.

    The expressions read the columns of `frame.Decoded.rows`, `price_date` Date (null: no date; of a weekly bar
    the session that dates it), `is_session` Boolean (whether the exchange held one that day) and `today` Date (the
    exchange's local date at the observation).
    """

    name: str
    meaning: str
    broken: pl.Expr
    """Boolean; null counts as kept: what is missing has a rule of its own."""
    reason: pl.Expr
    """String: what is wrong with this row."""


def _any(conditions: list[pl.Expr]) -> pl.Expr:
    return reduce(or_, conditions)


def _absent(name: str) -> pl.Expr:
    return pl.col(name).is_null() | ~pl.col(name).is_finite()


def _is_far(name: str) -> pl.Expr:
    return (pl.col(name) > _FARTHEST) | ((pl.col(name) > 0) & (pl.col(name) < 1 / _FARTHEST))


def _outside(price: str) -> RowRule:
    return RowRule(
        name=f"{price}_outside_range",
        meaning=f"The {price} lies outside low to high, by more than a millionth.",
        broken=((pl.col(price) > pl.col("high") * (1 + WITHIN)) | (pl.col(price) < pl.col("low") * (1 - WITHIN))),
        reason=pl.format(f"{price} {{}} is outside {{}} to {{}}", price, "low", "high"),
    )


ROW_RULES = (
    RowRule(
        name="unparsable_date",
        meaning="The row's key is not a date (YYYY-MM-DD) from 1900 on.",
        broken=pl.col("price_date").is_null(),
        reason=pl.format("{} is not a date", "date_text"),
    ),
    RowRule(
        name="missing_value",
        meaning="A price, the volume or an action is absent, null, infinite or no number, or told twice.",
        broken=~pl.all_horizontal(pl.col(FIELDS).is_finite()).fill_null(value=False),
        reason=pl.format(
            "no usable {}",
            pl.concat_list(pl.when(_absent(name)).then(pl.lit(name)) for name in FIELDS)
            .list.drop_nulls()
            .list.join(", "),
        ),
    ),
    RowRule(
        name="duplicate_date",
        meaning="The date stands more than once in the payload; which of its rows is right can't be told.",
        broken=pl.col("date_text").is_duplicated(),
        reason=pl.format("{} stands more than once", "date_text"),
    ),
    RowRule(
        name="price_not_positive",
        meaning="A price is zero or negative.",
        broken=pl.min_horizontal(PRICES) <= 0,
        reason=pl.format("the lowest of the row's prices is {}", pl.min_horizontal(PRICES)),
    ),
    RowRule(
        name="number_out_of_range",
        meaning="A price, the dividend or the split coefficient is above 10^15, or above zero and below 10^-15.",
        broken=(
            (pl.max_horizontal(PRICES) > _FARTHEST)
            | (pl.min_horizontal(PRICES) < 1 / _FARTHEST)  # of those above zero: the rule before asks for the others
            | _any([_is_far(name) for name in _ACTIONS])
        ),
        reason=pl.format(
            "{} out of range",
            pl.concat_list(pl.when(_is_far(name)).then(pl.lit(name)) for name in _NUMBERS)
            .list.drop_nulls()
            .list.join(", "),
        ),
    ),
    RowRule(
        name="high_below_low",
        meaning="The high is lower than the low.",
        broken=pl.col("high") < pl.col("low"),
        reason=pl.format("high {} is below low {}", "high", "low"),
    ),
    _outside("open"),
    _outside("close"),
    RowRule(
        name="range_too_wide",
        meaning="The high is more than eight times open and close, or the low less than an eighth of both.",
        # Below a cent the smallest step of a price is too large a part of it.
        broken=(
            (pl.min_horizontal("open", "close") >= _CENT)
            & (
                (pl.col("high") > _WIDEST * pl.max_horizontal("open", "close"))
                | (pl.col("low") < pl.min_horizontal("open", "close") / _WIDEST)
            )
        ),
        reason=pl.format("{} to {}, with open {} and close {}", "low", "high", "open", "close"),
    ),
    RowRule(
        name="volume_negative",
        meaning="The volume is negative.",
        broken=pl.col("volume") < 0,
        reason=pl.format("volume is {}", "volume"),
    ),
    RowRule(
        name="volume_not_an_integer",
        meaning="The volume is no whole number, or 10^18 or more.",
        broken=(pl.col("volume") != pl.col("volume").round()) | (pl.col("volume") >= _MOST_SHARES),
        reason=pl.format("volume is {}", "volume"),
    ),
    RowRule(
        name="negative_dividend",
        meaning="The dividend is negative.",
        broken=pl.col("dividend_amount") < 0,
        reason=pl.format("dividend is {}", "dividend_amount"),
    ),
    RowRule(
        name="split_not_positive",
        meaning="The split coefficient is zero or negative.",
        broken=pl.col("split_coefficient") <= 0,
        reason=pl.format("split coefficient is {}", "split_coefficient"),
    ),
    RowRule(
        name="future_date",
        meaning="The date is after the exchange's local date at the observation.",
        broken=pl.col("price_date") > pl.col("today"),
        reason=pl.format("{} had not come when it was observed", "date_text"),
    ),
    RowRule(
        name="not_a_session",
        meaning="The exchange held no session that day; of a weekly bar, none that week up to that day.",
        broken=~pl.col("is_session"),
        reason=pl.format("the exchange was closed on {}", "date_text"),
    ),
)
"""In the order in which they are asked: a row is rejected by the first that it breaks."""

DUPLICATE_WEEK = "duplicate_week"
FACTOR_DISCONTINUITY = "factor_discontinuity"
PRICE_SPIKE = "price_spike"

RULES: dict[str, str] = {rule.name: rule.meaning for rule in ROW_RULES} | {
    DUPLICATE_WEEK: "A later bar of the same ISO week is there: this one told of a part of the week.",
    FACTOR_DISCONTINUITY: (
        "Adjusted close over close moves, from one bar to the next, by what no dividend and no split tells."
    ),
    PRICE_SPIKE: "The close is more than twenty times off from both sides, for five bars at most.",
}
"""Every rule's name and meaning; the last three look at bars that kept all the others."""


NOT_A_SERIES = "not_a_series"
TWO_BASES = "two_bases"
TOO_MANY_REJECTS = "too_many_rejects"
ACTION_NOT_IN_PRICE = "action_not_in_price"
PRICE_JUMP = "price_jump"
UNTOLD_SPLIT = "untold_split"
BARS_MISSING = "bars_missing"
CLOSES_REWRITTEN = "closes_rewritten"
VOLUMES_REWRITTEN = "volumes_rewritten"
BASIS_REVISED = "basis_revised"
ACTIONS_WITHDRAWN = "actions_withdrawn"

ANSWER_RULES: dict[str, str] = {
    NOT_A_SERIES: "The answer holds no series of the symbol, or none of its rows can be used.",
    TWO_BASES: "The level of the adjusted closes shifts, and no dividend and no split tells why.",
    TOO_MANY_REJECTS: "More than five rows, and more than one in ten, break a rule.",
    ACTION_NOT_IN_PRICE: "A split or a dividend is told that the close as traded does not follow.",
    PRICE_JUMP: "The close as traded is more than twenty times, or less than a twentieth of, the one before, for good.",
    UNTOLD_SPLIT: "The close as traded moves as by a split, on a day of ordinary range and traded value; none is told.",
    BARS_MISSING: "More than five of the final bars told before are not in it, and more than one in a hundred.",
    CLOSES_REWRITTEN: "More than five final bars have another close as traded than was told before.",
    VOLUMES_REWRITTEN: "More than five final bars have twice the volume that was told before, or half of it.",
    BASIS_REVISED: "All adjusted closes are by a factor off from those told before, and no action tells why.",
    ACTIONS_WITHDRAWN: "A split that was told before, or more than five dividends, are told no more.",
}
"""What a whole answer must hold to; from BARS_MISSING on, beside the bars that silver holds.
One that breaks a rule is refused: the series is held as it was; by a rule of the latter only while more answers told
what silver holds than tell the contrary."""

ACCEPTABLE = frozenset(ANSWER_RULES) - {NOT_A_SERIES, TWO_BASES}
"""Those that a person may accept: the bars of such an answer can be right."""

QUIET_GAP = "quiet_gap"
VOLUME_LEVEL = "volume_level"
UNTOLD_SPIN_OFF = "untold_spin_off"
CLOSE_REVISED = "close_revised"
DIVIDEND_REVISED = "dividend_revised"
SERIES_REWRITTEN = "series_rewritten"

SUSPECT_RULES: dict[str, str] = {
    QUIET_GAP: "Open and close are far from the close before, on a day of ordinary range and traded value; no action.",
    VOLUME_LEVEL: "From this day on ten volumes are all less than a fifth, or more than five times, of the ten before.",
    UNTOLD_SPIN_OFF: (
        "Weekly: the adjusted closes before it are lower by what neither dividend nor split tells, and the price fell."
    ),
    CLOSE_REVISED: "The close as traded is another one than was told before; so are five more at most.",
    DIVIDEND_REVISED: "A dividend that was told before is another one now, or none.",
    SERIES_REWRITTEN: "As many answers contradict what was told before as had told that: the series is theirs now.",
}
"""What is odd of a bar, but can be right: it is applied, and gold warns."""


BREAKS = {rule.name: rule.broken.fill_null(value=False) for rule in ROW_RULES}
"""By rule, whether a row breaks it."""


FIRST_BROKEN = pl.coalesce(pl.when(rule.name).then(pl.lit(rule.name)) for rule in ROW_RULES)
"""The name of the first rule that a row breaks, from the columns of BREAKS; null where it keeps all."""

REASON = pl.coalesce(pl.when(rule.name).then(rule.reason) for rule in ROW_RULES)
"""What is wrong with a row by that rule."""
