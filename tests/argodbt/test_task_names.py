"""Names that Kubernetes takes."""

import re

from hypothesis import given
from hypothesis import strategies as st

from argodbt.task_names import LONGEST, task_names

_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


@given(st.dictionaries(st.text(min_size=1), st.text(alphabet="aA_-.9ö", max_size=70), max_size=12))
def test_every_name_is_a_label_and_the_only_one_of_its_kind(wanted):
    names = task_names(wanted)
    assert names.keys() == wanted.keys()
    assert len(set(names.values())) == len(names)
    assert all(_LABEL.fullmatch(name) and len(name) <= LONGEST for name in names.values())


def test_a_name_that_is_free_stays_as_it_is():
    assert task_names({"a": "Fact_Prices", "b": "stg_orders.v2", "c": "2024_budget"}) == {
        "a": "fact-prices",
        "b": "stg-orders-v2",
        "c": "n-2024-budget",
    }


def test_names_that_collide_or_had_to_be_cut_tell_their_key_by_a_hash():
    names = task_names({"model.a.orders": "orders", "model.b.orders": "orders", "model.a.long": "x" * 51})
    assert re.fullmatch(r"orders-[0-9a-f]{8}", names["model.a.orders"])
    assert re.fullmatch(r"orders-[0-9a-f]{8}", names["model.b.orders"])
    assert re.fullmatch(r"x{41}-[0-9a-f]{8}", names["model.a.long"])


def test_a_plain_name_cannot_be_taken_for_a_hashed_one():
    hashed = task_names({"model.a.orders": "orders", "model.b.orders": "orders"})["model.a.orders"]
    names = task_names({"model.a.orders": "orders", "model.b.orders": "orders", "model.c.odd": hashed})
    assert len(set(names.values())) == 3


@given(st.dictionaries(st.text(min_size=1), st.text(alphabet="ab_-", max_size=4), max_size=8), st.text(min_size=1))
def test_another_task_changes_only_the_names_that_it_collides_with(wanted, key):
    before = {other: name for other, name in task_names(wanted).items() if other != key}
    after = task_names({**wanted, key: "something else"})
    assert {other: after[other] for other in before} == before
