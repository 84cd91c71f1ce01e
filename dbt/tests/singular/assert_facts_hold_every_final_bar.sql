{#-
    Detects: a series in gold that has more or fewer bars than silver has final ones of the source that it is taken
    from; a series that is taken from none has none.
    Why: the incremental model replaces whole series; this is the proof that none was left out or kept.
    A row: a series, with both counts. A series that was loaded again after the model had read it is left to the next
    build.
-#}
with

loads as (

    select symbol, interval, source, max(load_id) as silver_load_id
    from {{ source('ops', 'bronze_object') }}
    where bars_changed > 0
    group by symbol, interval, source

),

final_bars as (

    select symbol, interval, source, count(*) as silver_bars
    from {{ source('silver', 'price_bar') }}
    where is_final
    group by symbol, interval, source

),

facts as (

    select symbol, interval, count(*) as gold_bars, max(silver_load_id) as silver_load_id
    from {{ ref('fact_adjusted_prices') }}
    group by symbol, interval

),

build as (

    select max(silver_load_id) as silver_load_id from facts

)

select final_bars.symbol, final_bars.interval, final_bars.silver_bars, coalesce(facts.gold_bars, 0) as gold_bars
from final_bars
inner join {{ ref('dim_stock') }} as stocks on final_bars.symbol = stocks.symbol
left join {{ ref('series_source') }} as sources
    on final_bars.symbol = sources.symbol and final_bars.interval = sources.interval
left join loads
    on
        final_bars.symbol = loads.symbol
        and final_bars.interval = loads.interval
        and final_bars.source = loads.source
left join facts on final_bars.symbol = facts.symbol and final_bars.interval = facts.interval
cross join build
where
    (sources.source is null or sources.source = final_bars.source)
    and final_bars.silver_bars is distinct from facts.gold_bars
    and (
        loads.silver_load_id is null
        or loads.silver_load_id <= coalesce(facts.silver_load_id, build.silver_load_id, loads.silver_load_id)
    )
