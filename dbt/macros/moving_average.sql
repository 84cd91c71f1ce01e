{#-
    The mean of a price over the last bars, null until there are as many: the difference of two running sums, since
    PostgreSQL adds a moving window of floats again for every row.

    Args:
        price: The column, of which <price>_so_far is the sum of this bar and all before.
        bars: How many.
-#}
{% macro moving_average(price, bars) -%}
    case
        when bar_number >= {{ bars }}
            then ({{ price }}_so_far - lag({{ price }}_so_far, {{ bars }}, 0::double precision) over sessions) / {{ bars }}
    end
{%- endmacro %}
