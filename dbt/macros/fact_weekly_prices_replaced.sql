{#-
    From which week on the weeks of a symbol are computed anew, a row a symbol of which any bar did: from the week of the
    first of them; wholly where weekly bars go on after daily ones, or did, since every adjusted close is on their basis.

    Beside it from which day on bars must be read: the last week before with any.
-#}
{% macro fact_weekly_prices_replaced() -%}
{%- set prices, weeks = ref('fact_adjusted_prices'), published(this) %}
{%- set daily = {'symbol': 'moved.symbol', 'interval': "'daily'"} %}
{%- set weekly = {'symbol': 'moved.symbol', 'interval': "'weekly'"} %}
    with

    moved as (

        select symbol, date_trunc('week', min(since))::date as monday
        from {{ part_of(prices, 'replaced') }}
        group by symbol

    ),

    going_on as (

        select moved.symbol
        from moved
        left join lateral {{ newest_of(prices, daily, 'price_date') }} as last_daily on true
        left join lateral {{ newest_of(prices, weekly, 'price_date') }} as last_weekly on true
        where
            last_weekly.price_date > last_daily.price_date
            or exists (
                select 1
                from (
                    select weeks.from_interval from {{ weeks }} as weeks
                    where weeks.symbol = moved.symbol
                    order by weeks.week_ending desc
                    limit 1
                ) as latest
                where
                    latest.from_interval = 'weekly'
                    and (
                        last_daily.price_date is not null
                        or exists (
                            select 1 from {{ weeks }} as weeks
                            where weeks.symbol = moved.symbol and weeks.from_interval = 'daily'
                        )
                    )
            )

    )

    select symbol, date '-infinity' as since, date '-infinity' as read_from
    from going_on
    union all
    select
        moved.symbol,
        moved.monday + 4 as since,
        date_trunc('week', coalesce(least(daily.price_date, weekly.price_date), moved.monday))::date as read_from
    from moved
    left join lateral {{ newest_of(prices, daily, 'price_date', before='moved.monday') }} as daily on true
    left join lateral {{ newest_of(prices, weekly, 'price_date', before='moved.monday') }} as weekly on true
    where moved.symbol not in (select going_on.symbol from going_on)
{% endmacro %}
