{#-
    Detects: a series with more or fewer bars than its exchange held sessions (weekly, weeks with a session) between its
    first and last bar.
    Why: it is the size of what assert_no_session_is_missing tells session by session.
    A row: a symbol, with both counts.
-#}
{{ config(severity='warn') }}

select symbol, interval, first_date, last_date, bars, expected_bars
from {{ ref('mart_stock_summary') }}
where bars <> expected_bars
