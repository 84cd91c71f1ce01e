{#-
    The bars that this build changes, and as many before each of their series as a rule needs to judge the first of them;
    all bars where it made all.
-#}
{% macro changed_prices(before) -%}
    {%- set prices = ref('fact_adjusted_prices') -%}
    {%- if has_changes(prices) -%}
        (
            select * from {{ part_of(prices, 'changes') }}
            union all
            select earlier.*
            from {{ part_of(prices, 'replaced') }} as replaced
            cross join lateral (
                select * from {{ published(prices) }} as published
                where
                    published.symbol = replaced.symbol
                    and published.interval = replaced.interval
                    and published.price_date < replaced.since
                order by published.price_date desc
                limit {{ before }}
            ) as earlier
        )
    {%- else -%}
        {{ prices }}
    {%- endif -%}
{%- endmacro %}
