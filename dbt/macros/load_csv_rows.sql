{#- A seed's rows into its table, in place of dbt's own, which binds every cell: 9,000 holidays took three seconds.
    Here a column is an array. -#}
{% macro postgres__load_csv_rows(model, agate_table) %}
    {%- set arrays, bindings = [], [] -%}
    {%- for name in agate_table.column_names -%}
        {%- set type = model.config.column_types.get(name, adapter.convert_type(agate_table, loop.index0)) -%}
        {%- do arrays.append('%s::' ~ type ~ '[]') -%}
        {%- do bindings.append(agate_table.columns[loop.index0].values() | list) -%}
    {%- endfor -%}
    {%- set columns = get_seed_column_quoted_csv(model, agate_table.column_names) -%}
    {%- set sql -%}
        insert into {{ this.render() }} ({{ columns }}) select * from unnest({{ arrays | join(', ') }})
    {%- endset -%}
    {%- do adapter.add_query(sql, bindings=bindings, abridge_sql_log=True) -%}
    {{ return(sql) }}
{% endmacro %}
