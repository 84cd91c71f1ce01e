{{ config(materialized='view') }}

with

bars as (

    select
        symbol,
        interval,
        price_date,
        close,
        dividend_amount,
        split_coefficient,
        -- A share of then is worth so many of today's.
        close / nullif(split_adjusted_close, 0) as shares_of_today
    from {{ ref('fact_adjusted_prices') }}
    where dividend_amount <> 0 or split_coefficient <> 1

),

paid as (

    select
        *,
        sum(dividend_amount / shares_of_today) over (
            partition by symbol, interval
            order by price_date
            range between interval '{{ var("days_of_52_weeks") - 1 }} days' preceding and current row
        ) as paid_in_52_weeks
    from bars

)

select
    symbol,
    interval,
    price_date,
    'Split' as action,
    close,
    split_coefficient,
    null::double precision as dividend_amount,
    null::double precision as payment_yield,
    null::double precision as trailing_yield
from paid
where split_coefficient <> 1

union all

select
    symbol,
    interval,
    price_date,
    'Dividend' as action,
    close,
    null::double precision as split_coefficient,
    dividend_amount,
    dividend_amount / nullif(close, 0) as payment_yield,
    paid_in_52_weeks * shares_of_today / nullif(close, 0) as trailing_yield
from paid
where dividend_amount <> 0
