{#-
    Detects: a negative volume.
    Why: it is an overflow, or a column read as another; silver rejects it.
    A row: a bar.
-#}
select symbol, interval, price_date, volume
from {{ changed(ref('fact_adjusted_prices')) }}
where volume < 0
