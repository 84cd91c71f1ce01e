with

universe as (

    select symbol, company_name, exchange, currency, sector, industry, last_listed, status
    from {{ ref('listings') }}

),

symbols as (

    -- Of every load that brought bars: there are fewer of them than bars. A series of which gold takes bars is in it.
    select symbol from {{ source('ops', 'bronze_object') }}
    where bars_inserted > 0
    union
    select symbol from {{ ref('series_source') }}
    union
    select symbol from universe
    where status <> 'removed'

),

companies as (

    select distinct on (symbol) symbol, company_name, exchange, currency, sector, industry
    from {{ source('silver', 'company') }}
    order by symbol, observed_at desc

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
    {{ stock_attributes() }},
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
