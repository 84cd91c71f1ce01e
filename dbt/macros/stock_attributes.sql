{#-
    What is known of a stock, of the relations `universe` and `companies`: the universe's word comes first.

    A provider's pence have no code of ISO 4217; another word that is none is no known unit.
-#}
{% macro stock_attributes() -%}
    coalesce(universe.company_name, companies.company_name, symbols.symbol) as company_name,
    coalesce(universe.exchange, companies.exchange, 'Unknown') as exchange,
    coalesce(
        universe.currency,
        case when companies.currency = 'GBp' then 'GBX' when companies.currency ~ '^[A-Z]{3}$' then companies.currency end
    ) as currency,
    coalesce(universe.sector, companies.sector, 'Unknown') as sector,
    coalesce(universe.industry, companies.industry, 'Unknown') as industry
{%- endmacro %}
