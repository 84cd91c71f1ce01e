{{ config(materialized='view') }}

with

horizons (horizon, place, months) as (

    values
    ('1M', 1, 1), ('3M', 2, 3), ('6M', 3, 6), ('YTD', 4, null), ('1Y', 5, 12), ('3Y', 6, 36), ('5Y', 7, 60),
    ('Max', 8, null)

),

-- From the last close on or before the day that is as long ago; the month's last day where it is shorter.
begun as (

    select
        stocks.symbol,
        stocks.sector,
        stocks.interval,
        stocks.last_date,
        stocks.adjusted_close,
        horizons.horizon,
        horizons.place,
        case horizons.horizon
            when 'YTD' then date_trunc('year', stocks.last_date)::date - 1
            when 'Max' then stocks.first_date
            else (stocks.last_date - make_interval(months => horizons.months))::date
        end as first_day
    from {{ ref('mart_stock_summary') }} as stocks
    cross join horizons

)

select
    begun.symbol,
    begun.sector,
    begun.interval,
    begun.horizon,
    begun.place,
    start.price_date as first_date,
    begun.last_date,
    begun.adjusted_close / nullif(start.adjusted_close, 0) - 1 as total_return,
    {{ yearly_return('begun.adjusted_close / nullif(start.adjusted_close, 0)', 'begun.last_date - start.price_date') }}
        as yearly_return
from begun
left join lateral (
    select prices.price_date, prices.adjusted_close
    from {{ ref('fact_adjusted_prices') }} as prices
    where
        prices.symbol = begun.symbol
        and prices.interval = begun.interval
        and prices.price_date <= begun.first_day
    order by prices.price_date desc
    limit 1
) as start on true
