"""Two sources beside each other: what differs, and who is off by what evidence."""

from __future__ import annotations

import random
from dataclasses import replace

import polars as pl
import pytest
from tools.faults.injections import (
    another_company,
    scaled,
    shifted,
    told,
    with_dividend,
    with_split,
    with_volumes,
)
from tools.faults.series import Series, calm, readjusted

from stocks.silver.reconcile import Difference, Witness, reconcile

RIGHT = with_dividend(with_split(calm(random.Random(5)), 120, 2.0), 250, 0.01)
COUNT = len(RIGHT)


def witness(source: str, series: Series, **more: pl.DataFrame) -> Witness:
    return Witness(source=source, bars=series.judged().bars, **more)  # type: ignore[arg-type]


def between(wrong: Series) -> list[Difference]:
    """What is told of a wrong source after a right one; the other way round it must say the same."""
    found = reconcile(witness("right", RIGHT), witness("wrong", wrong))
    back = reconcile(witness("wrong", wrong), witness("right", RIGHT))
    assert [(told.what, told.first_date, told.off) for told in found] == [
        (told.what, told.first_date, told.off) for told in back
    ]
    return found


def weeks(series: Series) -> pl.DataFrame:
    bars = series.judged().bars.select("price_date", "close", "volume")
    return bars.filter(pl.col("price_date").dt.weekday() == 5)


def test_sources_that_say_the_same_agree():
    assert between(RIGHT) == []
    assert between(readjusted(scaled(RIGHT, 0, COUNT, 1.001))) == []
    assert between(RIGHT.until(300)) == [], "as of the same day"


@pytest.mark.parametrize(
    ("wrong", "what", "first", "bars", "evidence"),
    [
        (readjusted(scaled(RIGHT, 200, COUNT, 100)), "close", 200, COUNT - 200, "its price moves by 4.6"),
        (readjusted(scaled(RIGHT, 200, 202, 1.2)), "close", 200, 2, "its price moves by 0.1"),
        (readjusted(told(RIGHT, 120, splits=4.0)), "split", 120, 1, "its price does not follow"),
        (readjusted(told(RIGHT, 120, splits=1.0)), "split", 120, 1, "its price does not follow"),
        (told(RIGHT, 250, dividends=0.0), "bars", 250, 1, "sessions that it lacks"),
        (with_volumes(RIGHT, 200, 0.01), "volume", 200, COUNT - 200, "its volume changes its level"),
        (
            replace(RIGHT, adjusted=[price * 0.97 for price in RIGHT.adjusted]),
            "adjustment",
            0,
            COUNT,
            "its newest adjusted close is not its close",
        ),
        (
            replace(RIGHT, adjusted=[price * (0.97 if at < 50 else 1) for at, price in enumerate(RIGHT.adjusted)]),
            "bars",
            50,
            1,
            "sessions that it lacks",
        ),
    ],
)
def test_who_is_off_is_told_by_evidence(wrong, what, first, bars, evidence):
    found = between(wrong)
    assert {told.off for told in found} == {"wrong"}
    assert (found[0].what, found[0].first_date, found[0].bars) == (what, RIGHT.days[first], bars)
    assert evidence in found[0].evidence


@pytest.mark.parametrize(
    "wrong",
    [
        readjusted(told(RIGHT, 250, dividends=0.0)),
        readjusted(told(RIGHT, 250, dividends=2 * RIGHT.dividends[250])),
        with_volumes(RIGHT, 0, 0.01),
    ],
)
def test_what_can_not_be_told_is_not_guessed(wrong):
    [told] = between(wrong)
    assert told.off == ""
    assert told.evidence


def test_weekly_bars_are_a_witness():
    one, other = witness("right", RIGHT), witness("wrong", shifted(RIGHT, 0, random.Random(0))[1])
    [unknown] = reconcile(one, other)
    assert (unknown.what, unknown.off) == ("dates", "")
    [known] = reconcile(one, replace(other, weekly=weeks(RIGHT)))
    assert (known.what, known.off) == ("dates", "wrong")
    assert "weekly bars of wrong agree with the other" in known.evidence


def test_an_earlier_answer_is_a_witness():
    one = witness("right", RIGHT)
    wrong = with_volumes(RIGHT, 0, 0.01)
    [known] = reconcile(one, witness("wrong", wrong, before=RIGHT.judged().bars))
    assert (known.off, known.evidence) == ("wrong", "an earlier answer of its own said what the other says")


def test_another_company_blames_no_other():
    for seed in range(10):
        wrong = another_company(RIGHT, 200, random.Random(seed))[1]
        found = between(wrong)
        assert any(told.what == "close" and told.off in ("wrong", "") for told in found)
        assert all(told.off != "right" for told in found)


def test_a_bar_that_one_lacks_is_told_with_the_rule_that_rejected_it():
    spiked = readjusted(scaled(RIGHT, 300, 301, 100)).judged()
    [told] = reconcile(
        witness("right", RIGHT),
        Witness(source="wrong", bars=spiked.bars, rejected={RIGHT.days[300]: "price_spike"}),
    )
    assert (told.what, told.first_date, told.off) == ("bars", RIGHT.days[300], "wrong")
    assert "price_spike" in told.evidence
