"""OVERVIEW answers -> attributes of a company."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks.errors import MalformedPayload
from stocks.providers.alphavantage.overview import parse_overview

IBM = {
    "Symbol": "IBM",
    "AssetType": "Common Stock",
    "Name": "International Business Machines",
    "Exchange": "NYSE",
    "Currency": "USD",
    "Country": "USA",
    "Sector": "TECHNOLOGY",
    "Industry": "INFORMATION TECHNOLOGY SERVICES",
    "FiscalYearEnd": "December",
    "MarketCapitalization": "1",
}


def overview(**changes: object) -> bytes:
    return json.dumps({**IBM, **changes}).encode()


def test_an_overview_gives_the_columns_of_company():
    assert parse_overview(overview()) == {
        "company_name": "International Business Machines",
        "asset_type": "Common Stock",
        "exchange": "NYSE",
        "currency": "USD",
        "country": "USA",
        "sector": "Technology",
        "industry": "Information Technology Services",
        "fiscal_year_end": "December",
    }


@pytest.mark.parametrize("nothing", ["None", "-", "", "  ", "0000-00-00", None, [], {}])
def test_placeholders_are_nulls(nothing):
    found = parse_overview(overview(Sector=nothing, Name=nothing))
    assert (found["sector"], found["company_name"]) == (None, None)


def test_an_absent_attribute_is_null():
    assert parse_overview(b'{"Symbol": "IBM"}')["sector"] is None


@pytest.mark.parametrize(
    ("name", "column", "told", "kept"),
    [
        ("Sector", "sector", ["TECHNOLOGY", "Technology", "technology"], "Technology"),
        ("Industry", "industry", ["AEROSPACE AND DEFENSE", "Aerospace and Defense"], "Aerospace and Defense"),
        ("Industry", "industry", ["OIL & GAS E&P", "Oil & Gas E&P"], "Oil & Gas E&P"),
        ("Industry", "industry", ["REIT - RETAIL", "REIT - Retail"], "REIT - Retail"),
        ("Industry", "industry", ["LADIES' WEAR", "Ladies' Wear"], "Ladies' Wear"),
        ("Industry", "industry", ["MEN'S WEAR", "Men's Wear"], "Men's Wear"),
        ("AssetType", "asset_type", ["COMMON STOCK", "Common Stock"], "Common Stock"),
        ("FiscalYearEnd", "fiscal_year_end", ["SEPTEMBER", "September"], "September"),
        ("Name", "company_name", ["APPLE INC", "Apple Inc"], "Apple Inc"),
        ("Name", "company_name", ["NVIDIA Corporation"], "NVIDIA Corporation"),
        ("Name", "company_name", ["IBM"], "IBM"),
        ("Exchange", "exchange", ["NASDAQ"], "NASDAQ"),
        ("Currency", "currency", ["GBp"], "GBp"),
        ("Country", "country", ["USA"], "USA"),
    ],
)
def test_capitals_do_not_make_another_company(name, column, told, kept):
    assert {parse_overview(overview(**{name: text}))[column] for text in told} == {kept}


@given(st.text(st.characters(codec="ascii"), max_size=30))
def test_a_sector_that_was_kept_stays_as_it_is(text):
    kept = parse_overview(overview(Sector=text))["sector"]
    assert kept is None or parse_overview(overview(Sector=kept))["sector"] == kept


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"Information": "premium"}', b'{"Symbol": null}'])
def test_what_is_no_overview_is_malformed(body):
    with pytest.raises(MalformedPayload):
        parse_overview(body)


def test_another_symbols_overview_is_malformed():
    assert parse_overview(overview(), symbol="ibm")
    with pytest.raises(MalformedPayload, match="'IBM'"):
        parse_overview(overview(), symbol="AAPL")


@given(st.binary() | st.dictionaries(st.sampled_from([*IBM]), st.text() | st.none()).map(json.dumps).map(str.encode))
def test_whatever_comes_gives_storable_attributes(body):
    try:
        found = parse_overview(body)
    except MalformedPayload:
        return
    for text in found.values():
        assert text is None or ("\0" not in text and text.encode())
