"""Every rule of gold can fail, and finds just the rows that break it.

The fixture `sample_warehouse` is as in test_incremental.
"""

from __future__ import annotations

from typing import Any

import psycopg

SERIES = (
    *("NEGATIVE", "CROSSED", "SHORTED", "ACTIONS", "HOLIDAY", "FUTURE", "JUMP", "DROPPED", "MISSING", "MOVED", "SPLIT"),
    *("STILL", "IDLE", "RESTATED", "STALE", "REJECTS", "ORPHAN", "ODD", "WEEKLY"),
)
# Each series breaks what its line says.
_SPOILED = """
update silver.price_bar set low = -1 where symbol = 'NEGATIVE' and price_date = '2012-06-01';
update silver.price_bar set high = low / 2 where symbol = 'CROSSED' and price_date = '2012-06-01';
update silver.price_bar set volume = -1 where symbol = 'SHORTED' and price_date = '2012-06-01';
update silver.price_bar set split_coefficient = 0 where symbol = 'ACTIONS' and price_date = '2012-06-01';
-- Good Friday.
update silver.price_bar set price_date = '2012-04-06' where symbol = 'HOLIDAY' and price_date = '2012-04-09';
with early as (
    insert into ops.bronze_object (bronze_key, symbol, interval, source, endpoint, observed_at, status)
    values ('early/FUTURE', 'FUTURE', 'daily', 'sample', 'TIME_SERIES_DAILY_ADJUSTED', '2013-02-28 12:00Z', 'loaded')
    returning load_id
)
update silver.price_bar set load_id = early.load_id from early where symbol = 'FUTURE' and price_date = '2013-03-01';
update silver.price_bar set adjusted_close = adjusted_close / 1.00001
where symbol = 'JUMP' and price_date < '2012-06-01';
delete from silver.price_bar where symbol = 'MISSING' and price_date = '2012-06-01';
-- Up by 30 %, and for good, without an action: a price may do that.
update silver.price_bar
set open = open * 1.3, high = high * 1.3, low = low * 1.3, close = close * 1.3, adjusted_close = adjusted_close * 1.3
where symbol = 'MOVED' and price_date >= '2012-06-01';
update silver.price_bar
set open = open / 2, high = high / 2, low = low / 2, close = close / 2, adjusted_close = adjusted_close / 2
where symbol = 'SPLIT' and price_date >= '2012-06-01';
update silver.price_bar
set (open, high, low, close, adjusted_close) = (600, 600, 600, 600, 600 * adjusted_close / close)
where symbol = 'STILL' and price_date between '2012-06-04' and '2012-06-08';
update silver.price_bar set volume = 0 where symbol = 'IDLE' and price_date = '2012-06-01';
insert into silver.restatement values
    ('RESTATED', 'daily', '2013-03-01 23:00Z', 9, '2012-03-01', '2013-02-28', 0.9, 'spoiled/RESTATED', 'sample'),
    ('IBM', 'daily', '2013-02-06 23:00Z', 9, '2000-03-01', '2013-02-05', 0.9, 'good/IBM', 'sample');
delete from silver.price_bar where symbol = 'STALE' and price_date = '2013-03-01';
update ops.bronze_object set bars_rejected = 3 where bronze_key = 'copy/REJECTS';
insert into silver.suspect_bar values
    ('copy/ODD', 'ODD', 'daily', 'sample', '2012-06-01', 'quiet_gap', 'far', '2013-03-01 23:00Z'),
    ('older/ODD', 'ODD', 'daily', 'sample', '2012-06-04', 'quiet_gap', 'far', '2013-02-28 23:00Z');
-- Its close of the second of three weeks, and the volume of the third, are others.
insert into silver.price_bar
select symbol, 'weekly', price_date, open * off, high * off, low * off, close * off, adjusted_close * off,
    volume * case price_date when '2012-06-15' then 50 else 5 end, 0, 1, true, source,
    'copy/WEEKLY.weekly', observed_at
from silver.price_bar cross join lateral (select case price_date when '2012-06-08' then 1.01 else 1 end) as told (off)
where symbol = 'WEEKLY' and interval = 'daily' and price_date in ('2012-06-01', '2012-06-08', '2012-06-15');
insert into ops.bronze_object (bronze_key, symbol, interval, source, endpoint, observed_at, status, bars_inserted)
values ('copy/WEEKLY.weekly', 'WEEKLY', 'weekly', 'sample', 'TIME_SERIES_WEEKLY_ADJUSTED', '2013-03-01 23:00Z',
    'loaded', 3);
insert into ops.bronze_object (bronze_key, symbol, interval, source, endpoint, observed_at, status, rule, message)
values ('torn/IDLE', 'IDLE', 'daily', 'sample', 'TIME_SERIES_DAILY_ADJUSTED', '2013-03-02 23:00Z', 'refused',
    'two_bases', 'Torn.');
"""

