{#-
    From which day on the bars of a series are computed anew, a row a series that changed: from the first day that a load
    has changed since the newest one that its published bars know; wholly where it is new, is taken from another source
    now, or was replayed (the load that its bars know is gone); where no source has it any more, its bars go.

    Beside it what the first new bar takes over from the one before, and from which day on bars must be read for the
    windows.
-#}
{% macro fact_adjusted_prices_replaced() -%}
{%- set published, windows = published(this), var('windows') %}
    with recursive

    -- Each series by the next step in the table's key: all of its rows aren't read.
    published_series as (

        (select symbol, interval from {{ published }} order by symbol, interval limit 1)
        union all
        select following.symbol, following.interval
        from published_series as previous
        cross join lateral (
            select symbol, interval from {{ published }} as published
            where (published.symbol, published.interval) > (previous.symbol, previous.interval)
            order by published.symbol, published.interval
            limit 1
        ) as following

    ),

    built as (

        select series.symbol, series.interval, newest.source_key, newest.silver_load_id
        from published_series as series
        cross join lateral (
            select source_key, silver_load_id from {{ published }} as published
            where published.symbol = series.symbol and published.interval = series.interval
            order by published.price_date desc
            limit 1
        ) as newest

    ),

    wanted as (

        select sources.*, stocks.stock_key
        from {{ ref('series_source') }} as sources
        inner join {{ ref('dim_stock') }} as stocks on sources.symbol = stocks.symbol

    ),

    changed as (

        select
            symbol,
            interval,
            wanted.source,
            wanted.source_key,
            wanted.stock_key,
            case
                when
                    wanted.source_key is distinct from built.source_key
                    or not exists (
                        select 1 from {{ source('ops', 'bronze_object') }} as loads
                        where loads.load_id = built.silver_load_id
                    )
                    then date '-infinity'
                else newer.changed_from
            end as since,
            greatest(wanted.silver_load_id, newer.load_id) as silver_load_id
        from built
        full join wanted using (symbol, interval)
        cross join lateral (
            select min(loads.changed_from) as changed_from, max(loads.load_id) as load_id
            from {{ source('ops', 'bronze_object') }} as loads
            where
                loads.symbol = wanted.symbol
                and loads.interval = wanted.interval
                and loads.source = wanted.source
                and loads.load_id > built.silver_load_id
                and loads.changed_from is not null
        ) as newer

    )

    select
        changed.*,
        coalesce(before.bar_number, 0) as bars_before,
        before.highest_adjusted_close as highest_before,
        least(
            coalesce(farthest.price_date, date '-infinity'), changed.since - {{ var('days_of_52_weeks') + 6 }}
        ) as read_from
    from changed
    left join lateral (
        select published.bar_number, published.highest_adjusted_close
        from {{ published }} as published
        where
            published.symbol = changed.symbol
            and published.interval = changed.interval
            and published.price_date < changed.since
        order by published.price_date desc
        limit 1
    ) as before on true
    left join lateral (
        select bars.price_date
        from {{ source('silver', 'price_bar') }} as bars
        where
            bars.symbol = changed.symbol
            and bars.interval = changed.interval
            and bars.source = changed.source
            and bars.price_date < changed.since
            and bars.is_final
        order by bars.price_date desc
        limit 1
        offset case
            when changed.interval = 'daily' then {{ [windows.daily.year, windows.daily.zscore + 1] | max - 1 }}
            else {{ [windows.weekly.year, windows.weekly.zscore + 1] | max - 1 }}
        end
    ) as farthest on true
    where changed.since is not null
{% endmacro %}
