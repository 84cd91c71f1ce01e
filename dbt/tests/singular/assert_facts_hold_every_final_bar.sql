{#-
    Detects: a series in gold that has more or fewer bars than silver has final ones.
    Why: the incremental model replaces whole series; this is the proof that none was left out or kept.
    A row: a series, with both counts. A series that was loaded again after the model had read it is left to the next
    build.
-#}
with

loads as (

    select symbol, interval, max(load_id) as silver_load_id
    from {{ source('ops', 'bronze_object') }}
    where bars_changed > 0
    group by symbol, interval

),

final_bars as (

    select symbol, interval, count(*) as silver_bars
    from {{ source('silver', 'price_bar') }}
    where is_final
    group by symbol, interval

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
left join loads on final_bars.symbol = loads.symbol and final_bars.interval = loads.interval
left join facts on final_bars.symbol = facts.symbol and final_bars.interval = facts.interval
cross join build
where
    final_bars.silver_bars is distinct from facts.gold_bars
    and (
        loads.silver_load_id is null
        or loads.silver_load_id <= coalesce(facts.silver_load_id, build.silver_load_id, loads.silver_load_id)
    )
