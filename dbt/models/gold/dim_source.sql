with

sources as (

    select source, endpoint, adjustment
    from {{ source('ops', 'source_series') }}

)

select
    {{ generate_surrogate_key(['source', 'endpoint']) }} as source_key,
    source as source_name,
    endpoint,
    adjustment
from sources
