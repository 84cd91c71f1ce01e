{#-
    Of a weekly bar, whether it began before its split: its open is nearer to the close before as it was than to that
    in new shares. Then its prices, and its volume, are partly in old shares.

    Takes the columns open, split_coefficient and close_before.
-#}
{% macro is_split_inside_week() -%}
    case
        when split_coefficient > 1 then open * open * split_coefficient > close_before * close_before
        when split_coefficient < 1 then open * open * split_coefficient < close_before * close_before
        else false
    end
{%- endmacro %}
