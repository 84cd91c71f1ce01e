{#-
    Detects: a bar with a volume of zero.
    Why: its prices are quotes, not trades.
    A row: a bar.
-#}
{{ config(severity='warn') }}

select symbol, interval, price_date, close, volume
from {{ changed(ref('fact_adjusted_prices')) }}
where volume = 0
