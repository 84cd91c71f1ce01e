"""Bars of any day and any exchange are published: what nobody knows of a calendar is said, and stops nothing.

The fixture `sample_warehouse` is as in test_incremental.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg

from stocks.trading_calendar import calendar_of

SYMBOLS = [
    *("IBM", "BRK.B", "BF-B", "AAC-U", "BRK.WS", "BAC.PRK", "LON"),
    *("HSBA.LON", "RY.TRT", "GPV.TRV", "MBG.DEX", "MBG.FRK", "RELIANCE.BSE", "600104.SHH", "000002.SHZ", "PETR4.SAO"),
    *("ASML.AMS", "OR.PAR", "ABI.BRU", "EDP.LIS", "ERIC-B.STO", "TOYOTA.XYZ", "BHP.AX"),
]
_YEARS = {"EARLY": -2800, "LATE": 1700, "TOYOTA.XYZ": 0}
"""Weeks by which a whole year is moved: to 1958 and 2045; of the last, New York's days at an unknown exchange."""


def test_a_bar_before_or_after_the_known_calendar_and_an_unknown_exchange_stop_nothing(sample_warehouse: Any) -> None:
    for symbol, weeks in _YEARS.items():
        sample_warehouse.copy_goog(symbol, weeks=weeks)
    sample_warehouse.copy_goog(*({*SYMBOLS[1:]} - {*_YEARS}), since="2013-03-01")
    with psycopg.connect(sample_warehouse.dsn) as connection:
        # A Saturday on which Mumbai traded.
        connection.execute("update silver.price_bar set price_date = '2012-03-03' where symbol = 'RELIANCE.BSE'")
    found = sample_warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    assert [(name, *end) for name, end in found.items() if end[0] in ("error", "fail", "skipped")] == []
    assert found["assert_every_bar_is_of_a_session"] == ("pass", 0)
    assert found["prices_have_a_date"] == ("pass", 0)
    assert found["assert_calendars_know_every_bar"] == ("warn", 4)  # EARLY, LATE, and the two suffixes of no exchange
    # Mumbai's and Shanghai's holidays are announced year by year.
    assert found["assert_calendars_reach_a_year_ahead"][0] == "warn"
    with psycopg.connect(sample_warehouse.dsn, options="-c search_path=gold") as connection:
        calendars = dict(connection.execute("select symbol, calendar from dim_stock").fetchall())  # type: ignore[arg-type]
        dates = connection.execute(
            """
            select count(*) filter (where price_date < '1999-01-01'), count(*) filter (where price_date > '2040-12-31')
            from fact_adjusted_prices
            """
        ).fetchone()
        sessions = connection.execute(
            """
            select session_date, settled_at, is_last_of_week from exchange_sessions
            where calendar = 'XBOM' and session_date between '1999-01-01' and '2026-12-31' order by session_date
            """
        ).fetchall()
        expected = connection.execute(
            "select symbol, expected_bars, expected_last_date is null, is_stale from mart_stock_summary"
            " where symbol in ('TOYOTA.XYZ', 'RELIANCE.BSE') order by symbol"
        ).fetchall()
    assert dates == (251, 251), dates
    mumbai = calendar_of("RELIANCE.BSE")
    assert sessions == [
        (day, mumbai.settled_at(day), mumbai.last_settled_week(mumbai.settled_at(day)) == day)
        for day in mumbai.sessions(date(1999, 1, 1), date(2026, 12, 31))
    ]
    assert expected == [("RELIANCE.BSE", 1, False, True), ("TOYOTA.XYZ", None, True, False)]
    assert {symbol: calendars[symbol] for symbol in SYMBOLS} == {symbol: calendar_of(symbol).name for symbol in SYMBOLS}
