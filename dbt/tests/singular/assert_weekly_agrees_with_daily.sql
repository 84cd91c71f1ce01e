{#-
    Detects: a weekly bar whose close is not that of the daily bar of its day, where gold takes both series; and a week
    whose volume is more than twice the sum of its days', or less than half of it.
    Why: both are facts of one week, so one of the two series is wrong; `stocks reconcile` tells which, where it can be
    told.
    A row: a week, with both closes and volumes. Half a per cent is for late trades.
-#}
{{ config(severity='warn') }}

with

-- Of a symbol of which any bar changed, both series from that bar's week on.
prices as (

    {% if has_changes(ref('fact_adjusted_prices')) -%}
    {% set changed_symbols -%}
        (
            select symbol, date_trunc('week', min(since))::date as read_from
            from {{ part_of(ref('fact_adjusted_prices'), 'replaced') }}
            group by symbol
        )
    {%- endset -%}
    select * from {{ prices_of(changed_symbols) }}
    {%- else -%}
    select * from {{ ref('fact_adjusted_prices') }}
    {%- endif %}

),

weekly as (

    select symbol, price_date, close, volume
    from prices
    where interval = 'weekly'

),

daily as (

    select
        symbol,
        price_date,
        close,
        sum(volume) over (partition by symbol, date_trunc('week', price_date) order by price_date) as volume,
        count(*) over (partition by symbol, date_trunc('week', price_date) order by price_date) as sessions
    from prices
    where interval = 'daily'

)

select
    weekly.symbol,
    weekly.price_date,
    weekly.close as weekly_close,
    daily.close as daily_close,
    weekly.volume as weekly_volume,
    daily.volume as daily_volume
from weekly
inner join daily on weekly.symbol = daily.symbol and weekly.price_date = daily.price_date
where
    abs(weekly.close / nullif(daily.close, 0) - 1) > 0.005
    or (daily.sessions >= 4 and greatest(weekly.volume, daily.volume) > 2 * least(weekly.volume, daily.volume))
