{{ config(materialized='view') }}

with

runs as (

    select * from {{ source('ops', 'run') }}

),

steps as (

    select run_id, count(*) as steps
    from {{ source('ops', 'step') }}
    group by run_id

)

select
    runs.run_id::text as run_id,
    runs.command,
    runs.source,
    runs.series,
    runs.started_at,
    runs.finished_at,
    extract(epoch from runs.finished_at - runs.started_at)::double precision as seconds,
    coalesce(steps.steps, 0) as steps,
    runs.exit_code,
    runs.message
from runs
left join steps on runs.run_id = steps.run_id
