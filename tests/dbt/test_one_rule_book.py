"""What silver lets through, gold does too.

The fixture `sample_warehouse` is as in test_incremental.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.sql import SQL, Literal

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
insert into silver.company (symbol, currency, observed_at, bronze_key) values
    ('PENCE', 'GBp', '2013-03-01 23:00Z', 'right/company'), ('FOUR', 'US Dollar', '2013-03-01 23:00Z', 'right/company');
"""

_PAYS_OUT = """
-- Of the price before, a share is paid out.
update silver.price_bar
set open = open * {left}, high = high * {left}, low = low * {left}, close = close * {left}
where symbol = {symbol} and price_date >= '2012-06-01';
update silver.price_bar set dividend_amount = close / {left} * {share}
where symbol = {symbol} and price_date = '2012-06-01';
update silver.price_bar set adjusted_close = adjusted_close * {left} where symbol = {symbol};
"""


def test_what_is_right_stops_nobody(sample_warehouse: Any) -> None:
    sound = sample_warehouse.dbt("test", "--select", "assert_no_split_is_unrecorded")
    sample_warehouse.copy_goog("FOUR", "REVERSE", "HALF", "NINETENTHS", "PENCE")
    with psycopg.connect(sample_warehouse.dsn) as connection:
        connection.execute(_RIGHT.encode())
        for symbol, share in (("HALF", 0.5), ("NINETENTHS", 0.9)):
            connection.execute(
                SQL(_PAYS_OUT).format(symbol=Literal(symbol), share=Literal(share), left=Literal(round(1 - share, 9)))
            )
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
