{#-
    The one place that chooses whose bars gold takes: for each series the source that the universe wishes for the
    symbol, else the first in the order of STOCKS_SOURCE, else any other that has bars, by name.
-#}
with

universe as (

    select symbol, source
    from {{ ref('listings') }}

),

-- ops.source_series is written when a build begins.
sources as (

    select source, interval, endpoint, adjustment, preference
    from {{ source('ops', 'source_series') }}

),

loads as (

    select symbol, interval, source, max(load_id) as silver_load_id
    from {{ source('ops', 'bronze_object') }}
    where bars_changed > 0
    group by symbol, interval, source

),

-- A source with nothing but a provisional bar has nothing for gold yet.
candidates as (

    select loads.symbol, loads.interval, loads.source, loads.silver_load_id
    from loads
    where exists (
        select 1
        from {{ source('silver', 'price_bar') }} as bars
        where
            bars.symbol = loads.symbol
            and bars.interval = loads.interval
            and bars.source = loads.source
            and bars.is_final
    )

)

select distinct on (candidates.symbol, candidates.interval)
    candidates.symbol,
    candidates.interval,
    candidates.source,
    {{ generate_surrogate_key(['candidates.source', 'sources.endpoint']) }} as source_key,
    sources.endpoint,
    sources.adjustment,
    candidates.silver_load_id
from candidates
left join universe on candidates.symbol = universe.symbol
left join sources on candidates.source = sources.source and candidates.interval = sources.interval
order by
    candidates.symbol,
    candidates.interval,
    coalesce(candidates.source = universe.source, false) desc,
    sources.preference nulls last,
    candidates.source
