"""The universe as data: symbols that are added, delisted and removed, and what runs then ask for."""

from __future__ import annotations

import json
import uuid
from datetime import date

import pytest
from tests.instance import Instance, events

from stocks.errors import ConfigError
from stocks.universe import Company, Status, companies
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.due import fingerprint, is_gold_due
from stocks.warehouse.listings import add, delist, digest, remove, universe


def test_universe_that_nobody_changed_is_the_one_that_ships(warehouse: Warehouse) -> None:
    assert universe(warehouse) == companies()
    with warehouse.connect(Role.READER) as connection:
        assert digest(connection) == ""


def test_symbols_are_added_behind_those_that_ship(warehouse: Warehouse) -> None:
    added = add(warehouse, ["TSLA", "BARC.LON"], {"sector": "Any"}, who="me")
    assert added == [Company(symbol="TSLA", sector="Any"), Company(symbol="BARC.LON", sector="Any")]
    assert list(universe(warehouse)) == [*companies(), "BARC.LON", "TSLA"]
    with warehouse.connect(Role.READER) as connection:
        assert connection.execute("select distinct changed_by from ops.listing").fetchall() == [("me",)]


def test_what_was_told_of_a_symbol_stays_until_it_is_told_anew(warehouse: Warehouse) -> None:
    add(warehouse, ["TSLA"], {"company_name": "Tesla", "exchange": "NASDAQ"}, who="me")
    add(warehouse, ["TSLA"], {"sector": "Cars"}, who="me")
    delist(warehouse, ["TSLA"], date(2024, 5, 17), who="me")
    expected = Company(
        symbol="TSLA", company_name="Tesla", exchange="NASDAQ", sector="Cars", last_listed=date(2024, 5, 17)
    )
    assert universe(warehouse)["TSLA"] == expected
    add(warehouse, ["IBM"], {"source": "tiingo"}, who="me")
    assert universe(warehouse)["IBM"] == Company(**{**vars(companies()["IBM"]), "source": "tiingo"})


def test_a_symbol_goes_and_comes_back(warehouse: Warehouse) -> None:
    [gone] = remove(warehouse, ["FB"], who="me")
    assert (gone.status, gone.last_listed) == (Status.REMOVED, companies()["FB"].last_listed)
    [back] = add(warehouse, ["FB"], {}, who="me")
    assert (back.status, back.last_listed) == (Status.LISTED, None)


def test_a_symbol_that_is_not_there_changes_nothing(warehouse: Warehouse) -> None:
    for change in (
        lambda: remove(warehouse, ["IBM", "TSLA"], who="me"),
        lambda: delist(warehouse, ["IBM", "TSLA"], date(2024, 5, 17), who="me"),
    ):
        with pytest.raises(ConfigError, match="does not have TSLA"):
            change()
    remove(warehouse, ["IBM"], who="me")
    with pytest.raises(ConfigError, match="does not have IBM"):
        remove(warehouse, ["IBM"], who="me")
    assert [c.symbol for c in universe(warehouse).values() if c.is_removed] == ["IBM"]


@pytest.mark.parametrize(
    ("symbol", "exchange", "said"),
    [("TSLA", "Nowhere", "no exchange 'Nowhere'"), ("TSLA", "LSE", "XLON"), ("BARC.LON", "NYSE", "XNYS")],
)
def test_an_exchange_with_other_sessions_is_refused(
    symbol: str, exchange: str, said: str, warehouse: Warehouse
) -> None:
    with pytest.raises(ConfigError, match=said):
        add(warehouse, [symbol], {"exchange": exchange}, who="me")
    assert symbol not in universe(warehouse)


def test_gold_is_due_for_another_universe_once(warehouse: Warehouse) -> None:
    """As a build that saw the universe of now would have left it."""
    with warehouse.connect(Role.OWNER) as connection:
        connection.execute(
            "insert into ops.bronze_object (bronze_key, symbol, interval, source, endpoint, observed_at, status,"
            " bars_inserted) values ('k', 'IBM', 'daily', 'sample', 'e', now(), 'loaded', 1)"
        )
        run = uuid.uuid4()
        connection.execute("insert into ops.run (run_id, command) values (%s, 'gold')", [run])

        def published() -> None:
            connection.execute(
                "insert into ops.gold_build (run_id, load_id, fingerprint, listings, full_refresh, published_at)"
                " values (%s, 1, %s, %s, true, now())",
                [run, fingerprint(), digest(connection)],
            )

        published()
        assert not is_gold_due(warehouse)
        add(warehouse, ["TSLA"], {}, who="me")
        assert is_gold_due(warehouse)
        published()
        assert not is_gold_due(warehouse)
        add(warehouse, ["TSLA"], {}, who="somebody else")
        assert not is_gold_due(warehouse), "nothing is another"
        remove(warehouse, ["TSLA"], who="me")
        assert is_gold_due(warehouse)


def test_runs_ask_for_what_the_commands_leave(instance: Instance) -> None:
    def said(*arguments: str) -> str:
        ended = instance.stocks("universe", *arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    assert said("remove", "msft,GOOG") == "MSFT, GOOG: removed; the bars that there are stay.\n"
    assert said("delist", "AAPL", "--last-listed", "2013-02-28", "--by", "me") == "AAPL: listed until 2013-02-28.\n"
    assert "TSLA" in said("add", "TSLA", "--company-name", "Tesla, Inc.", "--exchange", "NASDAQ", "--currency", "USD")
    assert json.loads(instance.stocks("plan", "--batch-size", "0").stdout) == ["FB,IBM"]
    assert json.loads(instance.stocks("plan", STOCKS_SAMPLE_AS_OF="2013-02-28").stdout) == ["AAPL", "FB", "IBM"]
    shown = {
        event["symbol"]: event for event in events(instance.stocks("universe", "list")) if event["event"] == "symbol"
    }
    assert shown["TSLA"]["company_name"] == "Tesla, Inc."
    assert (shown["AAPL"]["status"], shown["AAPL"]["last_listed"]) == ("delisted", "2013-02-28")
    assert "MSFT" not in shown
    assert '"status": "removed"' in said("list", "--all")
    for wrong in (
        ("add", "TSLA", "--source", "quandl"),
        ("add", "TSLA", "--currency", "dollars"),
        ("add", "A,B", "--company-name", "Both"),
        ("add", "../x"),
        ("remove", "ZZZZ"),
    ):
        assert instance.stocks("universe", *wrong).returncode == 78, wrong
