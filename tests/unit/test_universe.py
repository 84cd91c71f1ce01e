"""The universe and its symbols; a symbol becomes part of paths, so the check is a guard."""

from datetime import date, timedelta
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stocks.errors import ConfigError
from stocks.trading_calendar import calendar_of
from stocks.universe import Company, Status, check_symbol, companies, parse_symbols, read_seed, unique

REQUIRED = {"IBM", "MSFT", "NVDA", "GOOGL", "AAPL", "AMZN", "V", "MA", "TSCO.LON", "SHOP.TRT", "FB", "GOOG"}
LAST_DAY_OF_FB = date(2022, 6, 8)


def test_universe_has_what_the_architecture_names() -> None:
    assert set(companies()) >= REQUIRED


def test_universe_fits_into_a_free_keys_day() -> None:
    assert len(companies()) <= 24


def test_universe_is_whole_and_each_symbol_has_a_calendar() -> None:
    seen = []
    for row in read_seed("universe"):
        assert all(value for column, value in row.items() if column not in ("last_listed", "source")), row
        assert len(list(calendar_of(row["symbol"]).sessions(date(2024, 1, 1), date(2024, 1, 31)))) >= 21
        seen.append(row["symbol"])
    assert len(seen) == len(set(seen))


def test_london_is_quoted_in_pence() -> None:
    assert companies()["TSCO.LON"].currency == "GBX"
    assert companies()["SHOP.TRT"].currency == "CAD"


def test_fb_is_listed_until_it_became_meta() -> None:
    fb = companies()["FB"]
    assert (fb.status, fb.last_listed) == (Status.DELISTED, LAST_DAY_OF_FB)
    assert fb.is_listed(LAST_DAY_OF_FB)
    assert not fb.is_listed(LAST_DAY_OF_FB + timedelta(days=1))


def test_others_stay_listed() -> None:
    day = date(2026, 1, 1)
    assert [c.symbol for c in companies().values() if not c.is_listed(day)] == ["FB"]
    removed = Company(symbol="KO", is_removed=True)
    assert (removed.status, removed.is_listed(day)) == (Status.REMOVED, False)


@pytest.mark.parametrize("symbol", ["IBM", "V", "BRK-B", "BRK.B", "TSCO.LON", "SHOP.TRT", "600104.SHH", "0700.HK"])
def test_symbols_of_all_kinds_pass(symbol: str) -> None:
    assert check_symbol(symbol) == symbol


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "ibm", ".IBM", "IBM.", "-IBM", "A" * 21, "IBM;", "IBM'", "IBM?", "IBM&apikey=x"),
        *(".", "..", "../IBM", "IBM/..", "A..B", "/etc/passwd", "IBM\n", "IBM\0", "%2e%2e", "\\\\host"),
        *("\uff29\uff22\uff2d", "\u0130BM", "\u0663"),  # letters and digits, but not ours
    ],
)
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        check_symbol(text)


@given(st.text() | st.text("AZ09./\\-~%\0\n \uff0e", max_size=22))
@example("../../etc/passwd")
def test_symbol_that_passes_is_one_name_below_a_folder(text: str) -> None:
    try:
        symbol = check_symbol(text)
    except ConfigError:
        return
    path = PurePosixPath("/bronze/series") / symbol / "x"
    assert path.parts == ("/", "bronze", "series", symbol, "x")
    assert ".." not in symbol
    assert len(symbol) <= 20
    assert symbol.isascii()
    assert not set(symbol) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")


@given(st.text() | st.text("ab./, \t\n-", max_size=30))
def test_parsed_list_has_nothing_but_symbols_once_each(text: str) -> None:
    try:
        symbols = parse_symbols(text)
    except ConfigError:
        return
    assert len(set(symbols)) == len(symbols)
    assert [check_symbol(symbol) for symbol in symbols] == symbols
    assert parse_symbols(",".join(symbols)) == symbols


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("", []),
        (" \n", []),
        (" , ,", None),
        (",", None),
        ("ß", None),
        ("\u0131bm", None),
        ("IBM,\u0131bm", None),
        ("AAPL,IBM", ["AAPL", "IBM"]),
        ("ibm, aapl\tmsft\n", ["IBM", "AAPL", "MSFT"]),
        ("IBM,ibm,IBM", ["IBM"]),
        ("brk-b;", None),
        ("IBM,../x", None),
    ],
)
def test_list_of_symbols(text: str, symbols: list[str] | None) -> None:
    if symbols is None:
        with pytest.raises(ConfigError, match="is not a symbol"):
            parse_symbols(text)
    else:
        assert parse_symbols(text) == symbols


@given(st.lists(st.sampled_from("ABCDE")))
def test_unique_keeps_the_first_of_each(symbols: list[str]) -> None:
    assert unique(symbols) == sorted(set(symbols), key=symbols.index)


def test_seed_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.csv"):
        read_seed("nowhere")
