{#-
    MD5 over fields, as dbt_utils.generate_surrogate_key computes it: '-' between fields, a placeholder for null.
    ('a-b', 'c') and ('a', 'b-c') give one key: symbols may hold a '-', so put what has a fixed width last.
-#}
{% macro generate_surrogate_key(field_list) -%}
    {%- set null_value = '_dbt_utils_surrogate_key_null_' -%}
    {%- if var('surrogate_key_treat_nulls_as_empty_strings', false) %}{% set null_value = '' %}{% endif -%}
    {%- set parts = [] -%}
    {%- for field in field_list -%}
        {%- if not loop.first %}{% do parts.append("'-'") %}{% endif -%}
        {%- do parts.append("coalesce(cast(" ~ field ~ " as " ~ dbt.type_string() ~ "), '" ~ null_value ~ "')") -%}
    {%- endfor -%}
    {{ dbt.hash(dbt.concat(parts)) }}
{%- endmacro %}
