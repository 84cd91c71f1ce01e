{#-
    Takes series out of an incremental table that silver holds no more: a replay as of a past moment brings back
    fewer. (delete+insert touches only series that it has new rows for.)
-#}
{% macro delete_vanished_series() -%}
    delete from {{ this }} as prices
    using (
        select symbol, interval from {{ this }}
        except
        select symbol, interval from {{ ref('series_source') }}
    ) as vanished
    where prices.symbol = vanished.symbol and prices.interval = vanished.interval
{%- endmacro %}
