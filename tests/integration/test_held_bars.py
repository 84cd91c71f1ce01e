"""An answer beside what silver holds: what was told before must still hold."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from tools.faults.beside import Beside
from tools.faults.injections import another_company, scaled, shifted, told, with_dividend, with_split, with_volumes
from tools.faults.series import Series, calm, readjusted

from stocks.silver.rules import ACCEPTABLE
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.migrate import migrate

COUNT, KNOWN = 420, 400
CHANCE = random.Random(1)


@pytest.fixture(scope="module")
def beside(new_database: Callable[[], AbstractContextManager[Warehouse]]) -> Iterator[Beside]:
    with new_database() as own:
        migrate(own)
        with own.connect(Role.WRITER) as connection:
            yield Beside(connection)


def series() -> Series:
    """Calm, with a split and three dividends of its own."""
    made = with_split(calm(random.Random(3), COUNT), 150, 2.0)
    for place in (60, 210, 390):
        made = with_dividend(made, place, 0.01)
    return made


SERIES = series()


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (another_company(SERIES, 380, CHANCE)[1], "closes_rewritten"),
        (shifted(SERIES, 0, CHANCE)[1], "closes_rewritten"),
        (readjusted(scaled(SERIES, 300, COUNT, 1.2)), "closes_rewritten"),
        (with_volumes(SERIES, 0, 0.01), "volumes_rewritten"),
        (with_volumes(SERIES, 393, 3), "volumes_rewritten"),
        (replace(SERIES, adjusted=[price * 0.97 for price in SERIES.adjusted]), "basis_revised"),
        (readjusted(replace(SERIES, splits=[1.0] * COUNT)), "actions_withdrawn"),
    ],
)
def test_what_was_told_before_is_not_rewritten(beside: Beside, wrong: Series, rule: str) -> None:
    rules = beside.held(SERIES.until(KNOWN), wrong).rules
    assert rule in rules
    assert set(rules) <= ACCEPTABLE


def test_an_action_later_explains_nothing_else(beside: Beside) -> None:
    later = with_dividend(SERIES, KNOWN + 5, 0.02)
    assert beside.held(SERIES.until(KNOWN), later).rules == []
    off = replace(later, adjusted=[price * 0.97 for price in later.adjusted])
    assert beside.held(SERIES.until(KNOWN), off).rules == ["basis_revised"]


def test_a_dividend_that_is_other_or_withdrawn_is_told_and_taken(beside: Beside) -> None:
    for amount in (0.0, 2 * SERIES.dividends[210]):
        verdict = beside.held(SERIES.until(KNOWN), readjusted(told(SERIES, 210, dividends=amount)))
        assert (verdict.rules, verdict.suspects) == ([], ["dividend_revised"])


def test_more_than_five_dividends_are_not_withdrawn(beside: Beside) -> None:
    rich = SERIES
    for place in range(20, 140, 20):
        rich = with_dividend(rich, place, 0.01)
    poor = readjusted(replace(rich, dividends=[0.0] * COUNT))
    assert beside.held(rich.until(KNOWN), poor).rules == ["actions_withdrawn"]


def test_a_few_corrected_closes_are_told_and_taken(beside: Beside) -> None:
    verdict = beside.held(SERIES.until(KNOWN), readjusted(scaled(SERIES, 300, 305, 1.02)))
    assert (verdict.rules, verdict.suspects) == ([], ["close_revised"] * 5)


@pytest.mark.parametrize(
    "right",
    [
        SERIES,
        with_split(SERIES, KNOWN + 3, 4.0),
        with_dividend(SERIES, KNOWN + 3, 0.5),
        readjusted(scaled(SERIES, 0, COUNT, 1.0001)),  # late trades
        with_volumes(SERIES, 0, 1.1),
    ],
)
def test_what_providers_do_is_taken(beside: Beside, right: Series) -> None:
    verdict = beside.held(SERIES.until(KNOWN), right)
    assert (verdict.rules, verdict.suspects) == ([], [])


def test_a_dividend_may_be_told_late(beside: Beside) -> None:
    late = with_dividend(SERIES, KNOWN - 3, 0.01)
    verdict = beside.held(readjusted(told(late, KNOWN - 3, dividends=0.0)).until(KNOWN), late)
    assert (verdict.rules, verdict.suspects) == ([], [])
