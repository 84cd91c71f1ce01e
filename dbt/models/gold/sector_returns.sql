{{ config(materialized='view') }}

select
    sector,
    horizon,
    min(place) as place,
    count(total_return)::integer as symbols,
    percentile_cont(0.5) within group (order by total_return) as total_return
from {{ ref('trailing_returns') }}
group by sector, horizon
