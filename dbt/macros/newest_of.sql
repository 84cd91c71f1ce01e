{#-
    The newest rows of a series in a large table, or the oldest, by the table's key: of the rows that this build puts in
    and of the published ones that stay. (A view of the two would be sorted as a whole.)

    Args:
        relation: Of a model that incremental builds change.
        on: By column that tells the series, what it equals.
        ordered_by: As in the model's config.
        limit: How many rows.
        direction: desc for the newest, asc for the oldest.
        before: The rows are those with a lesser value.
-#}
{% macro newest_of(relation, on, ordered_by, limit=1, direction='desc', before=none) -%}
    {%- set of_series -%}
        {%- for column, value in on.items() -%}
            rows_of.{{ column }} = {{ value }}{{ ' and ' if not loop.last }}
        {%- endfor -%}
        {%- if before %} and rows_of.{{ ordered_by }} < {{ before }}{% endif -%}
    {%- endset -%}
    {%- set in_order = 'order by rows_of.' ~ ordered_by ~ ' ' ~ direction ~ ' limit ' ~ limit -%}
    {%- if has_changes(relation) -%}
    (
        select rows_of.*
        from (
            (select rows_of.* from {{ part_of(relation, 'changes') }} as rows_of where {{ of_series }} {{ in_order }})
            union all
            (
                select rows_of.* from {{ published(relation) }} as rows_of
                where
                    {{ of_series }}
                    and rows_of.{{ ordered_by }} < coalesce(
                        (
                            select replaced.since from {{ part_of(relation, 'replaced') }} as replaced
                            where
                                {% for column, value in on.items() -%}
                                    replaced.{{ column }} = {{ value }}{{ ' and ' if not loop.last }}
                                {%- endfor %}
                        ),
                        date 'infinity'
                    )
                {{ in_order }}
            )
        ) as rows_of
        {{ in_order }}
    )
    {%- else -%}
    (select rows_of.* from {{ relation }} as rows_of where {{ of_series }} {{ in_order }})
    {%- endif -%}
{%- endmacro %}
