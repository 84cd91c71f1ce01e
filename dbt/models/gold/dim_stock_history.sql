with

universe as (

    select symbol, company_name, exchange, currency, sector, industry
    from {{ ref('listings') }}

),

companies as (

    select symbol, company_name, exchange, currency, sector, industry, observed_at
    from {{ source('silver', 'company') }}

),

symbols as (

    select stock_key, symbol
    from {{ ref('dim_stock') }}

),

-- What a provider told has the time when it did so, however late gold was built, and whatever was replayed.
observed as (

    select
        symbols.stock_key,
        symbols.symbol,
        {{ stock_attributes() }},
        companies.observed_at as seen_at
    from symbols
    inner join companies on symbols.symbol = companies.symbol
    left join universe on symbols.symbol = universe.symbol

),

-- What the universe alone tells has none but that of the build that saw it first.
built as (

    select
        versions.stock_key,
        versions.symbol,
        versions.company_name,
        versions.exchange,
        versions.currency,
        versions.sector,
        versions.industry,
        versions.dbt_valid_from at time zone 'UTC' as seen_at
    from {{ ref('dim_stock_versions') }} as versions
    where versions.symbol not in (select companies.symbol from companies)

),

seen as (

    select * from observed
    union all
    select * from built

),

-- Of several versions a day the last one stands for that day.
days as (

    select distinct on (symbol, (seen_at at time zone 'UTC')::date)
        *,
        (seen_at at time zone 'UTC')::date as seen_on,
        array[company_name, exchange, currency, sector, industry] as attributes
    from seen
    order by symbol, (seen_at at time zone 'UTC')::date, seen_at desc

),

changes as (

    select *, coalesce(attributes <> lag(attributes) over (partition by symbol order by seen_on), true) as is_change
    from days

),

versions as (

    select
        *,
        case when row_number() over versions = 1 then date '1900-01-01' else seen_on end as valid_from,
        lead(seen_on, 1, date '9999-12-31') over versions as valid_to
    from changes
    where is_change
    window versions as (partition by symbol order by seen_on)

)

select
    stock_key,
    symbol,
    company_name,
    exchange,
    currency,
    sector,
    industry,
    valid_from,
    valid_to,
    valid_to = date '9999-12-31' as is_current
from versions
