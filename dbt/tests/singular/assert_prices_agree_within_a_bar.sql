{#-
    Detects: a bar whose high is below its low, or whose open or close is outside of the two.
    Why: such a bar was never traded; silver rejects it, so one here came in by another way.
    A row: a bar, with its prices. The tolerance of 1e-6 is for rounding.
-#}
select symbol, interval, price_date, open, high, low, close
from {{ changed(ref('fact_adjusted_prices')) }}
where
    high < low
    or least(open, close) < low * (1 - 1e-6)
    or greatest(open, close) > high * (1 + 1e-6)
