"""Actions recovered from adjusted closes are the ones that made them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks.providers.sample.actions import Actions, adjusted_closes, recover_actions

CENTS = st.integers(min_value=0, max_value=100).map(lambda cents: cents / 100)
SPLITS = st.sampled_from([1.0, 1.0, 1.0, 1.5, 2.0, 3.0, 4.0, 7.0, 0.5, 0.1])
# Dividends of at most a tenth of the close.
DAYS = st.lists(
    st.tuples(st.integers(min_value=1_000, max_value=100_000).map(lambda cents: cents / 100), CENTS, SPLITS),
    min_size=1,
    max_size=50,
)


@given(days=DAYS, basis=st.floats(min_value=0.01, max_value=100))
def test_actions_survive_the_round_trip(days: list[tuple[float, float, float]], basis: float) -> None:
    closes = [close for close, _, _ in days]
    # Actions of the first bar leave no trace.
    actions = Actions([0.0, *(d for _, d, _ in days[1:])], [1.0, *(s for _, _, s in days[1:])])
    adjusted = [a * basis for a in adjusted_closes(closes, actions)]
    recovered = recover_actions(closes, adjusted)
    assert list(recovered.dividends) == pytest.approx(list(actions.dividends), abs=1e-12)
    assert list(recovered.splits) == list(actions.splits)


def test_a_split_and_a_dividend_on_one_day() -> None:
    closes, actions = [100.0, 50.0], Actions([0.0, 0.5], [1.0, 2.0])
    adjusted = adjusted_closes(closes, actions)
    assert adjusted == pytest.approx([100 * 50 / 50.5 / 2, 50.0])
    assert recover_actions(closes, adjusted) == actions


def test_the_newest_bar_has_factor_one_whatever_happened_on_it_and_before() -> None:
    assert adjusted_closes([10.0], Actions([1.0], [2.0])) == [10.0]
    assert adjusted_closes([], Actions([], [])) == []


def test_alpha_vantages_own_adjustment_of_ibm_is_reproduced() -> None:
    """On 2021-05-07 a dividend of 1.64 at a close of 145.46 gave the day before the factor 0.98885112."""
    before, _ = adjusted_closes([148.42, 145.46], Actions([0.0, 1.64], [1.0, 1.0]))
    assert before / 148.42 == pytest.approx(0.98885112, abs=1e-8)
