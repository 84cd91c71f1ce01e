{{ config(materialized='view') }}

select
    budget_key,
    day,
    used,
    exhausted_at
from {{ source('ops', 'api_budget') }}
