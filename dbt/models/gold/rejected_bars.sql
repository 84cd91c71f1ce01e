{{ config(materialized='view') }}

select
    symbol,
    interval,
    price_date,
    rule,
    reason,
    raw::text as raw,
    bronze_key,
    observed_at
from {{ source('silver', 'rejected_bar') }}
