{#-
    Detects: a symbol whose latest bar is older than the last session that was settled when its source last answered.
    Why: the symbol is no longer fetched, or the provider has stopped updating it. Judged by the data's own clock,
    since the sample's ends in 2013; a symbol that was delisted is expected up to its last day.
    A row: a symbol, with both dates.
-#}
{{ config(severity='warn') }}

select symbol, interval, last_date, expected_last_date, observed_at
from {{ ref('mart_stock_summary') }}
where is_stale
