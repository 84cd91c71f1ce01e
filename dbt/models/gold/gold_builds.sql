{{ config(materialized='view') }}

select
    build_id,
    run_id::text as run_id,
    started_at,
    finished_at,
    published_at,
    full_refresh,
    message
from {{ source('ops', 'gold_build') }}
