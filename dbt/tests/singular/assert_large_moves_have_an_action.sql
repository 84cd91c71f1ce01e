{#-
    Detects: a return beyond 25 %, or beyond six deviations of those before it, on a bar without dividend or split.
    Why: most wrong prices look like this; so does a crash, which is why it is a warning.
    A row: a bar, with its return and z-score.
-#}
{{ config(severity='warn') }}

select symbol, interval, price_date, close, simple_return, return_zscore
from {{ changed(ref('fact_adjusted_prices')) }}
where
    (abs(simple_return) > 0.25 or abs(return_zscore) > 6)
    and dividend_amount = 0
    and split_coefficient = 1
