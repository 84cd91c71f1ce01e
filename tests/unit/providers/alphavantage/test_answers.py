"""Every answer of the provider is told apart, and only a series passes for one."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks.errors import (
    ConfigError,
    KeyRejected,
    MalformedPayload,
    NotEntitled,
    ProviderUnavailable,
    QuotaSpent,
    StocksError,
    Throttled,
    UnknownSymbol,
)
from stocks.providers import Endpoint
from stocks.providers.alphavantage.answers import DAILY, OVERVIEW, SERIES_KEYS, WEEKLY, check_answer
from stocks.providers.alphavantage.catalogue import CATALOGUE

EXPECTED: dict[str, type[StocksError]] = {
    "daily-quota": QuotaSpent,
    "daily-quota-2023": QuotaSpent,
    "burst": Throttled,
    "premium-burst": Throttled,
    "premium-minute": Throttled,
    "legacy-minute": Throttled,
    "premium-endpoint": NotEntitled,
    "premium-parameter": NotEntitled,
    "bad-symbol": UnknownSymbol,
    "bad-function": ConfigError,
    "bad-key": KeyRejected,
    "bad-key-information": KeyRejected,
    "demo-key": KeyRejected,
    "no-data": UnknownSymbol,
    "no-quote": UnknownSymbol,
    "empty-series": UnknownSymbol,
    "unknown-text": MalformedPayload,
    "not-json": MalformedPayload,
    "not-an-object": MalformedPayload,
    "html": MalformedPayload,
}

BAR = {"1. open": "1.0", "4. close": "1.0"}
# The longest and shortest words that a classifier by substrings trips over.
INFORMATION = "Daily Time Series; is a premium endpoint, 25 requests per day, per second, apikey, demo, burst pattern"


def series(information: str = "Daily Time Series", endpoint: Endpoint = DAILY, **more: object) -> bytes:
    meta = {"1. Information": information, "2. Symbol": "IBM"}
    return json.dumps({"Meta Data": meta, SERIES_KEYS[endpoint]: {"2013-03-01": BAR}, **more}).encode()


def error_of(body: bytes, endpoint: Endpoint = DAILY) -> StocksError:
    with pytest.raises(StocksError) as caught:
        check_answer(body, endpoint, "IBM")
    return caught.value


def test_the_expectations_cover_the_catalogue() -> None:
    assert set(EXPECTED) == {name for name, canned in CATALOGUE.items() if canned.status == 200}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("endpoint", [DAILY, WEEKLY])
def test_each_answer_of_the_catalogue_has_its_error(name: str, endpoint: Endpoint) -> None:
    body = CATALOGUE[name].body(endpoint.name, "<redacted>")
    error = error_of(body, endpoint)
    assert type(error) is EXPECTED[name]
    assert error.body == body
    assert error.message


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("burst", 1.2), ("premium-burst", 1.2), ("premium-minute", 60), ("legacy-minute", 60)],
)
def test_throttling_says_how_long_to_wait(name: str, seconds: float) -> None:
    error = error_of(CATALOGUE[name].body())
    assert isinstance(error, Throttled)
    assert error.retry_after == seconds
    assert error.or_spent is (name == "burst")


def test_what_is_not_entitled_names_the_way_out() -> None:
    assert "STOCKS_SERIES=weekly_adjusted" in str(error_of(CATALOGUE["premium-endpoint"].body()))


@pytest.mark.parametrize("endpoint", [DAILY, WEEKLY])
def test_a_series_passes_whatever_its_meta_data_say(endpoint: Endpoint) -> None:
    check_answer(series(INFORMATION, endpoint), endpoint, "IBM")


def test_a_series_with_a_remark_beside_it_passes() -> None:
    check_answer(series(Information=CATALOGUE["burst"].text), DAILY, "IBM")


def test_a_series_of_another_interval_is_no_answer() -> None:
    assert type(error_of(series(endpoint=WEEKLY), DAILY)) is MalformedPayload


@pytest.mark.parametrize("value", ["[]", '"text"', "1", "true"])
def test_a_series_of_another_type_is_malformed(value: str) -> None:
    assert type(error_of(f'{{"Time Series (Daily)": {value}}}'.encode())) is MalformedPayload


@pytest.mark.parametrize("value", ["{}", "{ \n }", "null"])
def test_an_empty_series_is_an_unknown_symbol(value: str) -> None:
    assert type(error_of(f'{{"Meta Data": {{"a": "b"}}, "Time Series (Daily)": {value}}}'.encode())) is UnknownSymbol


def test_an_overview_needs_a_symbol() -> None:
    check_answer(b'{"Symbol": "IBM", "Name": "International Business Machines"}', OVERVIEW, "IBM")
    assert type(error_of(b"{}", OVERVIEW)) is UnknownSymbol
    assert type(error_of(b'{"Name": "IBM"}', OVERVIEW)) is MalformedPayload
    assert type(error_of(CATALOGUE["daily-quota"].body(), OVERVIEW)) is QuotaSpent


@given(cut=st.integers(min_value=0, max_value=len(series()) - 1))
def test_a_series_that_breaks_off_is_a_passing_fault(cut: int) -> None:
    assert type(error_of(series()[:cut])) is ProviderUnavailable


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b'{"\xff": 1}', b'{"a":' + b"[" * 100_000, b"tru", b"null", b"{}x", b'{"a" 1}']
)
def test_what_is_no_json_object_is_malformed(body: bytes) -> None:
    assert type(error_of(body)) is MalformedPayload


@pytest.mark.parametrize("text", [None, 5, ["a"], {"a": "b"}, ""])
def test_an_error_field_without_a_text_is_malformed(text: object) -> None:
    assert type(error_of(json.dumps({"Information": text, "other": 1}).encode())) is MalformedPayload


def test_a_long_text_is_quoted_in_part() -> None:
    assert len(error_of(json.dumps({"Note": "x" * 100_000}).encode()).message) < 400


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["Information", "Note", "message", "Error Message", "Meta Data", SERIES_KEYS[DAILY], "Symbol"])


@given(body=st.binary() | st.dictionaries(KEYS | st.text(), JSON).map(lambda d: json.dumps(d).encode()))
def test_wild_bodies_are_healthy_or_an_error_of_ours(body: bytes) -> None:
    for endpoint in (DAILY, WEEKLY, OVERVIEW):
        with suppress(StocksError):
            check_answer(body, endpoint, "IBM")
            document = json.loads(body)
            assert document["Symbol"] if endpoint is OVERVIEW else isinstance(document[SERIES_KEYS[endpoint]], dict)


@given(information=st.text())
def test_no_meta_data_turn_a_series_into_a_refusal(information: str) -> None:
    check_answer(series(information), DAILY, "IBM")
