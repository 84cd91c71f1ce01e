{{ config(materialized='view') }}

with

refused as (

    select symbol, interval, source, observed_at, load_id, rule, message, bars_rejected, bronze_key
    from {{ source('ops', 'bronze_object') }}
    where status = 'refused' and interval is not null

),

-- What a source that is no longer in force last answered is nobody's fault any more.
in_force as (

    select source, interval
    from {{ source('ops', 'source_series') }}
    where preference is not null

),

-- Refused, and nothing better came since.
held as (

    select refused.*
    from refused
    inner join in_force on refused.source = in_force.source and refused.interval = in_force.interval
    where not exists (
        select 1
        from {{ source('ops', 'bronze_object') }} as better
        where
            better.symbol = refused.symbol
            and better.interval = refused.interval
            and better.source = refused.source
            and better.status = 'loaded'
            and better.observed_at >= refused.observed_at
    )

)

select distinct on (symbol, interval, source)
    symbol,
    interval,
    source,
    min(observed_at) over (partition by symbol, interval, source) as held_since,
    observed_at,
    rule,
    message as reason,
    bars_rejected as rejected_bars,
    bronze_key
from held
order by symbol, interval, source, observed_at desc, load_id desc
