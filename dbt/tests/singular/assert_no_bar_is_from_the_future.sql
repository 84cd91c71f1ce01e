{#-
    Detects: a final bar dated after the day, at its exchange, on which it was observed.
    Why: a date read wrongly (day for month) can pass for a session, and would stay the latest bar for months.
    A row: a bar, with when it was observed.
-#}
with

exchanges as (

    select distinct calendar, timezone from {{ ref('exchange') }}

)

select bars.symbol, bars.interval, bars.price_date, bars.observed_at
from {{ changed(ref('fact_adjusted_prices')) }} as prices
inner join {{ ref('series_source') }} as sources
    on prices.symbol = sources.symbol and prices.interval = sources.interval
inner join {{ source('silver', 'price_bar') }} as bars
    on
        sources.symbol = bars.symbol
        and sources.interval = bars.interval
        and sources.source = bars.source
        and prices.price_date = bars.price_date
inner join {{ ref('dim_stock') }} as stocks on bars.symbol = stocks.symbol
inner join exchanges on stocks.calendar = exchanges.calendar
where bars.price_date > (bars.observed_at at time zone exchanges.timezone)::date
