{#-
    Detects: a series in gold that has more or fewer bars than silver has final ones of the source that it is taken
    from; a series that is taken from none has none.
    Why: an incremental build takes bars out and puts others in; this is the proof that none was left out or kept. It
    counts those of the changed series, from the first day that changed on; on a full refresh, all.
    A row: a series, with both counts. A series that was loaded again after the model had read it is left to the next
    build.
-#}
{%- set prices = ref('fact_adjusted_prices') %}
with

series as (

    {% if has_changes(prices) -%}
    select symbol, interval, source, since, silver_load_id
    from {{ part_of(prices, 'replaced') }}
    {%- else -%}
    select sources.symbol, sources.interval, sources.source, date '-infinity' as since, sources.silver_load_id
    from {{ ref('series_source') }} as sources
    inner join {{ ref('dim_stock') }} as stocks on sources.symbol = stocks.symbol
    {%- endif %}

),

loaded_again as (

    select series.symbol, series.interval
    from series
    inner join {{ source('ops', 'bronze_object') }} as loads
        on
            series.symbol = loads.symbol
            and series.interval = loads.interval
            and series.source = loads.source
            and series.silver_load_id < loads.load_id
    where loads.changed_from is not null

),

bars as (

    select series.symbol, series.interval, 1 as in_silver, 0 as in_gold
    from series
    inner join {{ source('silver', 'price_bar') }} as bars
        on
            series.symbol = bars.symbol
            and series.interval = bars.interval
            and series.source = bars.source
            and series.since <= bars.price_date
    where bars.is_final
    union all
    select symbol, interval, 0 as in_silver, 1 as in_gold
    from {{ changed(prices) }}

)

select symbol, interval, sum(in_silver) as silver_bars, sum(in_gold) as gold_bars
from bars
where (symbol, interval) not in (select loaded_again.symbol, loaded_again.interval from loaded_again)
group by symbol, interval
having sum(in_silver) <> sum(in_gold)
