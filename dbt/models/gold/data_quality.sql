{{ config(materialized='view') }}

with

findings as (

    select * from {{ source('ops', 'data_quality') }}

),

builds as (

    select * from {{ source('ops', 'gold_build') }}

)

select
    findings.rule,
    findings.severity,
    findings.failures,
    findings.checked_at,
    findings.status,
    findings.model,
    findings.message,
    findings.build_id,
    builds.published_at is not null as is_published,
    findings.examples
from findings
inner join builds on findings.build_id = builds.build_id
