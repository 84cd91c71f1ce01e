with

calendars as (

    select distinct on (calendar) calendar, timezone, closes_at
    from {{ ref('exchange') }}
    order by calendar

),

holidays as (

    select calendar, holiday_date, nullif(closes_at, '') as closes_at
    from {{ ref('exchange_holiday') }}

),

sessions as (

    select
        calendars.calendar,
        calendars.timezone,
        days.date_day as session_date,
        days.week_ending,
        coalesce(holidays.closes_at, calendars.closes_at)::time as closes_at
    from {{ ref('dim_date') }} as days
    cross join calendars
    left join holidays on calendars.calendar = holidays.calendar and days.date_day = holidays.holiday_date
    -- A day with a closing time of its own is a session, whichever day it is: as stocks.trading_calendar.
    where holidays.closes_at is not null or (holidays.holiday_date is null and not days.is_weekend)

)

select
    calendar,
    session_date,
    week_ending,
    session_date = max(session_date) over (partition by calendar, week_ending) as is_last_of_week,
    (row_number() over (partition by calendar order by session_date))::integer as session_number,
    (dense_rank() over (partition by calendar order by week_ending))::integer as week_number,
    -- As stocks.trading_calendar: prices are settled 90 minutes after the close.
    (session_date + closes_at) at time zone timezone + interval '90 minutes' as settled_at
from sessions
