{{ config(materialized='view') }}

select
    restatements.symbol,
    restatements.interval,
    restatements.observed_at,
    restatements.bars_changed,
    restatements.bars_withdrawn,
    restatements.first_date,
    restatements.last_date,
    restatements.largest_factor
from {{ source('silver', 'restatement') }} as restatements
inner join {{ ref('series_source') }} as series
    on
        restatements.symbol = series.symbol
        and restatements.interval = series.interval
        and restatements.source = series.source
