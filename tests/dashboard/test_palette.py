"""That the lines of a chart can be told apart, and from the ground, with any kind of colour vision."""

from __future__ import annotations

from itertools import combinations

import pytest
from tests.dashboard.vision import DEUTAN, NORMAL, PROTAN, contrast, distance, seen

from stocks_dashboard import queries
from stocks_dashboard.palette import DARK, LIGHT, Palette

GROUNDS = {"light": (LIGHT, "#FFFFFF"), "dark": (DARK, "#0E1117")}
themes = pytest.mark.parametrize(("colours", "ground"), GROUNDS.values(), ids=GROUNDS)


@pytest.mark.parametrize(
    ("one", "other", "published"),
    [  # of Sharma, Wu and Dalal 2005
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_distances_are_the_published_ones(one, other, published: float) -> None:
    assert distance(one, other) == pytest.approx(published, abs=1e-4)


@themes
@pytest.mark.parametrize("vision", [PROTAN, DEUTAN], ids=["protan", "deutan"])
def test_lines_that_the_colour_blind_might_confuse_have_other_dashes(
    colours: Palette, ground: str, vision: object
) -> None:
    for one, other in combinations(colours.series, 2):
        far = distance(seen(one.colour, vision), seen(other.colour, vision))
        assert far >= 15 or one.dash != other.dash, (one, other, far)


@themes
def test_lines_stand_out_from_the_ground_and_from_each_other(colours: Palette, ground: str) -> None:
    drawn = [*(each.colour for each in colours.series), *colours.averages, colours.rise, colours.fall, colours.accent]
    assert [each for each in drawn if contrast(each, ground) < 3] == []
    for one, other in combinations(colours.series, 2):
        assert distance(seen(one.colour, NORMAL), seen(other.colour, NORMAL)) >= 20


@themes
def test_averages_are_told_from_candles_and_from_each_other(colours: Palette, ground: str) -> None:
    for vision in (NORMAL, PROTAN, DEUTAN):
        for one, other in combinations((*colours.averages, colours.rise, colours.fall), 2):
            assert distance(seen(one, vision), seen(other, vision)) >= 10, (one, other)


def test_there_is_a_line_for_each_symbol_that_may_be_compared() -> None:
    assert {len(each.series) for each in (LIGHT, DARK)} == {queries.COMPARED}
