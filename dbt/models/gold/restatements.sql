{{ config(materialized='view') }}

select
    symbol,
    interval,
    observed_at,
    bars_changed,
    first_date,
    last_date,
    largest_factor
from {{ source('silver', 'restatement') }}
