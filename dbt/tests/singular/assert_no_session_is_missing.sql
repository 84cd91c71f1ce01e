{#-
    Detects: a session of the exchange (weekly, a week) between a series' first and last bar that has no bar.
    Why: a hole makes the next return one of two sessions; it comes from a rejected bar, a trading halt, or the
    provider. Of the calendar WEEKDAYS nobody knows which weekdays were holidays.
    A row: a symbol and the session.
-#}
{{ config(severity='warn') }}

with

sessions as not materialized (

    select * from {{ ref('exchange_sessions') }}
    where calendar <> 'WEEKDAYS'

),

neighbours as (

    select
        prices.symbol,
        prices.interval,
        sessions.calendar,
        prices.price_date,
        lag(prices.price_date) over series as previous_date,
        sessions.session_number - lag(sessions.session_number) over series as sessions_between,
        sessions.week_number - lag(sessions.week_number) over series as weeks_between
    from {{ changed_prices(before=1) }} as prices
    inner join {{ ref('dim_stock') }} as stocks on prices.stock_key = stocks.stock_key
    inner join sessions
        on stocks.calendar = sessions.calendar and prices.price_date = sessions.session_date
    window series as (partition by prices.symbol, prices.interval order by prices.price_date)

),

gaps as (

    select *
    from neighbours
    where case interval when 'daily' then sessions_between else weeks_between end > 1

)

select gaps.symbol, gaps.interval, sessions.session_date as missing_session
from gaps
inner join sessions
    on
        gaps.calendar = sessions.calendar
        and gaps.previous_date < sessions.session_date
        and gaps.price_date > sessions.session_date
        and (gaps.interval = 'daily' or sessions.is_last_of_week)
