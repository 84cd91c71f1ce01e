{#-
    Detects: a bar that silver took though it is odd: a quiet gap, another level of volume, a close or dividend that
    is another one than was told before, a series that was rewritten.
    Why: known faults of providers look like this, and so does, rarely, what is right; see docs/faults.md.
    A row: a bar of the newest answer, with the rule and its numbers.
-#}
{{ config(severity='warn') }}

select symbol, interval, price_date, rule, reason
from {{ ref('suspect_bars') }}
