{#- The provider's function that gives the series of an interval. -#}
{% macro series_endpoint(interval) -%}
    case {{ interval }} when 'daily' then 'TIME_SERIES_DAILY_ADJUSTED' else 'TIME_SERIES_WEEKLY_ADJUSTED' end
{%- endmacro %}
