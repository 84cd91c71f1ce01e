{{ config(materialized='view') }}

with

months as (

    select
        symbol,
        interval,
        date_trunc('month', price_date)::date as month_start,
        max(price_date) as price_date,
        (array_agg(adjusted_close order by price_date desc))[1] as adjusted_close
    from {{ ref('fact_adjusted_prices') }}
    group by symbol, interval, date_trunc('month', price_date)

),

followed as (

    select
        *,
        extract(year from month_start)::integer as year,
        lag(adjusted_close) over (partition by symbol, interval order by month_start) as close_before
    from months

)

select
    symbol,
    interval,
    year,
    extract(month from month_start)::integer as month,
    price_date,
    adjusted_close / nullif(close_before, 0) - 1 as monthly_return,
    adjusted_close / nullif(first_value(close_before) over years, 0) - 1 as year_to_date_return
from followed
window years as (partition by symbol, interval, year order by month_start)
