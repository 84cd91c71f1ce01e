{#-
    Detects: a negative dividend, or a split coefficient of zero or less.
    Why: adjustment divides by both; silver rejects such a bar.
    A row: a bar, with its action.
-#}
select symbol, interval, price_date, dividend_amount, split_coefficient
from {{ changed(ref('fact_adjusted_prices')) }}
where dividend_amount < 0 or split_coefficient <= 0
