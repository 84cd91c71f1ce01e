{#-
    All bars of some symbols from a day on, those of each series by the table's key.

    Args:
        ranges: Relation or subquery with the columns symbol and read_from.
-#}
{% macro prices_of(ranges) -%}
    (
        select prices.*
        from {{ ranges }} as ranges
        cross join (values ('daily'), ('weekly')) as intervals (interval)
        cross join lateral (
            select bars.* from {{ ref('fact_adjusted_prices') }} as bars
            where
                bars.symbol = ranges.symbol
                and bars.interval = intervals.interval
                and bars.price_date >= ranges.read_from
            -- Keeps PostgreSQL from joining it with the rest, which would read all of it.
            offset 0
        ) as prices
    )
{%- endmacro %}
