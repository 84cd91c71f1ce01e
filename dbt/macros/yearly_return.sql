{#-
    What a growth over some days is a year (CAGR). Null below a year: a yearly rate would promise what nobody has seen.

    Args:
        growth: Value at the end over that at the start.
        days: Calendar days between the two.
-#}
{% macro yearly_return(growth, days) -%}
    case when {{ days }} >= 365 then ({{ growth }}) ^ ({{ var('days_a_year') }}::double precision / ({{ days }})) - 1 end
{%- endmacro %}
