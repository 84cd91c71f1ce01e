{#- As dbt_utils.mutually_exclusive_ranges: ranges are half-open; an upper bound that is null fails. -#}
{% test mutually_exclusive_ranges(
    model, lower_bound_column, upper_bound_column, partition_by=none, gaps='allowed', zero_length_range_allowed=false
) %}

{%- set next_range_operator = {'allowed': '<=', 'not_allowed': '=', 'required': '<'}.get(gaps) -%}
{%- if next_range_operator is none -%}
    {{ exceptions.raise_compiler_error("gaps must be 'allowed', 'not_allowed' or 'required', not '" ~ gaps ~ "'") }}
{%- endif %}

with

ranges as (

    select
        {% if partition_by %}{{ partition_by }} as partition_by,{% endif %}
        {{ lower_bound_column }} as lower_bound,
        {{ upper_bound_column }} as upper_bound,
        lead({{ lower_bound_column }}) over (
            {% if partition_by %}partition by {{ partition_by }}{% endif %}
            order by {{ lower_bound_column }}, {{ upper_bound_column }}
        ) as next_lower_bound
    from {{ model }}

)

select *
from ranges
where
    coalesce(
        lower_bound <{{ '=' if zero_length_range_allowed }} upper_bound
        and (next_lower_bound is null or upper_bound {{ next_range_operator }} next_lower_bound),
        false
    ) is false

{% endtest %}
