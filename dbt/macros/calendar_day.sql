{#-
    A day from a variable, as a date literal. Outside the years of the seed exchange_holiday nobody knows a holiday:
    each weekday there would be taken for a session, and every symbol for one that misses bars.
-#}
{% macro calendar_day(name) %}
    {%- set first, last = "1999-01-01", "2028-12-31" -%}
    {%- set day = modules.datetime.date.fromisoformat(var(name) | string) | string -%}
    {%- if not first <= day <= last -%}
        {{ exceptions.raise_compiler_error(
            name ~ " is " ~ day ~ ", and the seed exchange_holiday goes from " ~ first ~ " to " ~ last
            ~ ": take a day within, or give tools/exchange_holidays.py more years."
        ) }}
    {%- endif -%}
    date '{{ day }}'
{%- endmacro %}
