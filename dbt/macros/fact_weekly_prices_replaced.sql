{#-
    From which week on the weeks of a symbol are computed anew, a row a symbol of which any bar did: from the week of the
    first of them; wholly where weekly bars go on after daily ones, or did, since every adjusted close is on their basis.

    Beside it from which day on bars must be read: the last week before with any.
-#}
{% macro fact_weekly_prices_replaced() %}
    {%- set prices = ref('fact_adjusted_prices') -%}
    with

    moved as (

        select symbol, min(since) as since
        from {{ part_of(prices, 'replaced') }}
        group by symbol

    ),

    ends as (

        select
            moved.symbol,
            date_trunc('week', moved.since)::date as since,
            latest.from_interval = 'weekly' and (earliest.from_interval = 'daily' or daily.price_date is not null)
            or weekly.price_date > daily.price_date as goes_on
        from moved
        {%- for edge, direction in [('earliest', 'asc'), ('latest', 'desc')] %}
        left join lateral (
            select weeks.from_interval from {{ published(this) }} as weeks
            where weeks.symbol = moved.symbol
            order by weeks.week_ending {{ direction }}
            limit 1
        ) as {{ edge }} on true
        {%- endfor %}
        {%- for interval in ['daily', 'weekly'] %}
        left join lateral
            {{ newest_of(prices, {'symbol': 'moved.symbol', 'interval': "'" ~ interval ~ "'"}, 'price_date') }}
            as {{ interval }} on true
        {%- endfor %}

    )

    select
        ends.symbol,
        case when ends.goes_on then date '-infinity' else ends.since + 4 end as since,
        case
            when ends.goes_on then date '-infinity'
            else date_trunc('week', coalesce(least(daily.price_date, weekly.price_date), ends.since))::date
        end as read_from
    from ends
    {%- for interval in ['daily', 'weekly'] %}
    left join lateral
        {{ newest_of(
            prices, {'symbol': 'ends.symbol', 'interval': "'" ~ interval ~ "'"}, 'price_date', before='ends.since'
        ) }} as {{ interval }} on true
    {%- endfor %}
{% endmacro %}
