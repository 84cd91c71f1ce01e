{#- As dbt_expectations.expect_column_values_to_match_regex, without its flags: null passes. -#}
{% test expect_column_values_to_match_regex(model, column_name, regex, row_condition=none) %}

select *
from {{ model }}
where
    {{ column_name }} !~ '{{ regex }}'
    {%- if row_condition %}
    and {{ row_condition }}
    {%- endif %}

{% endtest %}
