{#-
    Detects: a series with bars on days whose holidays nobody knows: its suffix is of no exchange that the seed has, or
    the days lie before or after the calendar's years.
    Why: every weekday there counts as a session, so a holiday's bar passes and a week's length is a guess.
    A row: a series, its calendar, how many of its bars, and the first and the last of them.
-#}
{{ config(severity='warn') }}

select
    prices.symbol,
    prices.interval,
    stocks.calendar,
    count(*) as bars,
    min(prices.price_date) as first_date,
    max(prices.price_date) as last_date
from {{ changed(ref('fact_adjusted_prices')) }} as prices
inner join {{ ref('dim_stock') }} as stocks on prices.stock_key = stocks.stock_key
left join {{ ref('exchange_calendar') }} as known
    on stocks.calendar = known.calendar and prices.price_date between known.known_from and known.known_to
where known.calendar is null
group by prices.symbol, prices.interval, stocks.calendar
