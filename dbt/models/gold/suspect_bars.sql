{{ config(materialized='view') }}

-- Of the newest whole answer of each series that gold takes; what older ones had is in silver.
with

newest as (

    select distinct on (symbol, interval, source) symbol, interval, source, bronze_key
    from {{ source('ops', 'bronze_object') }}
    where interval is not null and status = 'loaded' and not is_tail
    order by symbol, interval, source, observed_at desc, load_id desc

)

select
    suspects.symbol,
    suspects.interval,
    suspects.price_date,
    suspects.rule,
    suspects.reason,
    suspects.bronze_key,
    suspects.observed_at
from {{ source('silver', 'suspect_bar') }} as suspects
inner join newest on suspects.bronze_key = newest.bronze_key
inner join {{ ref('series_source') }} as series
    on
        suspects.symbol = series.symbol
        and suspects.interval = series.interval
        and suspects.source = series.source
