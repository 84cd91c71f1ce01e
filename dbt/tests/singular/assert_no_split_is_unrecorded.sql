{#-
    Detects: a close as traded that moves by more than 40 % to about a whole fraction or multiple of the one before
    (1/2, 1/3, ... 1/20; 2, 3, ... 20; within 5 %), where no split is recorded. What the day paid out is added first:
    a special dividend of half the price is no split.
    Why: a fall by half overnight is a split until proved otherwise, and an unrecorded one is in every return and
    every split-adjusted price. Weekly bars carry no split coefficient, so there a split shows here by design.
    A row: a bar, with the ratio of close and dividend to the close before.
-#}
{{ config(severity='warn') }}

with

moves as (

    select
        symbol,
        interval,
        price_date,
        close,
        split_coefficient,
        (close + dividend_amount)
        / nullif(lag(close) over (partition by symbol, interval order by price_date), 0) as ratio
    from {{ changed_prices(before=1) }}

),

multiples as (

    select *, case when ratio < 1 then 1 / nullif(ratio, 0) else ratio end as multiple
    from moves

)

select symbol, interval, price_date, close, ratio
from multiples
where
    split_coefficient = 1
    and abs(ratio - 1) > 0.4
    and round(multiple) between 2 and 20
    and abs(multiple / round(multiple) - 1) <= 0.05
