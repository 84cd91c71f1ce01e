{#- Incremental by weeks: those of a symbol from the first one on of which a bar was computed anew. -#}
{{
    config(
        materialized='incremental',
        on_schema_change='fail',
        series=['symbol'],
        ordered_by='week_ending',
        indexes=[{'columns': ['symbol', 'week_ending']}]
    )
}}

with

prices as (

    select
        prices.stock_key,
        prices.symbol,
        prices.interval,
        prices.price_date,
        prices.open,
        prices.close,
        prices.split_adjusted_close,
        prices.adjusted_close,
        prices.simple_return,
        prices.volume,
        prices.split_coefficient,
        date_trunc('week', prices.price_date)::date as monday
    {% if is_incremental() -%}
    from {{ prices_of(part_of(this, 'replaced')) }} as prices
    {%- else -%}
    from {{ ref('fact_adjusted_prices') }} as prices
    {%- endif %}

),

last_sessions as (

    select symbol, max(price_date) as last_session
    from prices
    where interval = 'daily'
    group by symbol

),

weekly_bars as (

    select *, lag(close) over (partition by symbol order by price_date) as close_before
    from prices
    where interval = 'weekly'

),

-- Where daily bars end and weekly ones go on, so do the weeks; of a week that the daily ones have in part, too.
from_weekly as (

    select
        bars.stock_key,
        bars.symbol,
        bars.interval,
        bars.monday,
        bars.price_date,
        bars.adjusted_close,
        bars.simple_return as weekly_return,
        case when not {{ is_split_inside_week() }} then bars.volume end as volume,
        null::integer as sessions
    from weekly_bars as bars
    left join last_sessions on bars.symbol = last_sessions.symbol
    where last_sessions.last_session is null or bars.price_date > last_sessions.last_session

),

-- Adjusted closes of weeks that go on know of actions after the last daily bar; on the last session of both series the
-- two tell how much these are worth.
seams as (

    select distinct on (daily.symbol) daily.symbol, weekly.adjusted_close / nullif(daily.adjusted_close, 0) as factor
    from weekly_bars as weekly
    inner join prices as daily on weekly.symbol = daily.symbol and weekly.price_date = daily.price_date
    where daily.interval = 'daily' and daily.symbol in (select from_weekly.symbol from from_weekly)
    order by daily.symbol, daily.price_date desc

),

-- The week of a daily series ends with its last session, which a holiday may put on a Thursday. Shares before a split
-- count as those that they became.
sessions as (

    select
        stock_key,
        symbol,
        interval,
        monday,
        max(price_date) as price_date,
        (array_agg(adjusted_close order by price_date desc))[1] as adjusted_close,
        case
            when bool_and(split_coefficient = 1) then sum(volume)::bigint
            else round(
                sum(volume * close / nullif(split_adjusted_close, 0))
                / (array_agg(close / nullif(split_adjusted_close, 0) order by price_date desc))[1]
            )::bigint
        end as volume,
        count(*)::integer as sessions
    from prices
    where interval = 'daily'
    group by stock_key, symbol, interval, monday

),

from_daily as (

    select
        weeks.stock_key,
        weeks.symbol,
        weeks.interval,
        weeks.monday,
        weeks.price_date,
        weeks.adjusted_close * coalesce(seams.factor, 1) as adjusted_close,
        weeks.adjusted_close
        / nullif(lag(weeks.adjusted_close) over (partition by weeks.symbol order by weeks.price_date), 0)
        - 1 as weekly_return,
        weeks.volume,
        weeks.sessions
    from sessions as weeks
    left join seams on weeks.symbol = seams.symbol

),

weeks as (

    select from_daily.*
    from from_daily
    where
        not exists (
            select 1
            from from_weekly
            where from_weekly.symbol = from_daily.symbol and from_weekly.monday = from_daily.monday
        )
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
    weekly_return,
    volume,
    sessions,
    interval as from_interval
from weeks
{% if is_incremental() -%}
where
    exists (
        select 1
        from {{ part_of(this, 'replaced') }} as replaced
        where replaced.symbol = weeks.symbol and replaced.since <= weeks.monday + 4
    )
{%- endif %}
