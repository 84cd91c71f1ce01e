{{ config(materialized='view') }}

-- An episode begins at a new high and lasts until the next one.
with

numbered as (

    select
        symbol,
        interval,
        price_date,
        drawdown,
        count(*) filter (where drawdown >= 0) over (partition by symbol, interval order by price_date) as episode
    from {{ ref('fact_adjusted_prices') }}

),

episodes as (

    select
        symbol,
        interval,
        episode,
        min(price_date) as peak_date,
        (array_agg(price_date order by drawdown, price_date))[1] as trough_date,
        min(drawdown) as depth
    from numbered
    group by symbol, interval, episode

),

followed as (

    select *, lead(peak_date) over (partition by symbol, interval order by episode) as recovery_date
    from episodes

)

select
    symbol,
    interval,
    peak_date,
    trough_date,
    recovery_date,
    depth,
    trough_date - peak_date as days_down
from followed
where depth < 0
