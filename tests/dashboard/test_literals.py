"""Parameters become SQL as data, whatever is in them."""

from __future__ import annotations

import math
import re
from datetime import date, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stocks_dashboard.literals import Symbol, literal, render

ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
HOSTILE = st.sampled_from(
    ["'; drop schema gold cascade; --", "\\'; select 1; --", "''", "\\", "${first}", "%s", "$$x$$", "E'\\x27'", "a\nb"]
)
fixture_is_shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture(scope="module")
def connection(gold_url: str):
    with psycopg.connect(gold_url, autocommit=True) as opened:
        yield opened


@pytest.mark.parametrize("conforming", ["on", "off"])
@given(text=ANY_TEXT | HOSTILE)
@fixture_is_shared
def test_a_text_comes_back_as_it_was(connection: psycopg.Connection, conforming: str, text: str) -> None:
    connection.execute(f"set standard_conforming_strings = {conforming}")
    assert connection.execute(f"select {literal(text)}".encode()).fetchone() == (text,)


@given(texts=st.lists(ANY_TEXT | HOSTILE, max_size=5))
@fixture_is_shared
def test_a_list_of_texts_comes_back_as_it_was(connection: psycopg.Connection, texts: list[str]) -> None:
    assert connection.execute(f"select {literal(texts)}".encode()).fetchone() == (texts,)


@given(
    value=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**62), 2**62) | st.dates() | st.booleans()
)
@fixture_is_shared
def test_numbers_and_days_come_back_as_they_were(connection: psycopg.Connection, value: object) -> None:
    assert connection.execute(f"select {literal(value)}".encode()).fetchone() == (value,)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["a\0b", "\ud800", math.nan, math.inf])
def test_what_sql_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogates|finite"):
        literal(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, b"x", {"a": 1}, datetime(2020, 1, 1), [1], object()])  # noqa: DTZ001
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="can't be"):
        literal(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["IBM", "TSCO.LON", "BRK-B", "^GSPC", "EURUSD=X", "005930.KS"])
def test_symbols_of_exchanges_are_symbols(text: str) -> None:
    assert Symbol(text) == text


@given(text=HOSTILE | st.sampled_from(["", "^", ".", "-IBM"]) | ANY_TEXT.filter(re.compile(r"[^A-Z0-9^.=-]").search))
def test_what_cannot_be_a_symbol_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="no symbol"):
        Symbol(text)


def test_a_parameter_that_looks_like_a_place_is_left_alone() -> None:
    rendered = render("select ${search}, ${first}", {"search": "${first}", "first": date(2020, 2, 29)})
    assert rendered == "select '${first}', date '2020-02-29'"


def test_a_place_without_parameter_and_a_parameter_without_place_are_errors() -> None:
    with pytest.raises(KeyError):
        render("select ${symbol}", {})
    with pytest.raises(ValueError, match="no place for symbol"):
        render("select 1", {"symbol": "IBM"})
