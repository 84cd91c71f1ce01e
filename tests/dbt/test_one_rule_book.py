"""What silver lets through, gold does too.

The fixture `sample_warehouse` is as in test_incremental.
"""

from __future__ import annotations

from typing import Any

import psycopg

# What providers do send.
_RIGHT = """
-- A cheap share, its adjusted closes with four decimals, and a dividend.
update silver.price_bar set open = open / 100, high = high / 100, low = low / 100, close = close / 100
where symbol = 'FOUR';
update silver.price_bar set dividend_amount = 0.1 where symbol = 'FOUR' and price_date = '2012-06-01';
update silver.price_bar as bars
set adjusted_close = round((bars.close * case
    when bars.price_date < '2012-06-01' then ex.close / (ex.close + 0.1) else 1
end)::numeric, 4)
from silver.price_bar as ex
where bars.symbol = 'FOUR' and ex.symbol = 'FOUR' and ex.price_date = '2012-06-01';
-- One for 6,700, printed as 0.0001.
update silver.price_bar set adjusted_close = adjusted_close * 6700
where symbol = 'REVERSE' and price_date < '2012-06-01';
update silver.price_bar set split_coefficient = 0.0001 where symbol = 'REVERSE' and price_date = '2012-06-01';
-- Half of the price is paid out.
update silver.price_bar set open = open / 2, high = high / 2, low = low / 2, close = close / 2
where symbol = 'SPECIAL' and price_date >= '2012-06-01';
update silver.price_bar as bars set dividend_amount = ex.close
from silver.price_bar as ex
where bars.symbol = 'SPECIAL' and bars.price_date = '2012-06-01'
    and ex.symbol = 'SPECIAL' and ex.price_date = '2012-06-01';
update silver.price_bar set adjusted_close = adjusted_close / 2 where symbol = 'SPECIAL';

insert into silver.company (symbol, currency, observed_at, bronze_key) values
    ('PENCE', 'GBp', '2013-03-01 23:00Z', 'right/company'), ('FOUR', 'US Dollar', '2013-03-01 23:00Z', 'right/company');
"""


def test_what_is_right_stops_nobody(sample_warehouse: Any) -> None:
    sound = sample_warehouse.dbt("test", "--select", "assert_no_split_is_unrecorded")
    sample_warehouse.copy_goog("FOUR", "REVERSE", "SPECIAL", "PENCE")
    with psycopg.connect(sample_warehouse.dsn) as connection:
        connection.execute(_RIGHT.encode())
    sample_warehouse.dbt("run", "--full-refresh")
    found = sample_warehouse.dbt("test", "--exclude-resource-type", "unit_test")
    assert {rule for rule, (status, _) in found.items() if status not in ("pass", "warn")} == set()
    assert found["assert_no_split_is_unrecorded"] == sound["assert_no_split_is_unrecorded"]
    with psycopg.connect(sample_warehouse.dsn) as connection:
        values = connection.execute(
            f"""
            select symbol, currency, traded_value_currency, round((traded_value / (volume * close))::numeric, 9)::float
            from {sample_warehouse.schema}.mart_stock_summary where symbol in ('PENCE', 'FOUR') order by symbol
            """.encode()
        ).fetchall()
    assert values == [("FOUR", None, None, 1.0), ("PENCE", "GBX", "GBP", 0.01)]
