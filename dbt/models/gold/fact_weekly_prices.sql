with

prices as (

    select
        prices.stock_key,
        prices.symbol,
        prices.interval,
        prices.price_date,
        prices.adjusted_close,
        prices.volume,
        date_trunc('week', prices.price_date)::date as monday
    from {{ ref('fact_adjusted_prices') }} as prices

),

-- The week of a daily series ends with its last session, which a holiday may put on a Thursday.
from_daily as (

    select
        stock_key,
        symbol,
        interval,
        monday,
        max(price_date) as price_date,
        (array_agg(adjusted_close order by price_date desc))[1] as adjusted_close,
        sum(volume)::bigint as volume,
        count(*)::integer as sessions
    from prices
    where interval = 'daily'
    group by stock_key, symbol, interval, monday

),

from_weekly as (

    select
        stock_key,
        symbol,
        interval,
        monday,
        price_date,
        adjusted_close,
        volume,
        null::integer as sessions
    from prices
    where interval = 'weekly' and symbol not in (select from_daily.symbol from from_daily)

),

weeks as (

    select * from from_daily
    union all
    select * from from_weekly

)

select
    stock_key,
    symbol,
    extract(isoyear from monday)::integer as iso_year,
    extract(week from monday)::integer as iso_week,
    monday + 4 as week_ending,
    price_date,
    adjusted_close,
    adjusted_close / nullif(lag(adjusted_close) over (partition by symbol order by price_date), 0) - 1
        as weekly_return,
    volume,
    sessions,
    interval as from_interval
from weeks
