{#-
    Detects: bars of a symbol's latest answer that silver rejected.
    Why: they are missing in gold; silver.rejected_bar says which and why.
    A row: a symbol, with their number.
-#}
{{ config(severity='warn') }}

select symbol, interval, rejected_bars
from {{ ref('mart_stock_summary') }}
where rejected_bars > 0
