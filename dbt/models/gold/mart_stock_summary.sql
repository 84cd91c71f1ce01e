{%- set prices, weeks = ref('fact_adjusted_prices'), ref('fact_weekly_prices') -%}
{%- set series = {'symbol': 'sources.symbol', 'interval': 'sources.interval'} -%}
with

stocks as (

    select stock_key, symbol, company_name, exchange, currency, sector, industry, calendar, last_listed
    from {{ ref('dim_stock') }}

),

-- The first and the last bar of each series.
ends as (

    select newest.*, earliest.price_date as first_date
    from {{ ref('series_source') }} as sources
    cross join lateral {{ newest_of(prices, series, 'price_date') }} as newest
    cross join lateral {{ newest_of(prices, series, 'price_date', direction='asc') }} as earliest

),

-- One series a symbol: the daily one (which sorts before the weekly one), unless the weekly one reaches a later week.
series as (

    select distinct on (symbol) *
    from ends
    order by symbol, date_trunc('week', price_date) desc, interval

),

-- Materialized, as all that is joined by symbol below: PostgreSQL takes the series for one, and would find those of all
-- symbols again for each.
latest_weeks as materialized (

    select series.symbol, newest.week_ending, newest.weekly_return, newest.from_interval
    from series
    cross join lateral {{ newest_of(weeks, {'symbol': 'series.symbol'}, 'week_ending') }} as newest

),

-- The data's own clock: how far each source had got when it last answered.
clocks as (

    select source as source_name, max(observed_at) as observed_at
    from {{ source('ops', 'bronze_object') }}
    where status <> 'refused'
    group by source

),

latest_answers as materialized (

    select distinct on (answers.symbol, answers.interval) answers.symbol, answers.interval, answers.bars_rejected
    from {{ source('ops', 'bronze_object') }} as answers
    inner join {{ ref('series_source') }} as sources
        on
            answers.symbol = sources.symbol
            and answers.interval = sources.interval
            and answers.source = sources.source
    where not answers.is_tail
    order by answers.symbol, answers.interval, answers.observed_at desc, answers.load_id desc

),

restatements as materialized (

    select symbol, interval, count(*) as restatements
    from {{ ref('restatements') }}
    group by symbol, interval

),

-- A symbol that goes on with weekly bars because its daily series is held is held as well.
held as materialized (

    select distinct on (series.symbol) series.symbol, held.held_since, held.reason
    from series
    inner join {{ ref('series_source') }} as sources on series.symbol = sources.symbol
    inner join {{ ref('held_series') }} as held
        on
            sources.symbol = held.symbol
            and sources.interval = held.interval
            and sources.source = held.source
    where held.interval in (series.interval, 'daily')
    order by series.symbol, held.interval

),

sessions as not materialized (

    select * from {{ ref('exchange_sessions') }}

),

latest as (

    select
        stocks.*,
        series.interval,
        series.bar_number as bars,
        series.first_date,
        series.price_date as last_date,
        clocks.source_name,
        clocks.observed_at,
        series.close,
        series.adjusted_close,
        series.split_adjusted_close,
        series.simple_return,
        series.return_zscore,
        series.volatility_52w,
        series.high_52w,
        series.low_52w,
        series.drawdown,
        series.volume
    from series
    inner join stocks on series.symbol = stocks.symbol
    inner join {{ ref('dim_source') }} as sources on series.source_key = sources.source_key
    left join clocks on sources.source_name = clocks.source_name

),

-- What the exchange's calendar lets expect of each series; a weekly bar bears the date of its week's last session.
-- Nothing where no calendar is known: any weekday may have been a holiday.
expected as materialized (

    select
        latest.symbol,
        case latest.interval
            when 'daily' then last_sessions.session_number - first_sessions.session_number
            else last_sessions.week_number - first_sessions.week_number
        end + 1 as bars,
        (
            select max(sessions.session_date)
            from sessions
            where
                sessions.calendar = latest.calendar
                and sessions.settled_at <= latest.observed_at
                and (latest.interval = 'daily' or sessions.is_last_of_week)
                and (latest.last_listed is null or sessions.session_date <= latest.last_listed)
        ) as last_date
    from latest
    left join sessions as first_sessions
        on latest.calendar = first_sessions.calendar and latest.first_date = first_sessions.session_date
    left join sessions as last_sessions
        on latest.calendar = last_sessions.calendar and latest.last_date = last_sessions.session_date
    where latest.calendar <> 'WEEKDAYS'

)

select
    latest.stock_key,
    latest.symbol,
    latest.company_name,
    latest.exchange,
    latest.currency,
    latest.sector,
    latest.industry,
    latest.source_name,
    latest.interval,
    latest.bars::bigint as bars,
    expected.bars as expected_bars,
    latest.first_date,
    latest.last_date,
    expected.last_date as expected_last_date,
    coalesce(latest.last_date < expected.last_date, false) as is_stale,
    latest.observed_at,
    latest.close,
    latest.adjusted_close,
    latest.split_adjusted_close,
    latest.volume,
    -- London quotes pence.
    latest.volume * latest.close / case latest.currency when 'GBX' then 100 else 1 end as traded_value,
    case latest.currency when 'GBX' then 'GBP' else latest.currency end as traded_value_currency,
    case when latest.interval = 'daily' then latest.simple_return end as day_return,
    latest_weeks.weekly_return,
    -- A weekly bar is final when its week is over.
    latest_weeks.from_interval = 'weekly' or coalesce(last_sessions.settled_at <= latest.observed_at, false)
        as is_week_over,
    latest.return_zscore,
    latest.volatility_52w,
    latest.high_52w,
    latest.low_52w,
    (latest.split_adjusted_close - latest.low_52w) / nullif(latest.high_52w - latest.low_52w, 0)
        as position_in_52w_range,
    latest.drawdown,
    coalesce(latest_answers.bars_rejected, 0) as rejected_bars,
    coalesce(restatements.restatements, 0) as restatements,
    held.held_since,
    held.reason as held_reason,
    array(
        select recent.adjusted_close
        from {{ newest_of(prices, {'symbol': 'latest.symbol', 'interval': 'latest.interval'}, 'price_date', limit=30) }}
            as recent
        order by recent.price_date
    ) as recent_adjusted_closes
from latest
left join expected on latest.symbol = expected.symbol
left join latest_weeks on latest.symbol = latest_weeks.symbol
left join sessions as last_sessions
    on
        latest.calendar = last_sessions.calendar
        and latest_weeks.week_ending = last_sessions.week_ending
        -- The same week by the table's key.
        and last_sessions.session_date between latest_weeks.week_ending - 4 and latest_weeks.week_ending + 2
        and last_sessions.is_last_of_week
left join latest_answers on latest.symbol = latest_answers.symbol and latest.interval = latest_answers.interval
left join restatements on latest.symbol = restatements.symbol and latest.interval = restatements.interval
left join held on latest.symbol = held.symbol