# After gold's models were built.
_SPOILED_GOLD = """
delete from {schema}.fact_adjusted_prices where symbol = 'DROPPED' and price_date = '2012-06-01';
update {schema}.fact_adjusted_prices set stock_key = 'x', date_key = 0, source_key = 'x', price_key = 'x'
where symbol = 'ORPHAN' and price_date in ('2012-06-01', '2012-06-04');
insert into {schema}.fact_weekly_prices select * from {schema}.fact_weekly_prices
where symbol = 'IBM' and price_date = '2013-03-01';
update {schema}.fact_weekly_prices set stock_key = 'x' where symbol = 'ORPHAN' and price_date = '2013-03-01';
insert into {schema}.universe (symbol, exchange) values ('IBM', 'Nowhere');
update {schema}.dim_stock_history set valid_to = valid_from where symbol = 'IBM';
update {schema}.dim_stock set currency = 'dollars' where symbol = 'IBM';
update {schema}.dim_stock set calendar = 'WEEKDAYS' where symbol = 'IDLE';
update {schema}.exchange_calendar set known_to = current_date where calendar = 'XNYS';
"""

_RULES = {
    "assert_prices_are_positive": ("fail", 1),
    "assert_prices_agree_within_a_bar": ("fail", 1),
    "assert_volume_is_not_negative": ("fail", 1),
    "assert_actions_are_possible": ("fail", 1),
    "assert_every_bar_is_of_a_session": ("fail", 1),
    "assert_no_bar_is_from_the_future": ("fail", 1),
    "assert_adjustment_factors_are_explained": ("fail", 1),
    "assert_facts_hold_every_final_bar": ("fail", 1),
    "price_keys_are_unique": ("fail", 1),
    "prices_have_a_stock": ("fail", 2),
    "prices_have_a_date": ("fail", 2),
    "prices_have_a_source": ("fail", 2),
    "weeks_have_a_stock": ("fail", 1),
    "universe_symbols_are_unique": ("fail", 1),
    "every_listing_has_an_exchange": ("fail", 1),
    "one_row_per_symbol_and_iso_week": ("fail", 1),
    "stock_versions_neither_overlap_nor_leave_gaps": ("fail", 1),
    "currencies_have_three_letters": ("fail", 1),
    # HOLIDAY, MISSING, DROPPED, and the two of ORPHAN, whose calendar isn't known.
    "assert_no_session_is_missing": ("warn", 5),
    "assert_no_split_is_unrecorded": ("warn", 2),
    "assert_no_price_stands_still": ("warn", 1),
    "assert_volume_is_not_zero": ("warn", 1),
    "assert_restatements_follow_an_action": ("warn", 1),
    "assert_symbols_are_not_stale": ("warn", 1),
    "assert_bar_counts_match_the_calendar": ("warn", 1),
    "assert_latest_answers_have_no_rejects": ("warn", 1),
    "assert_no_series_is_held": ("warn", 1),
    "assert_no_bar_is_suspect": ("warn", 1),
    "assert_weekly_agrees_with_daily": ("warn", 2),
    "assert_calendars_know_every_bar": ("warn", 1),
    "assert_calendars_reach_a_year_ahead": ("warn", 1),
}


def test_every_rule_finds_what_breaks_it(sample_warehouse: Any) -> None:
    sound = sample_warehouse.dbt("test", "--exclude-resource-type", "unit_test")
    assert set(sound.values()) <= {("pass", 0), ("warn", 1), ("warn", 18)}  # the sample's own crashes
    sample_warehouse.copy_goog(*SERIES)
    with psycopg.connect(sample_warehouse.dsn) as connection:
        connection.execute(_SPOILED.encode())
    # Of an incremental build tests look at what it changes alone.
    sample_warehouse.dbt(
        *("build", "--full-refresh", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    )
    with psycopg.connect(sample_warehouse.dsn) as connection:
        connection.execute(_SPOILED_GOLD.format(schema=sample_warehouse.schema).encode())
    found = sample_warehouse.dbt("test", "--exclude-resource-type", "unit_test")
    assert {rule: found[rule] for rule in _RULES} == _RULES
    assert found["assert_large_moves_have_an_action"] > sound["assert_large_moves_have_an_action"]
    # A rule that nothing here breaks: the macro's vectors stand in the rule itself.
    assert {rule for rule, (_, failures) in found.items() if not failures} == {
        "assert_surrogate_keys_are_those_of_dbt_utils"
    }
