{{ config(materialized='view') }}

with

running as (

    select
        symbol,
        interval,
        price_date,
        bar_number,
        sum(close) over sessions as close_so_far,
        sum(split_adjusted_close) over sessions as split_adjusted_close_so_far,
        sum(adjusted_close) over sessions as adjusted_close_so_far
    from {{ ref('fact_adjusted_prices') }}
    window sessions as (partition by symbol, interval order by price_date)

)

select
    symbol,
    interval,
    price_date,
    {{ moving_average('close', 20) }} as close_20,
    {{ moving_average('close', 50) }} as close_50,
    {{ moving_average('close', 200) }} as close_200,
    {{ moving_average('split_adjusted_close', 20) }} as split_adjusted_close_20,
    {{ moving_average('split_adjusted_close', 50) }} as split_adjusted_close_50,
    {{ moving_average('split_adjusted_close', 200) }} as split_adjusted_close_200,
    {{ moving_average('adjusted_close', 20) }} as adjusted_close_20,
    {{ moving_average('adjusted_close', 50) }} as adjusted_close_50,
    {{ moving_average('adjusted_close', 200) }} as adjusted_close_200
from running
window sessions as (partition by symbol, interval order by price_date)
