"""Pages by Streamlit's own test harness: what they show, what the address holds, what happens when nothing is there."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from tests.dashboard.conftest import Copy, OpenPage
from tests.dashboard.gate import gated
from tests.dashboard.serving import SCRIPT

from stocks_dashboard import views, warehouse

PAGES = ["", "compare", "stock", "market", "health"]


def texts(app: AppTest) -> str:
    """All that a page says, in one text."""
    kinds = ("title", "header", "caption", "markdown", "info", "warning", "error", "success", "metric")
    return "\n".join(
        f"{each.label}: {each.value}" if kind == "metric" else str(each.value)
        for kind in kinds
        for each in app.get(kind)
    )


def time_chart(app: AppTest) -> dict[str, Any]:
    """What the page's chart over sessions is told to draw, without its frame."""
    [found] = [each.proto for each in app.get("bidi_component") if each.proto.component_name.endswith(".time_chart")]
    return json.loads(found.mixed.json)


def assert_sound(app: AppTest) -> None:
    """The page shows its content: no exception, and no message about a failure."""
    assert not app.exception
    assert [each.value for each in app.title if "failed" in each.value] == []


def assert_no_password(app: AppTest, url: str) -> None:
    """All that the page sends to the browser is without it."""
    sent = "\n".join(str(getattr(each, "proto", "")) for each in app._tree)
    assert app.title[0].value.rpartition(" ")[2] in sent
    assert url.rsplit("@", 1)[0].rsplit(":", 1)[1] not in sent


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_its_content(open_page: OpenPage, gold_url: str, page: str) -> None:
    app = open_page(gold_url, page)
    assert_sound(app)
    assert app.title[0].value == (page.capitalize() or "Overview")
    assert "2013-03-01" in texts(app)
    assert_no_password(app, gold_url)


def test_the_search_narrows_the_overview(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url)
    assert app.dataframe[0].value.shape[0] == 5
    app.text_input(key="search").input("machines").run()
    assert list(app.dataframe[0].value["symbol"]) == ["IBM"]
    app.text_input(key="search").input("no such company").run()
    assert "No symbol matches" in texts(app)
    assert_sound(app)


@pytest.mark.parametrize("text", ["'", "\\", "%", "'; drop table gold.dim_stock; --", "\0", "${order}"])
def test_the_search_takes_any_text(open_page: OpenPage, gold_url: str, text: str) -> None:
    app = open_page(gold_url)
    app.text_input(key="search").input(text).run()
    assert_sound(app)


def test_the_overview_is_a_screener(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, order="volatility_52w", sector="Information Technology")
    assert list(app.dataframe[0].value["symbol"]) == ["AAPL", "MSFT", "IBM"]
    app.toggle(key="ascending").set_value(True).run()
    assert list(app.dataframe[0].value["symbol"]) == ["IBM", "MSFT", "AAPL"]
    app.multiselect(key="filter").set_value(["volatility_52w"]).run()
    app.number_input(key="min_volatility_52w").set_value(18).run()
    assert list(app.dataframe[0].value["symbol"]) == ["MSFT", "AAPL"]
    assert app.query_params == {
        "order": "volatility_52w",
        "sector": "Information Technology",
        "ascending": "true",
        "filter": "volatility_52w",
        "min_volatility_52w": "18",
    }


def test_ticks_are_of_symbols_whatever_the_order(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, watch=["AAPL", "IBM"])

    def ticked() -> list[str]:
        chosen = app.session_state["screen"]["selection"]["rows"]
        return [list(app.dataframe[0].value["symbol"])[place] for place in chosen]

    assert ticked() == ["AAPL", "IBM"]
    app.selectbox(key="order").select("return_1y").run()
    assert list(app.dataframe[0].value["symbol"]) == ["GOOG", "IBM", "MSFT", "AAPL", "FB"]
    assert sorted(ticked()) == ["AAPL", "IBM"]
    app.toggle(key="watched").set_value(True).run()
    assert list(app.dataframe[0].value["symbol"]) == ["IBM", "AAPL"]


def test_the_address_says_what_is_compared(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "compare", symbols=["IBM", "FB"], benchmark="AAPL", horizon="6M")
    assert app.multiselect(key="symbols").value == ["IBM", "FB"]
    assert [each["title"] for each in time_chart(app)["panes"]] == [
        "Index (start = 100)",
        "Relative to AAPL (= 100)",
        "Lead over AAPL (points)",
    ]
    assert set(app.dataframe[0].value["symbol"]) == {"IBM", "FB", "AAPL"}
    assert "100 on 2012-09-04" in texts(app)


