"""Prices must move as their actions tell, and as prices do; what is great but real is left alone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from tools.faults.injections import FAULTS as INJECTIONS
from tools.faults.injections import Fault, scaled, told, with_dividend, with_split, with_volumes
from tools.faults.series import calm, clean, readjusted

from stocks.silver import ParsedSeries
from stocks.silver.rules import ANSWER_RULES

PLACE = 200
CALM = calm(random.Random(0))
FAULTS = {fault.name: fault for fault in INJECTIONS}


def said(parsed: ParsedSeries) -> tuple[list[str], list[str], list[str]]:
    """The rules that hold the series, that reject bars, and that warn."""
    return list(parsed.faults), parsed.rejects["rule"].to_list(), parsed.suspects["rule"].to_list()


def injected(fault: Fault, seed: int = 0) -> ParsedSeries:
    _, wrong = fault.spoil(calm(random.Random(seed)), PLACE, random.Random(seed))
    return wrong.judged()


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("1:10 reverse split told as 10:1", "action_not_in_price"),
        ("2:1 split told as 4:1", "action_not_in_price"),
        ("2:1 split told, price unmoved", "action_not_in_price"),
        ("1:10 reverse split told, price unmoved", "action_not_in_price"),
        ("dividend told a hundredfold", "action_not_in_price"),
        ("2:1 split not told", "untold_split"),
        ("pence for pounds from a day on", "price_jump"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_what_the_price_contradicts_holds_the_series(name, rule, seed):
    parsed = injected(FAULTS[name], seed)
    assert said(parsed)[:2] == ([rule], [])
    assert CALM.days[PLACE].isoformat() in parsed.refused
    assert parsed.refused[0].isupper()
    assert parsed.refused.endswith(".")


def test_a_bar_a_hundred_times_off_is_rejected_alone():
    assert said(injected(FAULTS["one bar a hundred times off"])) == ([], ["price_spike"], [])


@pytest.mark.parametrize("count", [2, 5])
def test_up_to_five_bars_that_are_far_off_are_rejected_alone(count):
    spoiled = readjusted(scaled(CALM, PLACE, PLACE + count, 0.01))
    assert said(spoiled.judged()) == ([], ["price_spike"] * count, [])
    longer = readjusted(scaled(CALM, PLACE, PLACE + 6, 0.01))
    assert list(longer.judged().faults) == ["price_jump"]


@pytest.mark.parametrize(
    ("name", "rule"),
    [("5:4 split not told", "quiet_gap"), ("volume a hundredth from a day on", "volume_level")],
)
def test_what_is_odd_but_possible_is_told_and_applied(name, rule):
    parsed = injected(FAULTS[name])
    assert said(parsed) == ([], [], [rule])
    assert parsed.suspects["price_date"].to_list() == [CALM.days[PLACE]]


@pytest.mark.parametrize("ratio", [2.0, 4.0, 7.0, 1.5, 1.25, 1.05, 0.1, 0.5, 1 / 15, 1 / 150, 50.0])
def test_a_split_that_the_price_follows_is_right(ratio):
    assert said(with_split(CALM, PLACE, ratio).judged()) == ([], [], [])


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9])
def test_a_dividend_that_the_price_follows_is_right(share):
    assert said(with_dividend(CALM, PLACE, share).judged()) == ([], [], [])


@pytest.mark.parametrize("factor", [0.5, 0.2, 2.0])
def test_a_crash_in_which_much_is_traded_is_right(factor):
    """Apple's price fell by half on 2000-09-29, at once and almost exactly; twelve times as much was traded."""
    fallen = scaled(CALM, PLACE, 400, factor)
    assert said(readjusted(told(fallen, PLACE, volumes=12_000_000 / factor)).judged()) == ([], [], [])


def test_a_crash_that_takes_the_whole_day_is_right():
    fallen = scaled(CALM, PLACE, 400, 0.5)
    opened = CALM.opens[PLACE]
    assert said(readjusted(told(fallen, PLACE, opens=opened, highs=opened)).judged()) == ([], [], [])


def test_a_fall_on_the_day_of_a_dividend_is_right():
    paid = with_dividend(CALM, PLACE, 0.01)
    assert said(readjusted(scaled(paid, PLACE, 400, 0.4)).judged()) == ([], [], [])


def test_a_rise_on_the_day_of_a_small_dividend_is_none_of_its():
    """Results may be told on an ex-date: a dividend of 1 % that is wrong can't be why the price is 15 % higher."""
    paid = with_dividend(CALM, PLACE, 0.01)
    higher = readjusted(told(scaled(paid, PLACE, 400, 1.15), PLACE, volumes=12_000_000))
    assert said(higher.judged()) == ([], [], [])


def test_a_quiet_fall_by_half_that_comes_back_only_warns():
    back = readjusted(scaled(CALM, PLACE, PLACE + 2, 0.5))
    assert said(back.judged()) == ([], [], ["quiet_gap", "quiet_gap"])


def test_prices_of_less_than_a_cent_are_not_judged():
    """The smallest step of such a price is a doubling, and more."""
    cheap = scaled(CALM, 0, 400, 0.0001)
    assert said(readjusted(scaled(cheap, PLACE, 400, 30)).judged()) == ([], [], [])


def test_a_jump_after_a_session_that_was_not_told_is_no_fault():
    jumped = readjusted(scaled(CALM, PLACE, 400, 0.01))
    columns = {
        name: [*column[: PLACE - 1], *column[PLACE:]] for name, column in vars(jumped).items() if name != "decimals"
    }
    assert said(replace(jumped, **columns).judged()) == ([], [], [])


def test_a_volume_that_falls_to_nothing_or_follows_a_split_is_left_alone():
    assert said(with_volumes(CALM, PLACE, 0.0).judged()) == ([], [], [])
    assert said(with_split(CALM, PLACE, 0.01).judged()) == ([], [], [])
    assert said(with_volumes(CALM, PLACE, 0.3).judged()) == ([], [], [])


def test_every_fault_is_told():
    """An answer may break several rules, and a person who accepts one has not accepted the others."""
    twice = with_split(CALM, PLACE, 2.0)
    twice = readjusted(scaled(told(twice, PLACE, splits=4.0), 300, 400, 100))
    assert list(twice.judged().faults) == ["action_not_in_price", "price_jump"]
    assert set(twice.judged().faults) <= set(ANSWER_RULES)


@pytest.mark.parametrize("seed", range(20))
def test_a_clean_series_of_25_years_is_not_held(seed):
    faults, rejects, _ = said(clean(random.Random(seed)).judged())
    assert (faults, rejects) == ([], [])
