{{ config(materialized='view') }}

-- As stocks.warehouse.listings: a row of ops.listing says whether a symbol is listed, the seed what it leaves open.
select
    coalesce(changed.symbol, shipped.symbol) as symbol,
    case
        when changed.status is not null then changed.status
        when shipped.last_listed is null then 'listed'
        else 'delisted'
    end as status,
    case
        when changed.status = 'listed' then null
        else coalesce(changed.last_listed, shipped.last_listed)
    end as last_listed,
    coalesce(changed.company_name, shipped.company_name) as company_name,
    coalesce(changed.exchange, shipped.exchange) as exchange,
    coalesce(changed.currency, shipped.currency) as currency,
    coalesce(changed.sector, shipped.sector) as sector,
    coalesce(changed.industry, shipped.industry) as industry,
    coalesce(changed.source, shipped.source) as source
from {{ ref('universe') }} as shipped
full join {{ source('ops', 'listing') }} as changed on shipped.symbol = changed.symbol