def test_a_choice_is_written_to_the_address(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "stock")
    app.selectbox(key="symbol").select("GOOG").run()
    app.button_group(key="basis").set_value("total").run()
    assert app.query_params["symbol"] == "GOOG"
    assert app.query_params["basis"] == "total"
    assert "Alphabet Inc. Class C (GOOG)" in texts(app)


@pytest.mark.parametrize(
    ("page", "parameters"),
    [
        ("", {"sector": "'; drop schema gold; --", "order": "nothing"}),
        ("compare", {"symbols": ["NOPE", "IBM", "IBM", "x'y"], "benchmark": "NOPE", "horizon": "-1"}),
        ("compare", {"horizon": "Custom", "from": "2013-13-45", "to": "yesterday"}),
        (
            "stock",
            {"symbol": "NOPE'--", "horizon": "9Y", "basis": "half", "z": "many", "average": "7", "scale": "cubic"},
        ),
        ("stock", {"symbol": "FB", "horizon": "Custom", "from": "1900-01-01", "to": "2999-01-01"}),
        ("stock", {"symbol": "FB", "horizon": "Custom", "from": "2013-02-01", "to": "2012-06-01"}),
        ("stock", {"symbol": "FB", "horizon": "Custom", "from": "soon", "to": "2999-01-01"}),
        ("market", {"symbols": ["IBM"], "measure": "luck", "sector": "Moon"}),
        ("health", {"failing": "perhaps"}),
    ],
)
def test_an_address_that_makes_no_sense_gives_a_page(
    open_page: OpenPage, gold_url: str, page: str, parameters: dict[str, str]
) -> None:
    assert_sound(open_page(gold_url, page, **parameters))


def test_what_an_address_asks_for_in_vain_is_said(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "stock", basis="ha`lf")
    assert [each.value for each in app.toast] == ["The address asks for `half`, which isn't here: Prices."]
    app.selectbox(key="symbol").select("IBM").run()
    assert len(app.toast) == 0
    assert app.query_params == {"symbol": "IBM"}


def test_an_unknown_symbol_is_no_other_stock(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "stock", symbol="NO`APL")
    assert "No such symbol: `NOAPL`." in texts(app)
    assert app.selectbox(key="symbol").value is None
    assert len(app.metric) == 0
    app = open_page(gold_url, "stock", symbol="APPL")
    assert [each.label for each in app.button if each.key.startswith("symbol_")] == ["AAPL · Apple Inc."]
    app.button(key="symbol_APPL_AAPL").click().run()
    assert "Apple Inc. (AAPL)" in texts(app)
    assert app.query_params["symbol"] == "AAPL"


def test_unknown_symbols_leave_the_others(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "compare", symbols=["ibm", "MSFTT"], benchmark="gogle")
    assert app.multiselect(key="symbols").value == ["IBM"]
    assert set(app.dataframe[0].value["symbol"]) == {"IBM"}
    assert "No such symbol: `MSFTT`." in texts(app)
    assert "No such symbol: `gogle`." in texts(app)
    app.button(key="symbols_MSFTT_MSFT").click().run()
    assert app.multiselect(key="symbols").value == ["IBM", "MSFT"]


def test_symbols_are_found_in_any_case(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "stock", symbol="ibm")
    assert app.selectbox(key="symbol").value == "IBM"
    assert len(app.toast) == 0


def test_choices_outlive_a_change_of_page(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "stock", symbol="IBM", horizon="6M")
    app.button_group(key="basis").set_value("total").run()
    for name, said in (
        ("compare", "100 on 2012-09-04"),
        ("market", "Market"),
        ("stock", "what a holder who reinvests"),
    ):
        app._page_hash = next(key for key, each in app._registered_pages.items() if each["url_pathname"] == name)
        app.query_params.clear()  # as the menu's links do
        app.run()
        assert said in texts(app)
    assert "International Business Machines Corporation (IBM)" in texts(app)
    app.button_group(key="scale").set_value("log").run()
    assert app.query_params == {"symbol": "IBM", "horizon": "6M", "basis": "total", "scale": "log"}


def test_what_is_compared_is_what_is_correlated(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "market", symbols=["IBM", "MSFT"])
    assert app.multiselect(key="symbols").value == ["IBM", "MSFT"]
    app.multiselect(key="symbols").set_value([]).run()
    assert "symbols" not in app.query_params
    assert_sound(app)


