with

versions as (

    -- Of several versions a day the last one stands for that day.
    select
        *,
        dbt_valid_from::date as changed_on,
        row_number() over (partition by symbol order by dbt_valid_from) as version
    from {{ ref('dim_stock_versions') }}
    where dbt_valid_to::date > dbt_valid_from::date

)

select
    stock_key,
    symbol,
    company_name,
    exchange,
    currency,
    sector,
    industry,
    case when version = 1 then date '1900-01-01' else changed_on end as valid_from,
    dbt_valid_to::date as valid_to,
    dbt_valid_to::date = date '9999-12-31' as is_current
from versions
