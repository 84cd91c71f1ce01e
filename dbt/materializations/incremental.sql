{#-
    In place of dbt's own. The rows of an incremental model stand once: in the schema that readers read (the variable
    published_schema). A build beside it computes what changes of them, and leaves for it, beside the model's name,

        <model>_replaced   ranges to take out: a row a series, its key, with the first value to go in `since`, whose comment
                           says of which column
        <model>_changes    rows to put in, under the model's contract
        <model>            a view of the whole as it will be: published rows that stay, and the changes

    Whoever publishes applies the two to the published table (stocks.gold.publication); a build in the published schema
    itself applies them at once. On a full refresh, where nothing is published yet, and where the published table has
    other columns, the model is a table, and the two aren't there.

    The model's ranges come from the macro <model>_replaced, and its SQL reads them where is_incremental(). Both see one
    snapshot, so what is loaded meanwhile is wholly the next build's.

    Config:
        series: Columns that tell whose rows are replaced.
        ordered_by: The column by which the rows of a series follow each other.
-#}
{% materialization incremental, adapter='postgres' %}

    {%- set target = this.incorporate(type='table') -%}
    {%- set replaced, changes = part_of(this, 'replaced'), part_of(this, 'changes') -%}
    {%- set is_incremental, in_place = is_incremental(), this.schema == var('published_schema') -%}
    {%- set made = [] -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {% call statement('one_snapshot') -%}
        commit; begin isolation level repeatable read
    {%- endcall %}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- for left in [changes, replaced] + ([] if in_place and is_incremental else [this]) -%}
        {%- do drop_relation_if_exists(load_cached_relation(left)) -%}
    {%- endfor -%}

    {% if is_incremental %}
        {%- set series = config.require('series') -%}
        {%- set is_taken_out -%}
            {% for column in series %}replaced.{{ column }} = published.{{ column }} and {% endfor -%}
            published.{{ config.require('ordered_by') }} >= replaced.since
        {%- endset -%}
        {% call statement('ranges') -%}
            create table {{ replaced }} as {{ context[model.name ~ '_replaced']() }};
            alter table {{ replaced }} add primary key ({{ series | join(', ') }});
            comment on column {{ replaced }}.since is '{{ config.require('ordered_by') }}';
            analyze {{ replaced }}
        {%- endcall %}
        {% call statement('main') -%}
            {{ get_create_table_as_sql(False, changes, sql) }}
        {%- endcall %}
        {% call statement('whole') -%}
            analyze {{ changes }};
            {% if in_place -%}
                delete from {{ this }} as published using {{ replaced }} as replaced where {{ is_taken_out }};
                insert into {{ this }} select * from {{ changes }}
            {%- else -%}
                create view {{ this }} as
                select * from {{ published(this) }} as published
                where not exists (select from {{ replaced }} as replaced where {{ is_taken_out }})
                union all
                select * from {{ changes }}
            {%- endif %}
        {%- endcall %}
        {%- do made.extend([changes, replaced, target if in_place else this.incorporate(type='view')]) -%}
    {% else %}
        {% call statement('main') -%}
            {{ get_create_table_as_sql(False, target, sql) }}
        {%- endcall %}
        {%- do create_indexes(target) -%}
        {%- do persist_docs(target, model) -%}
        {% call statement('statistics') -%}
            analyze {{ target }}
        {%- endcall %}
        {%- do made.append(target) -%}
    {% endif %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': made}) }}

{% endmaterialization %}


{#- Whether this build computes what changes of the published rows, or all of them. -#}
{% macro is_incremental() %}
    {%- if not execute or should_full_refresh() or model.config.materialized != 'incremental' -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set base = adapter.get_relation(this.database, var('published_schema'), this.identifier) -%}
    {%- if base is none or base.type != 'table' -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(base) -%}
        {%- do columns.append((column.name, column.data_type)) -%}
    {%- endfor -%}
    {%- set promised = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do promised.append((column.name, column.data_type)) -%}
    {%- endfor -%}
    {%- if columns != promised -%}
        {{ return(false) }}
    {%- endif -%}
    {#- A model that follows another one's changes needs those of this very build. -#}
    {%- for parent in model.depends_on.nodes if graph.nodes.get(parent, {}).get('config', {}).get('materialized') == 'incremental' -%}
        {%- set node = graph.nodes[parent] -%}
        {%- set read = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias) -%}
        {%- if this.schema == var('published_schema') or not has_changes(read) -%}
            {{ return(false) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(true) }}
{% endmacro %}


{#- The relation beside a model that holds a part of what changes of it: `replaced` or `changes`. -#}
{% macro part_of(relation, part) %}
    {{ return(api.Relation.create(
        database=relation.database, schema=relation.schema, identifier=relation.identifier ~ '_' ~ part, type='table'
    )) }}
{% endmacro %}


{#- A model's rows as readers have them. -#}
{% macro published(relation) %}
    {{ return(relation.incorporate(path={'schema': var('published_schema')}, type='table')) }}
{% endmacro %}


{#- Whether a relation was made as changes of what is published; the rows that a unit test gives have no schema. -#}
{% macro has_changes(relation) %}
    {{ return(execute and relation.schema and load_cached_relation(part_of(relation, 'changes')) is not none) }}
{% endmacro %}


{#- What a test looks at: the rows that this build changes, or all where it made all. -#}
{% macro changed(relation) %}
    {{ return(part_of(relation, 'changes') if has_changes(relation) else relation) }}
{% endmacro %}


{#- dbt asks it for what a generic test looks at. -#}
{% macro get_where_subquery(relation) %}
    {{ return(dbt.get_where_subquery(changed(relation))) }}
{% endmacro %}
