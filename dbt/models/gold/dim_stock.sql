with

universe as (

    select symbol, company_name, exchange, currency, sector, industry, last_listed
    from {{ ref('universe') }}

),

symbols as (

    select symbol from {{ source('silver', 'price_bar') }}
    union
    select symbol from universe

),

companies as (

    select
        symbol,
        company_name,
        exchange,
        sector,
        industry,
        -- London's pence have no code of ISO 4217; another word that is none is no known unit.
        case when currency = 'GBp' then 'GBX' when currency ~ '^[A-Z]{3}$' then currency end as currency
    from {{ source('silver', 'company') }}

),

-- A symbol that the universe doesn't list follows its suffix to an exchange, else New York's calendar; nothing is
-- assumed of an exchange whose suffix nobody knows. As stocks.trading_calendar.
suffixes as (

    select symbol_suffix, calendar
    from {{ ref('exchange') }}
    where symbol_suffix <> ''

)

select
    {{ generate_surrogate_key(['symbols.symbol']) }} as stock_key,
    symbols.symbol,
    coalesce(universe.company_name, companies.company_name, symbols.symbol) as company_name,
    coalesce(universe.exchange, companies.exchange, 'Unknown') as exchange,
    coalesce(universe.currency, companies.currency) as currency,
    coalesce(universe.sector, companies.sector, 'Unknown') as sector,
    coalesce(universe.industry, companies.industry, 'Unknown') as industry,
    coalesce(
        exchanges.calendar,
        suffixes.calendar,
        case when symbols.symbol ~ '\.(?!WS$|RT$|PR)[A-Z0-9]{2,}$' then 'WEEKDAYS' else 'XNYS' end
    ) as calendar,
    universe.last_listed
from symbols
left join universe on symbols.symbol = universe.symbol
left join companies on symbols.symbol = companies.symbol
left join {{ ref('exchange') }} as exchanges on universe.exchange = exchanges.exchange
left join suffixes on right(symbols.symbol, length(suffixes.symbol_suffix)) = suffixes.symbol_suffix
