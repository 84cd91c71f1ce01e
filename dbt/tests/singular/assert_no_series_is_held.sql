{#-
    Detects: a series whose latest answer silver refused as a whole.
    Why: gold goes on with its last good rows, and grows stale until a better answer comes.
    A row: a series, with since when and why.
-#}
{{ config(severity='warn') }}

select symbol, interval, source, held_since, reason
from {{ ref('held_series') }}
