with

-- Of each series the first and the last bar by the table's key: all of silver isn't read.
bars as (

    select
        min(first_bars.price_date) as first_date,
        max(last_bars.price_date) as last_date
    from {{ ref('series_source') }} as series
    cross join
        lateral (
            select bars.price_date from {{ source('silver', 'price_bar') }} as bars
            where bars.symbol = series.symbol and bars.interval = series.interval and bars.source = series.source
            order by bars.price_date
            limit 1
        ) as first_bars
    cross join
        lateral (
            select bars.price_date from {{ source('silver', 'price_bar') }} as bars
            where bars.symbol = series.symbol and bars.interval = series.interval and bars.source = series.source
            order by bars.price_date desc
            limit 1
        ) as last_bars

),

-- No bar may lie outside: it would keep everybody's gold from being published.
days as (

    select
        generate_series(
            least(date '{{ var("calendar_first") }}', first_date),
            greatest(
                coalesce(
                    nullif('{{ var("calendar_last") }}', '')::date,
                    make_date(extract(year from current_date)::integer + 2, 12, 31)
                ),
                last_date
            ),
            interval '1 day'
        )::date as date_day
    from bars

),

new_york as (

    select
        holiday_date,
        holiday_name,
        closes_at is not null and closes_at <> '' as is_early_close
    from {{ ref('exchange_holiday') }}
    where calendar = 'XNYS'

),

trading_days as (

    select
        days.date_day,
        extract(isodow from days.date_day) > 5 as is_weekend,
        -- A day with a closing time of its own is a session, whichever day it is: as stocks.trading_calendar.
        coalesce(new_york.is_early_close, extract(isodow from days.date_day) <= 5) as is_trading_day,
        coalesce(new_york.is_early_close, false) as is_early_close,
        case when not new_york.is_early_close then new_york.holiday_name end as holiday_name
    from days
    left join new_york on days.date_day = new_york.holiday_date

)

select
    to_char(date_day, 'YYYYMMDD')::integer as date_key,
    date_day,
    extract(isoyear from date_day)::integer as iso_year,
    extract(week from date_day)::integer as iso_week,
    extract(isodow from date_day)::integer as iso_day_of_week,
    date_trunc('week', date_day)::date + 4 as week_ending,
    extract(year from date_day)::integer as year,
    extract(quarter from date_day)::integer as quarter,
    extract(month from date_day)::integer as month,
    is_weekend,
    is_trading_day,
    is_early_close,
    holiday_name,
    (count(*) filter (where is_trading_day) over (order by date_day))::integer as session_number
from trading_days
