{{ config(materialized='view') }}

{% for interval, window in var('windows').items() -%}
select
    '{{ interval }}' as interval,
    {{ window.year }} as bars_a_year,
    {{ window.zscore }} as bars_before,
    {{ var('days_of_52_weeks') }} as days_of_52_weeks,
    {{ var('days_a_year') }}::double precision as days_a_year
{{ 'union all' if not loop.last }}
{% endfor %}
