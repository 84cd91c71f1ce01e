{#-
    Detects: a price of zero or less, or one that is no number.
    Why: every return and logarithm rests on it; silver rejects such a bar, so one here came in by another way.
    A row: a bar, with its prices.
-#}
select symbol, interval, price_date, open, high, low, close, adjusted_close
from {{ changed(ref('fact_adjusted_prices')) }}
where
    least(open, high, low, close, adjusted_close) <= 0
    -- PostgreSQL sorts NaN after infinity.
    or greatest(open, high, low, close, adjusted_close) >= 'infinity'
