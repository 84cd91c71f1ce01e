{#- What stocks.source can fetch bars from. A new source or endpoint is added here; a relationships test misses it. -#}
with

sources (source_name, endpoint, adjustment) as (

    values
    ('alphavantage', 'TIME_SERIES_DAILY_ADJUSTED', 'reinvest_ex_close'),
    ('alphavantage', 'TIME_SERIES_WEEKLY_ADJUSTED', 'reinvest_ex_close'),
    ('sample', 'TIME_SERIES_DAILY_ADJUSTED', 'reinvest_ex_close'),
    ('sample', 'TIME_SERIES_WEEKLY_ADJUSTED', 'reinvest_ex_close')

)

select
    {{ generate_surrogate_key(['source_name', 'endpoint']) }} as source_key,
    source_name,
    endpoint,
    adjustment
from sources