def test_days_stay_as_they_were_asked_for(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(
        gold_url, "stock", **{"symbol": "IBM", "horizon": "Custom", "from": "2001-01-02", "to": "2012-06-29"}
    )
    asked = (date(2001, 1, 2), date(2012, 6, 29))
    assert app.date_input(key="days").value == asked
    app.selectbox(key="symbol").select("FB").run()
    assert_sound(app)
    assert app.date_input(key="days").value == asked
    assert "There are bars from 2012-05-18 to 2013-03-01." in texts(app)
    assert app.query_params["from"] == "2001-01-02"
    app.date_input(key="days").set_value((date(2012, 6, 1), date(2012, 7, 31))).run()
    assert "There are bars from" not in texts(app)
    assert app.query_params["to"] == "2012-07-31"


def test_every_module_of_a_page_is_in_the_registry_and_nowhere_else() -> None:
    folder = Path(views.__path__[0])
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {page.path for page in views.PAGES} == modules
    for path in folder.parent.glob("*.py"):
        assert not re.search(rf"\bviews\.({'|'.join(modules)})\b", path.read_text()), path


def test_a_week_that_goes_on_is_told_as_a_part(open_page: OpenPage, gold_url: str, gold_copy: Copy) -> None:
    assert "Week: " in texts(open_page(gold_url, "stock", symbol="IBM"))
    gold_copy.change("update gold.mart_stock_summary set is_week_over = false")
    assert "Week so far: " in texts(open_page(gold_copy.reader, "stock", symbol="IBM"))
    overview = open_page(gold_copy.reader)
    assert "Best week so far: " in texts(overview)
    assert "Best day: " in texts(overview)
    assert not overview.dataframe[0].value["is_week_over"].any()


def test_a_range_without_a_bar_says_so(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "stock", **{"horizon": "Custom", "from": "2012-12-25", "to": "2012-12-25"})
    assert_sound(app)
    assert "There is no bar in this range" in texts(app)


def test_symbols_without_a_common_day_say_so(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(
        gold_url, "compare", **{"symbols": ["FB", "IBM"], "horizon": "Custom", "from": "2005-01-03", "to": "2006-01-03"}
    )
    assert_sound(app)
    assert "no day in common" in texts(app)


def test_a_symbol_without_a_year_of_bars_shows_a_dash(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "stock", symbol="FB")
    assert "Volatility: —" in texts(app)
    assert "Null until there are as many" in next(each.help for each in app.metric if each.label == "Volatility")
    assert not any("Volatility" in each["title"] for each in time_chart(app)["panes"])


def test_without_an_address_the_page_names_the_variable(open_page: OpenPage) -> None:
    app = open_page(None)
    assert app.title[0].value == "The dashboard's settings are wrong"
    assert "STOCKS_WAREHOUSE_URL" in texts(app)
    assert not app.exception


@pytest.mark.parametrize("url", ["http://example.org", "postgresql://", "nonsense"])
def test_an_address_of_no_warehouse_is_said_to_be_wrong(open_page: OpenPage, url: str) -> None:
    app = open_page(url)
    assert app.title[0].value in ("The dashboard's settings are wrong", "The warehouse can't be reached")
    assert not app.exception


def test_a_refused_login_is_said_to_be_wrong(open_page: OpenPage, gold_url: str) -> None:
    head, tail = gold_url.rsplit("@", 1)
    app = open_page(f"{head}x@{tail}")
    assert app.title[0].value == "The dashboard's settings are wrong"
    assert "refused" in texts(app)
    assert head.rsplit(":", 1)[1] not in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_warehouse_that_is_down_gives_a_page_and_comes_back(open_page: OpenPage, gold_url: str, page: str) -> None:
    with gated(gold_url) as (gate, url):
        app = open_page(url, page)
        assert_sound(app)
        gate.shut()
        st.cache_data.clear()
        app.run()
        assert not app.exception
        assert app.title[0].value == "The warehouse can't be reached"
        assert "by itself" in texts(app)
        assert_no_password(app, gold_url)
        gate.open()
        app.run()
        assert app.title[0].value == (page.capitalize() or "Overview")


def test_a_warehouse_without_gold_says_how_to_fill_it(open_page: OpenPage, gold_copy: Copy) -> None:
    gold_copy.change("drop schema gold cascade")
    app = open_page(gold_copy.reader)
    assert app.title[0].value == "There is nothing to show yet"
    assert "make run" in texts(app)


def test_gold_that_was_never_published_is_nothing_to_show(open_page: OpenPage, gold_copy: Copy) -> None:
    gold_copy.change("update ops.gold_build set published_at = null")
    assert open_page(gold_copy.reader).title[0].value == "There is nothing to show yet"


def test_empty_gold_leaves_the_health_page(open_page: OpenPage, gold_copy: Copy) -> None:
    gold_copy.change("truncate gold.fact_adjusted_prices, gold.mart_stock_summary, gold.fact_weekly_prices")
    for page in ("", "compare", "stock", "market"):
        app = open_page(gold_copy.reader, page)
        assert "make run" in texts(app), page
        assert not app.exception
    app = open_page(gold_copy.reader, "health")
    assert_sound(app)
    assert "Runs" in texts(app)


def test_a_failed_build_is_shown_with_its_message(open_page: OpenPage, gold_copy: Copy) -> None:
    gold_copy.change(
        "insert into ops.gold_build (run_id, load_id, fingerprint, full_refresh, finished_at, message)"
        " select run_id, load_id, fingerprint, false, now(), 'prices_have_a_stock on fact: 7 rows.' from ops.gold_build"
        " limit 1"
    )
    app = open_page(gold_copy.reader, "health")
    assert "The latest build of gold failed" in texts(app)
    assert app.code[0].value == "prices_have_a_stock on fact: 7 rows."


def test_rules_are_broken_down_to_their_rows(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "health")
    assert "`assert_large_moves_have_an_action` warns; rows: 18" in texts(app)
    rows = [frame.value for frame in app.dataframe if "simple_return" in frame.value]
    assert "2000-09-29" in rows[0]["price_date"].to_list()


def test_the_badge_is_of_the_gold_that_is_shown_on_every_server(open_page: OpenPage, gold_copy: Copy) -> None:
    def badges(app: AppTest) -> list[str]:
        opening = [each.proto.popover.label for each in app.get("popover")]
        return [each for each in (*opening, *(each.value for each in app.markdown)) if "rules" in each]

    app = open_page(gold_copy.reader, "stock")
    before = badges(app)
    assert before
    gold_copy.change(
        "insert into ops.gold_build (run_id, load_id, fingerprint, full_refresh, finished_at, message)"
        " select run_id, load_id, fingerprint, false, now(), 'broken' from ops.gold_build limit 1",
        "insert into ops.data_quality (build_id, rule, model, severity, status, failures, checked_at)"
        " select max(build_id), 'a_rule', 'a_model', 'error', 'fail', 7, now() from ops.gold_build",
        "update ops.run set finished_at = now()",
    )
    warehouse._pulse.clear()
    assert badges(app.run()) == before
    st.cache_data.clear()  # another server has nothing from before
    assert badges(app.run()) == before
    app.session_state["badge_broken_rules"] = True
    app.run()
    assert "assert_large_moves_have_an_action" in texts(app)
    assert "a_rule" not in texts(app)  # what opens is of the same gold
    assert "`a_rule` stops the build" in texts(open_page(gold_copy.reader, "health"))


def test_a_held_series_shows_without_a_new_build(open_page: OpenPage, gold_copy: Copy) -> None:
    def opening(app: AppTest) -> str:
        return " ".join(each.proto.popover.label for each in app.get("popover"))

    app = open_page(gold_copy.reader, "stock")
    assert "series held" not in opening(app)
    gold_copy.change(
        "insert into ops.bronze_object (bronze_key, symbol, interval, source, endpoint, observed_at, status, rule,"
        " message) select 'k', symbol, interval, source, endpoint, now(), 'refused', 'bars_missing', 'It lacks bars.'"
        " from ops.bronze_object where symbol = 'MSFT' and interval is not null limit 1",
        "update ops.run set finished_at = now()",
    )
    warehouse._pulse.clear()
    assert "1 series held" in opening(app.run())


def test_averages_say_what_they_are_of_beside_candles_of_months(open_page: OpenPage, gold_url: str) -> None:
    app = open_page(gold_url, "stock", symbol="IBM", horizon="Max", average=["20", "200"])
    assert "A candle a month." in texts(app)
    prices = time_chart(app)["panes"][0]["series"]
    assert [each["title"] for each in prices if each["kind"] == "line"] == ["20-day average", "200-day average"]


def test_held_series_and_suspect_bars_are_listed(open_page: OpenPage, gold_url: str, gold_copy: Copy) -> None:
    assert "No bar of the newest answers is odd." in texts(open_page(gold_url, "health"))
    gold_copy.change(
        "insert into silver.suspect_bar select bronze_key, symbol, interval, source, '2013-02-28', 'series_rewritten',"
        " '12 of 12 final bars have another close. 1 answer tells so, 1 told what is held.', observed_at"
        " from ops.bronze_object where symbol = 'IBM' and status = 'loaded'",
        "insert into ops.bronze_object (bronze_key, symbol, interval, source, endpoint, observed_at, status, rule,"
        " message) select 'k', symbol, interval, source, endpoint, now(), 'refused', 'bars_missing', 'It lacks bars.'"
        " from ops.bronze_object where symbol = 'MSFT' and interval is not null limit 1",
    )
    app = open_page(gold_copy.reader, "health")
    assert_sound(app)
    said = texts(app)
    assert "Suspect bars" in said
    assert "No bar of the newest answers is odd." not in said
    assert any("1 series held" in badge.proto.popover.label for badge in app.get("popover"))
    [suspect] = [frame.value for frame in app.dataframe if {"price_date", "reason"} <= set(frame.value)]
    assert suspect["symbol"].to_list() == ["IBM"]
    assert suspect["rule"].to_list() == ["series_rewritten"]
    assert any("It lacks bars." in frame.value.to_csv() for frame in app.dataframe)


def test_late_refused_and_restated_data_are_shown(open_page: OpenPage, gold_copy: Copy) -> None:
    gold_copy.change(
        "update gold.mart_stock_summary set is_stale = true, expected_last_date = '2013-03-04' where symbol = 'IBM'",
        "insert into silver.rejected_bar values ('k', 'IBM', 'daily', '2013-03-04', 'high_below_low', 'high 1 < low 2',"
        " '{}', now(), 'sample')",
        "insert into silver.restatement values ('IBM', 'daily', now(), 7, '2013-01-02', '2013-02-01', 0.5, 'k',"
        " 'sample')",
        "insert into ops.api_budget values ('alphavantage:1a2b', '2026-11-20', 25, now(), now())",
    )
    app = open_page(gold_copy.reader, "health")
    assert_sound(app)
    assert "1 of 5 symbols late" in texts(app)
    assert "Requests, latest day: 25" in texts(app)
    cells = " ".join(frame.value.to_csv() for frame in app.dataframe)
    assert all(each in cells for each in ("high_below_low", "0.5", "alphavantage:1a2b"))
    assert "A bar of 2013-03-04 is expected" in texts(open_page(gold_copy.reader, "stock", symbol="IBM"))


def test_unchanged_gold_is_never_read_twice_and_a_new_build_at_once(open_page: OpenPage, gold_copy: Copy) -> None:
    with gated(gold_copy.reader) as (gate, url):
        app = open_page(url)
        # The pulse is asked again when its time is up: each time it is one connection.
        before = gate.connections
        app.run()
        assert gate.connections - before <= 1
        gold_copy.change("update gold.mart_stock_summary set close = 12345.67 where symbol = 'IBM'")
        warehouse._pulse.clear()
        app.run()
        assert 12345.67 not in list(app.dataframe[0].value["close"])
        gold_copy.change(
            "insert into ops.gold_build (run_id, load_id, fingerprint, full_refresh, published_at)"
            " select run_id, load_id, fingerprint, false, now() from ops.gold_build limit 1"
        )
        warehouse._pulse.clear()
        app.run()
        assert 12345.67 in list(app.dataframe[0].value["close"])


def test_a_fault_of_the_dashboard_shows_no_trace(open_page: OpenPage, gold_copy: Copy) -> None:
    gold_copy.change("alter table gold.mart_stock_summary alter column recent_adjusted_closes type text using 'x'")
    app = open_page(gold_copy.reader)
    assert not app.exception
    assert "Traceback" not in texts(app)


def test_who_has_to_log_in_sees_nothing_before(open_page: OpenPage, gold_url: str, monkeypatch) -> None:
    monkeypatch.setenv("STOCKS_WAREHOUSE_URL", gold_url)
    app = AppTest.from_file(SCRIPT, default_timeout=60)
    app.secrets["auth"] = {"client_id": "x"}
    app.user["is_logged_in"] = False
    app.run()
    assert not app.exception
    assert [each.label for each in app.button] == ["Log in"]
    assert len(app.dataframe) == len(app.metric) == 0
    app.user["is_logged_in"] = True
    app.run()
    assert len(app.dataframe) == 1
    assert "Log out" in [each.label for each in app.button]


def test_a_login_that_is_asked_for_and_not_set_up_lets_nobody_in(
    open_page: OpenPage, gold_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKS_DASHBOARD_LOGIN", "true")
    app = open_page(gold_url)
    assert app.title[0].value == "The dashboard's settings are wrong"
    assert "secrets.toml" in texts(app)
    assert len(app.dataframe) == 0


def test_a_statement_that_takes_too_long_is_given_up(gold_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "statement_timeout%3D" in warehouse.for_connectorx(gold_url)
    assert "default_transaction_read_only%3Don" in warehouse.for_connectorx(gold_url)
